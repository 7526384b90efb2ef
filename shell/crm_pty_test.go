//go:build linux

package shell

import (
	"cmp"
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/commands"
	"crm/repo"
	"crm/repo/embedded/pgtest"
	"crm/security"
	"crm/seed"
)

// These tests talk to the real program in a terminal, on a real PostgreSQL. This file starts it;
// crm_*_pty_test.go hold what it promises.

// TestConversation runs them all: the groups one after the other, the tests of each side by side.
func TestConversation(t *testing.T) {
	crmBinary = build(t, "crm", race()...)
	for _, g := range []struct {
		name     string
		promises map[string]func(*testing.T)
	}{
		{"loop", loopPromises},
		{"box", boxPromises},
		{"ask", askPromises},
		{"edit", editPromises},
		{"output", outputPromises},
		{"link", linkPromises},
		{"account", accountPromises},
		{"many", manyPromises},
		{"pictures", picturePromises},
	} {
		t.Run(g.name, func(t *testing.T) {
			for name, test := range g.promises {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t)
				})
			}
		})
	}
}

// crmBinary is the program that TestConversation built.
var crmBinary string

// build builds a program of the module.
func build(t testing.TB, name string, flags ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(name))
	args := append([]string{"build", "-o", path}, flags...)
	if out, err := exec.Command("go", append(args, name)...).CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// race returns the flag of the race detector if the test has it: what a terminal shows is tried with it then.
func race() []string {
	if pgtest.Race() {
		return []string{"-race"}
	}
	return nil
}

// A warehouse is a server with a database to copy, filled with the demo's data.
type warehouse struct {
	url    func(database string) string // as the superuser
	keyset string
}

const stock = "crm_stock" // the database to copy

var shared = sync.OnceValues(func() (warehouse, error) { return fillWarehouse(pgtest.URL) })

func fillWarehouse(address func(string) string) (warehouse, error) {
	return fillDatabase(address, stock, seed.Config{Customers: 30, Contracts: 30, Events: 12, Now: time.Now()})
}

// fillDatabase makes a database with the accounts of the demo and so many records.
func fillDatabase(address func(string) string, name string, amounts seed.Config) (warehouse, error) {
	ctx, w := context.Background(), warehouse{url: address}
	schema, err := os.ReadFile("../schema.sql")
	if err != nil {
		return w, err
	}
	keys, err := security.NewKeyset()
	if err != nil {
		return w, err
	}
	keyring, err := security.NewKeyring(keys)
	if err != nil {
		return w, err
	}
	admin := repo.NewAdmin(address("postgres"),
		repo.Names{Database: name, Schema: "crm", Owner: "crm_owner", App: "crm_app"})
	if _, err := admin.Setup(ctx, string(schema), ""); err != nil {
		return w, err
	}
	if _, err := admin.RegisterKey(ctx, keyring.KeyID()); err != nil {
		return w, err
	}
	vault, err := commands.Unseal(keys, "")
	if err != nil {
		return w, err
	}
	w.keyset = string(keys)
	db, err := repo.Open(repo.Config{URL: w.app(name), Schema: "crm", Vault: vault})
	if err != nil {
		return w, err
	}
	defer db.Close()
	amounts.Demo, amounts.Zone, amounts.Seed = true, time.UTC, 1
	amounts.Params = security.Params{Memory: 12 << 10, Iterations: 3, Parallelism: 1}
	_, err = seed.Fill(ctx, admin, db, amounts, nil)
	return w, err
}

// app returns the URL of a database for the app role.
func (w warehouse) app(database string) string {
	u, _ := url.Parse(w.url(database))
	u.User = url.User("crm_app")
	return u.String()
}

// A desk is the program in a terminal, with a database and a home of its own.
type desk struct {
	*console
	warehouse
	database, home string
	prompt         string // the text of the empty line
}

type deskConfig struct {
	login      string   // the user who is signed in at the start; "" means signed out
	flags      []string // of the program
	env        []string
	cols, rows uint16
	shell      string     // what runs the program, "$CRM"; empty: nothing does
	at         *warehouse // nil: the shared server
	database   string     // of at; empty: its stock
	beside     *desk      // whose database it is; nil: one of its own
	bin        string     // empty: crmBinary
}

func sit(t testing.TB, c deskConfig) *desk {
	t.Helper()
	var err error
	c.bin = cmp.Or(c.bin, crmBinary)
	d := &desk{home: t.TempDir(), prompt: "crm>"}
	switch {
	case c.beside != nil:
		d.warehouse, d.database = c.beside.warehouse, c.beside.database
	case c.at != nil:
		d.warehouse, d.database = *c.at, cmp.Or(c.database, stock)
	default:
		if d.warehouse, err = shared(); err != nil {
			t.Fatal(err)
		}
		d.database = pgtest.Database(t, stock)
	}
	env := append([]string{
		"HOME=" + d.home, "XDG_CONFIG_HOME=" + d.home + "/config", "XDG_DATA_HOME=" + d.home + "/data",
		"XDG_STATE_HOME=" + d.home + "/state",
		"CRM_DATABASE_URL=" + d.app(d.database), "CRM_KEYSET=" + d.keyset,
		"CRM_PASSWORD_MEMORY_MIB=19", "CRM_PASSWORD_ITERATIONS=2",
		"CRM_LOCALE_LANGUAGE=en", "CRM=" + c.bin,
	}, c.env...)
	args := append([]string{c.bin}, c.flags...)
	if c.login != "" {
		env = append(env, "CRM_PASSWORD="+seed.DemoPassword)
		args = append(args, "--login", c.login+"@epic.example")
		d.prompt = c.login + " crm>"
	}
	if c.shell != "" {
		args = append([]string{"bash", "--norc", "--noprofile", "-mc", c.shell, "bash"}, args[1:]...)
	}
	d.console = openConsole(t, c.bin,
		consoleConfig{cols: cmp.Or(c.cols, 80), rows: cmp.Or(c.rows, 24), env: env, args: args})
	d.idle()
	return d
}

