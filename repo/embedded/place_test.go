//go:build unix

package embedded

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestEverythingIsPrivate(t *testing.T) {
	dir := reachableDir(t)
	s := mustStart(t, dir)
	p := at(t, dir)
	top := fs.ModeDir | 0o700
	if os.Geteuid() == 0 {
		top = fs.ModeDir | 0o710 // PostgreSQL's own user may pass, and do nothing else
	}
	want := map[string]fs.FileMode{
		dir:                                top,
		p.data():                           fs.ModeDir | 0o700,
		s.socket:                           fs.ModeDir | 0o700,
		s.socket + socketName:              fs.ModeSocket | 0o700,
		p.log():                            0o600,
		filepath.Join(dir, startLock):      0o600,
		filepath.Join(dir, usersLock):      0o600,
		filepath.Join(dir, serverLock):     0o600,
		filepath.Join(p.data(), "base"):    fs.ModeDir | 0o700,
		filepath.Join(p.data(), "pg_wal"):  fs.ModeDir | 0o700,
		filepath.Join(p.data(), "pg_stat"): fs.ModeDir | 0o700,
	}
	for path, mode := range want {
		if info, err := os.Lstat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, mode)
		}
	}
}

func TestLogKeepsNoPersonalData(t *testing.T) {
	dir := reachableDir(t)
	s := mustStart(t, dir)
	conn, err := pgx.Connect(t.Context(), s.URL("postgres", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "create table person (mail text primary key, age int)"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err = conn.Exec(t.Context(), "insert into person values ($1, 30)", "secret@example.com")
	}
	if err == nil {
		t.Fatal("the second row is no duplicate")
	}
	for _, statement := range []string{
		"select 'secret'::int",
		"do $$ begin raise warning 'secret'; raise exception 'secret'; end $$",
		"secret",
	} {
		if _, err := conn.Exec(t.Context(), statement); err == nil {
			t.Fatalf("%s did not fail", statement)
		}
	}
	log, err := os.ReadFile(at(t, dir).log())
	if err != nil || len(log) == 0 {
		t.Fatalf("log: %d bytes, %v", len(log), err)
	}
	if strings.Contains(string(log), "secret") {
		t.Errorf("the log tells:\n%s", log)
	}
}

func TestDirNames(t *testing.T) {
	base := filepath.Dir(reachableDir(t))
	for name, inside := range map[string]bool{
		`it's "é" \ %s`:             true,
		"a,b":                       false,
		strings.Repeat("long ", 30): false,
	} {
		dir := filepath.Join(base, name)
		s := mustStart(t, dir)
		value(t, s, "select 'reached'")
		if strings.HasPrefix(s.socket, dir) != inside || !isPrivate(s.socket) {
			t.Errorf("%s: socket in %s", name, s.socket)
		}
		other := newMember(t, dir)
		other.joined()
		mustClose(t, s)
		other.leave()
		if _, err := os.Lstat(s.socket); err == nil {
			t.Errorf("%s is left", s.socket)
		}
	}
}

func TestTakenSocketDirIsRefused(t *testing.T) {
	base := t.TempDir()
	acct, err := serverAccount("")
	if err != nil {
		t.Fatal(err)
	}
	open, link := filepath.Join(base, "open"), filepath.Join(base, "link")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{open, link} {
		if err := acct.ownDir(dir); err == nil || !strings.Contains(err.Error(), "not a private directory") {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if err := acct.ownDir(filepath.Join(base, "new")); err != nil {
		t.Error(err)
	}
}

// Root's own directories are closed to PostgreSQL's user, so the data is stored in another one. An ordinary user's
// server stays in its directory.
func TestDirBehindAClosedOne(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(closed, "server")
	s := mustStart(t, dir)
	value(t, s, "create table kept as select '1' as id")
	p := at(t, dir)
	if elsewhere := p.home != dir; elsewhere != (os.Geteuid() == 0) {
		t.Errorf("the data of %s is in %s", dir, p.home)
	}
	mustClose(t, s)
	note := filepath.Join(dir, locationFile)
	before, _ := os.Stat(note)
	kept := func() {
		s = mustStart(t, dir)
		if got := value(t, s, "select id from kept"); got != "1" {
			t.Errorf("kept %q", got)
		}
		mustClose(t, s)
	}
	kept()
	if before != nil {
		if after, err := os.Stat(note); err != nil || !os.SameFile(before, after) {
			t.Error("the place is noted again at each start", err)
		}
		if err := os.WriteFile(note, nil, 0o600); err != nil { // as on a full disk
			t.Fatal(err)
		}
		kept()
	}
	if err := Remove(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(p.home); err == nil {
		t.Errorf("%s is left", p.home)
	}
}

func TestDirWithFilesKeepsItsMode(t *testing.T) {
	dir := filepath.Dir(reachableDir(t))
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := mustStart(t, dir)
	value(t, s, "select 'reached'")
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestUserEnvironmentDoesNotMatter(t *testing.T) {
	for name, text := range map[string]string{
		"PGPORT": "1", "PGHOST": "elsewhere", "PGUSER": "nobody", "PGDATABASE": "none", "PGSSLMODE": "verify-full",
		"PGDATA": "/nowhere", "PGTARGETSESSIONATTRS": "standby", "LC_ALL": "xx_XX", "HOME": "", "TZ": "Mars/Olympus",
	} {
		t.Setenv(name, text)
	}
	s := mustStart(t, reachableDir(t))
	if got := value(t, s, "select current_setting('timezone') || ' ' || current_user"); got != "UTC postgres" {
		t.Errorf("got %q", got)
	}
}
