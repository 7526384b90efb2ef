package program

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"crm/commands"
	"crm/repo"
	"crm/repo/embedded/pgtest"
	"crm/security"
	"crm/seed"
)

// The tests run the real program: the test binary is crm if it is started by that name. With the race detector it would
// take five times as long, so crm is the same test binary without it then; package shell runs the program in a terminal
// with it.
func TestMain(m *testing.M) {
	program := map[string]func(){"crm": func() { os.Exit(Main(schemaSQL())) }}
	if pgtest.Race() {
		program = nil
	}
	testscript.Main(atTheTop{m}, program)
}

// atTheTop runs the tests in the top directory of the repository, with a server.
type atTheTop struct{ m *testing.M }

func (a atTheTop) Run() int {
	if err := os.Chdir(filepath.Join("..", "..")); err != nil {
		panic(err)
	}
	if pgtest.Race() {
		dir, err := os.MkdirTemp("", "crm-program-")
		if err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		buildCRM(dir)
	}
	return pgtest.Main(a.m)
}

// buildCRM builds crm in a directory, which becomes the first of PATH.
func buildCRM(dir string) {
	args := []string{"test", "-c", "-vet=off", "-o", filepath.Join(dir, "crm")}
	if mode := testing.CoverMode(); mode != "" {
		args = append(args, "-cover", "-covermode="+mode)
	}
	if out, err := exec.Command("go", append(args, "./shell/program")...).CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build: %v\n%s", err, out))
	}
	if err := os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		panic(err)
	}
}

// schemaSQL returns the text of schema.sql, which the program proper embeds.
func schemaSQL() string {
	_, file, _, _ := runtime.Caller(0)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(file), "..", "..", "schema.sql"))
	if err != nil {
		panic(err)
	}
	return string(text)
}

// demoTime is the time at which the scripts' data was made; its dates are relative to it.
var demoTime = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// noNap is for the race detector, with which a program sleeps for a second before it exits.
const noNap = "atexit_sleep_ms=0"

// demo is a database with the demo's data, of which every script gets a copy, and its keyset.
var demo = sync.OnceValues(func() (keyset string, err error) {
	ctx := context.Background()
	keys, err := security.NewKeyset()
	if err != nil {
		return "", err
	}
	keyring, err := security.NewKeyring(keys)
	if err != nil {
		return "", err
	}
	names := repo.Names{Database: "crm_demo", Schema: "crm", Owner: "crm_owner", App: "crm_app"}
	admin := repo.NewAdmin(pgtest.URL("postgres"), names)
	if _, err := admin.Setup(ctx, schemaSQL(), ""); err != nil {
		return "", err
	}
	if _, err := admin.RegisterKey(ctx, keyring.KeyID()); err != nil {
		return "", err
	}
	vault, err := commands.Unseal(keys, "")
	if err != nil {
		return "", err
	}
	db, err := repo.Open(repo.Config{URL: appURL("crm_demo"), Schema: "crm", Vault: vault})
	if err != nil {
		return "", err
	}
	defer db.Close()
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		return "", err
	}
	_, err = seed.Fill(ctx, admin, db, seed.Config{
		Customers: 40, Contracts: 60, Events: 45, Demo: true,
		Params: security.Params{Memory: 7 << 10, Iterations: 5, Parallelism: 1}, Now: demoTime, Zone: zone, Seed: 1,
	}, nil)
	return string(keys), err
})

// appURL returns the connection string of the test server for the app role.
func appURL(database string) string {
	u, _ := url.Parse(pgtest.URL(database))
	u.User = url.User("crm_app")
	return u.String()
}