// idle waits for an empty line to be read.
func (d *desk) idle() {
	d.t.Helper()
	d.until("prompt "+d.prompt, func() bool { return d.line() == d.prompt && !d.isCooked() })
}

// said waits for text in the output, whether it is still on the screen or not.
func (d *desk) said(since int, want string) {
	d.t.Helper()
	d.until(want, func() bool { return strings.Contains(d.output()[since:], want) })
}

// run types a command and waits for each of the words, in order, and for the next prompt. It returns all output.
func (d *desk) run(command string, want ...string) string {
	d.t.Helper()
	since := len(d.output())
	d.send(command + "\r")
	d.said(since, "\x1b[?2004l") // the line is over
	at := since + strings.Index(d.output()[since:], "\x1b[?2004l")
	for _, w := range want {
		d.said(at, w)
		at += strings.Index(d.output()[at:], w) + len(w)
	}
	d.said(since+strings.Index(d.output()[since:], "\x1b[?2004l"), "\x1b[?2004h")
	d.idle()
	return d.output()[since:]
}

// clean empties the line.
func (d *desk) clean() {
	d.t.Helper()
	d.send("\x05\x15")
	d.idle()
}

// connect opens a connection as the superuser.
func (d *desk) connect(database string) *pgx.Conn {
	d.t.Helper()
	conf, err := pgx.ParseConfig(d.url(database))
	if err != nil {
		d.t.Fatal(err)
	}
	conf.RuntimeParams["search_path"] = "crm"
	conn, err := pgx.ConnectConfig(context.Background(), conf)
	if err != nil {
		d.t.Fatal(err)
	}
	return conn
}

// sql runs a statement as the superuser.
func (d *desk) sql(statement string, args ...any) {
	d.t.Helper()
	conn := d.connect(d.database)
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), statement, args...); err != nil {
		d.t.Fatalf("%s: %v", statement, err)
	}
}

// number returns a number that the superuser selects.
func (d *desk) number(statement string, args ...any) (n int) {
	d.t.Helper()
	conn := d.connect(d.database)
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(), statement, args...).Scan(&n); err != nil {
		d.t.Fatalf("%s: %v", statement, err)
	}
	return n
}

// text returns a text that the superuser selects.
func (d *desk) text(statement string, args ...any) (text string) {
	d.t.Helper()
	conn := d.connect(d.database)
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(), statement, args...).Scan(&text); err != nil {
		d.t.Fatalf("%s: %v", statement, err)
	}
	return text
}

// lock locks a table until unlock.
func (d *desk) lock(table string) (unlock func()) {
	d.t.Helper()
	return d.lockFor(table, "access exclusive")
}

// lockFor locks a table in a mode until unlock.
func (d *desk) lockFor(table, mode string) (unlock func()) {
	d.t.Helper()
	conn := d.connect(d.database)
	if _, err := conn.Exec(context.Background(), "begin; lock table "+pgx.Identifier{table}.Sanitize()+
		" in "+mode+" mode"); err != nil {
		d.t.Fatal(err)
	}
	unlock = sync.OnceFunc(func() { _ = conn.Close(context.Background()) })
	d.t.Cleanup(unlock)
	return unlock
}

// waits selects the program's statements that wait for a lock. A lock that is not granted shows that all the time;
// pg_stat_activity.wait_event_type is empty while a waiting backend looks for a deadlock.
const waits = `select pid from pg_stat_activity a where datname = $1 and application_name = 'crm' and state = 'active'
	and exists (select from pg_locks l where l.pid = a.pid and not granted)`

// waiting counts the statements of the program that wait for a lock, except for one backend.
func (d *desk) waiting(but int) int {
	d.t.Helper()
	return d.number("select count(*) from ("+waits+") w where pid <> $2", d.database, but)
}

// stuck waits until a statement of the program waits for a lock.
func (d *desk) stuck() {
	d.t.Helper()
	d.until("statement that waits", func() bool { return d.waiting(0) > 0 })
}

// free waits until none does.
func (d *desk) free() {
	d.t.Helper()
	d.until("end of the statement", func() bool { return d.waiting(0) == 0 })
}

// storedFiles returns every file under the desk's home, with its content.
func (d *desk) storedFiles() map[string]string {
	d.t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(d.home, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files[path] = string(content)
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return files
}

// shortDir returns a directory whose name fits on a line.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// script writes an executable file.
func script(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(shortDir(t), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// inOrder fails unless the text holds the words in this order.
func inOrder(t testing.TB, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		i := strings.Index(text, w)
		if i < 0 {
			t.Fatalf("no %q, or not in order, in:\n%s", w, text)
		}
		text = text[i+len(w):]
	}
}

// controls matches the control sequences and characters that plainly drops; a line feed stays.
var controls = regexp.MustCompile(
	`\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b.|[\x00-\x09\x0b-\x1f\x7f]`)

// plainly returns the output without the control sequences.
func plainly(text string) string { return controls.ReplaceAllString(text, "") }
