package program

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"

	"crm/repo"
	"crm/repo/embedded"
	"crm/repo/embedded/pgtest"
	"crm/repo/place"
)

// TestDeploymentScripts runs the scripts of docs/deployment.md: a backup, its trial, and a restore without crm.
func TestDeploymentScripts(t *testing.T) {
	keyset, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("docs/deployment.md")
	if err != nil {
		t.Fatal(err)
	}
	scripts := map[string]string{}
	for _, block := range regexp.MustCompile("(?s)```sh\n# ([a-z-]+):(.*?)```").FindAllStringSubmatch(string(text),
		-1) {
		scripts[block[1]] = "#" + block[2]
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir, database := t.TempDir(), pgtest.Database(t, "crm_demo")
	byHand := pgtest.Database(t, "")
	for name, text := range map[string]string{
		"recipient": identity.Recipient().String() + "\n",
		"identity":  identity.String() + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	programs, _, err := place.Program("")(t.Context(), "pg_restore", 14)
	if err != nil {
		t.Fatal(err)
	}
	conf, err := pgx.ParseConfig(pgtest.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	run := func(name string, more ...string) {
		t.Helper()
		script := exec.Command("sh", "-c", scripts[name])
		script.Env = append(command(t, database, keyset).Env, "BACKUPS="+dir, "PATH="+filepath.Dir(programs)+":"+
			os.Getenv("PATH"), "CRM_DATABASE_ADMIN_URL="+pgtest.URL("postgres"))
		script.Env = append(script.Env, more...)
		if out, err := script.CombinedOutput(); scripts[name] == "" || err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	run("crm-backup")
	run("crm-try-backup", "IDENTITY="+filepath.Join(dir, "identity"), "TRIAL_URL="+appURL("crm_trial"))
	plain := filepath.Join(dir, "plain")
	if out, err := exec.Command("sh", "-c", `ls "$0"/crm-*.crm`,
		dir).Output(); err != nil || strings.Count(string(out), "\n") != 1 {
		t.Errorf("backups: %s, %v", out, err)
	}
	admin := repo.NewAdmin(pgtest.URL("postgres"), repo.Names{
		Database: byHand, Schema: "crm", Owner: "crm_owner",
		App: "crm_app",
	})
	if err := query(io.Discard, pgtest.URL("postgres"), "drop database "+byHand); err != nil {
		t.Fatal(err)
	}
	scripts["plain"] = `crm backup "$FILE"`
	run("plain", "FILE="+plain)
	run("crm-restore-by-hand", "FILE="+plain, "NEW="+byHand, "PGHOST="+conf.Host, fmt.Sprint("PGPORT=", conf.Port),
		"PGUSER="+conf.User)
	if head, _, err := admin.VerifyChain(t.Context(), nil); err != nil || head.Position == 0 {
		t.Errorf("restored by hand: %v, %v", head, err)
	}
	restored := command(t, byHand, keyset, "--login", "sales1@epic.example", "-c", "customer list --format csv")
	if out, err := restored.Output(); err != nil || !strings.Contains(string(out), "Kevin Casey") {
		t.Errorf("read from it: %s, %v", out, err)
	}
}

// TestPrivateServerUpgrades starts crm on a private server of the first release: it stores a dump, upgrades and reports
// both, once.
func TestPrivateServerUpgrades(t *testing.T) {
	home, err := os.MkdirTemp("", "crm-up-") // short: it holds a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	dir := filepath.Join(home, "server")
	t.Cleanup(func() {
		if err := embedded.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	fillPrivate(t, dir)
	start := func() string {
		crm := exec.Command("crm", "-c", "help")
		crm.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home,
			"XDG_STATE_HOME="+home,
			"CRM_EMBEDDED_DIR="+dir, "CRM_KEYSET="+releaseKeyset(t, "3"), "GORACE="+noNap)
		out, err := crm.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	said := start()
	file := regexp.MustCompile(`the database is of an older crm: its state is kept in (\S+\.dump)\n`).
		FindStringSubmatch(said)
	if file == nil || !strings.Contains(said, "schema upgraded from version 3 to ") {
		t.Fatalf("it says:\n%s", said)
	}
	if info, err := os.Stat(file[1]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the dump: %v, %v", info, err)
	}
	list, _, err := embedded.Client(t.Context(), "pg_restore", "", 14)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(list, "--list", file[1]).CombinedOutput(); err != nil || !strings.Contains(string(out),
		"TABLE DATA crm customer ") {
		t.Errorf("the dump holds: %v\n%s", err, out)
	}
	if said := start(); strings.Contains(said, "upgrade") {
		t.Errorf("the second start says:\n%s", said)
	}
}

// fillPrivate makes a private server with the database of the first release.
func fillPrivate(t *testing.T, dir string) {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: dir, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	execute(t, server.URL("postgres", ""),
		"create role crm_owner nologin noinherit", "create role crm_app login noinherit",
		"create database crm owner crm_owner")
	execute(t, server.URL("crm", ""), releaseDump(t, "3"))
}

// releaseDump returns the statements that make the database of the first program of a schema version.
func releaseDump(t testing.TB, version string) string {
	t.Helper()
	// psql's own commands
	return regexp.MustCompile(`(?m)^\\.*$`).ReplaceAllString(string(unzipped(t, "v"+version+".sql.gz")), "")
}

// releaseKeyset returns the keyset that opens releaseDump.
func releaseKeyset(t testing.TB, version string) string {
	t.Helper()
	var release struct {
		Keyset string `json:"keyset"`
	}
	if err := json.Unmarshal(unzipped(t, "v"+version+".json.gz"), &release); err != nil {
		t.Fatal(err)
	}
	return release.Keyset
}

// execute runs each script, which may contain several statements, as the superuser.
func execute(t testing.TB, address string, scripts ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, s := range scripts {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

func unzipped(t testing.TB, name string) []byte {
	t.Helper()
	file, err := os.Open(filepath.Join("repo", "upgrade", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