// TestExamples runs every example of help on the demo's data as a user with the permission: all of them succeed.
func TestExamples(t *testing.T) {
	keyset, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	database := pgtest.Database(t, "crm_demo")
	var roles strings.Builder // action, then the roles that may do it, the widest scope first
	if err := query(&roles, pgtest.URL(database), "select action, min(scope || ' ' || role) from permission group by "+
		"action"); err != nil {
		t.Fatal(err)
	}
	may := map[security.Action]string{
		security.Public: "sales1", security.SignedIn: "sales1",
		security.Limited: "sales1", security.Enrol: "sales1",
	}
	for line := range strings.Lines(roles.String()) {
		words := strings.Fields(line)
		may[security.Action(words[0])] = words[2]
	}
	accounts := map[string]string{"sales": "sales1", "support": "support1"}
	var script strings.Builder
	for _, c := range commands.All() {
		who, ok := may[c.Needs]
		if !ok {
			t.Errorf("%s needs %q, which no role has", c.Name, c.Needs)
		}
		if account, ok := accounts[who]; ok {
			who = account
		}
		for _, e := range c.Examples {
			fmt.Fprintf(&script, "login %s@epic.example\n%s\n", who, e)
		}
	}
	file := filepath.Join(t.TempDir(), "examples.crm")
	if err := os.WriteFile(file, []byte(script.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	crm := command(t, database, keyset, "--keep-going", "--yes", "-f", file)
	var words strings.Builder
	crm.Stderr = &words
	if err := crm.Run(); err != nil {
		t.Errorf("examples.crm: %v\n%s\n%s", err, words.String(), script.String())
	}
}

// TestBoundaries runs every command as every role: a command that the role lacks is refused before any input is read,
// and all commands are refused when signed out. Nothing changes, and no data is printed.
func TestBoundaries(t *testing.T) {
	keyset, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	database := pgtest.Database(t, "crm_demo")
	for who, role := range map[string]string{
		"": "", "admin": "admin", "manage": "manage", "sales1": "sales",
		"support1": "support",
	} {
		var rights strings.Builder
		if err := query(&rights, pgtest.URL(database),
			"select action from permission where role = '"+role+"'"); err != nil {
			t.Fatal(err)
		}
		may := append(strings.Fields(rights.String()), string(security.Public))
		if who != "" {
			may = append(may, string(security.SignedIn), string(security.Limited), string(security.Enrol))
		}
		var script strings.Builder
		forbidden := 0
		for _, c := range commands.All() {
			if !slices.Contains(may, string(c.Needs)) {
				fmt.Fprintln(&script, c.Name, "1")
				forbidden++
			}
		}
		args := []string{"--keep-going", "--yes", "--quiet"}
		if who != "" {
			args = append(args, "--login", who+"@epic.example")
		}
		crm := command(t, database, keyset, args...)
		crm.Stdin = strings.NewReader(script.String())
		var data, words strings.Builder
		crm.Stdout, crm.Stderr = &data, &words
		err := crm.Run()
		refused := strings.Count(words.String(), " is not permitted to the role "+role+"\n") +
			strings.Count(words.String(), "error: not signed in: use \"login EMAIL\"\n")
		if (err == nil) != (forbidden == 0) || crm.ProcessState.ExitCode() != min(forbidden, 1)*commands.StatusDenied ||
			refused != forbidden || data.Len() > 0 {
			t.Errorf("%q: %d of %d commands refused: %v\n%s%s", who, refused, forbidden, err, words.String(),
				data.String())
		}
	}
}

// command returns the program on a database, with a home of its own.
func command(t *testing.T, database, keyset string, args ...string) *exec.Cmd {
	crm := exec.Command("crm", args...)
	home := t.TempDir()
	inherited := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CRM_BENCH_") })
	crm.Env = append(inherited, "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "XDG_STATE_HOME="+home,
		"CRM_DATABASE_URL="+appURL(database), "CRM_KEYSET="+keyset, "CRM_PASSWORD="+seed.DemoPassword,
		"CRM_PASSWORD_MEMORY_MIB=19", "CRM_PASSWORD_ITERATIONS=2", "GORACE="+noNap)
	return crm
}
