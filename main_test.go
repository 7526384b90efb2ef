package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/pquerna/otp/totp"
	"github.com/rogpeppe/go-internal/testscript"

	"crm/commands"
	"crm/commands/config"
	"crm/repo"
	"crm/repo/embedded"
	"crm/repo/embedded/pgtest"
	"crm/repo/place"
	"crm/security"
	"crm/seed"
)

// The tests run the real program: the test binary is crm when it is started by that name.
func TestMain(m *testing.M) {
	testscript.Main(withServer{m}, map[string]func(){"crm": main})
}

type withServer struct{ m *testing.M }

func (w withServer) Run() int { return pgtest.Main(w.m) }

// demoTime is when the scripts' data was made; its dates are relative to it.
var demoTime = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// noNap is for the race detector, with which a program sleeps for a second before it exits.
const noNap = "atexit_sleep_ms=0"

// demo is a database with the demo's data, which every script gets a copy of, and its keyset.
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
	if _, err := admin.Setup(ctx, schemaSQL, ""); err != nil {
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
		Customers: 40, Contracts: 60, Events: 45, Demo: true, Params: security.Params{Memory: 12 << 10, Iterations: 3, Parallelism: 1}, Now: demoTime, Zone: zone, Seed: 1,
	}, nil)
	return string(keys), err
})

// appURL is the test server for the app role.
func appURL(database string) string {
	u, _ := url.Parse(pgtest.URL(database))
	u.User = url.User("crm_app")
	return u.String()
}

// TestScripts runs shell/testdata/script: each script against a database of its own with the demo's data.
//
//	status N ARG…    runs crm and wants its exit status to be N
//	as WHO LINE…     signs in as WHO@epic.example and runs each LINE with -c; wants status 0
//	refuse N WHO LINE…  the same, and wants status N
//	sql STATEMENT    runs it as the superuser; rows go to stdout, tab-separated
//	raw STATEMENT    runs it as the app role without a token; its error goes to stderr
//	pooler N [reset] puts a pooler with N connections before the database, which discards what clients leave if it resets
//	together N ARG…  runs crm N times at once and wants the status 0 of each
//	find NAME STATEMENT  sets the variable to the one value that it answers
//	keep             remembers all that is stored; unchanged wants it to be still so
//	nowhere TEXT     wants it in no file of the user and in no row of the database
//	bytes FILE TEXT [COUNT]  writes TEXT, with Go's escapes, so many times
//	once FILE FROM   writes the one-time password that FROM holds as JSON; it is $ONCE too
//	enrol WHO        gives WHO a second factor with the codes abcd… and abcd…2222 for recovery; unused forgets which codes were used
//	release N        puts the database and keyset of the first program of schema version N in the place of the demo's
//	code FILE [N]    writes the code that the device of the last enrol shows in N steps; it is $CODE too
func TestScripts(t *testing.T) {
	keyset, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("shell", "testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			database := pgtest.Database(env.T().(testing.TB), "crm_demo")
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, ".config"))
			env.Setenv("XDG_DATA_HOME", filepath.Join(env.WorkDir, ".data"))
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, ".state"))
			env.Setenv("CRM_DATABASE_URL", appURL(database))
			env.Setenv("ADMIN_URL", pgtest.URL(database))
			env.Setenv("SERVER_URL", appURL("")) // of the app role, for the database of CRM_DATABASE_NAME
			env.Setenv("CRM_KEYSET", keyset)
			env.Setenv("CRM_PASSWORD", seed.DemoPassword)
			env.Setenv("CRM_PASSWORD_MEMORY_MIB", "12")
			env.Setenv("CRM_LOCALE_LANGUAGE", "en")
			env.Setenv("GORACE", noNap)
			env.Values["database"], env.Values["test"] = database, env.T()
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status": func(ts *testscript.TestScript, neg bool, args []string) { runStatus(ts, args[0], args[1:]) },
			"as":     func(ts *testscript.TestScript, neg bool, args []string) { runAs(ts, "0", args[0], args[1:]) },
			"refuse": func(ts *testscript.TestScript, neg bool, args []string) { runAs(ts, args[0], args[1], args[2:]) },
			"sql": func(ts *testscript.TestScript, neg bool, args []string) {
				runSQL(ts, ts.Getenv("ADMIN_URL"), neg, args)
			},
			"pooler":   runPooler,
			"together": func(ts *testscript.TestScript, neg bool, args []string) { runTogether(ts, args[0], args[1:]) },
			"raw": func(ts *testscript.TestScript, neg bool, args []string) {
				runSQL(ts, ts.Getenv("CRM_DATABASE_URL"), neg, args)
			},
			"find": func(ts *testscript.TestScript, neg bool, args []string) {
				ts.Setenv(args[0], strings.TrimSpace(answer(ts, args[1])))
			},
			"keep": func(ts *testscript.TestScript, neg bool, args []string) {
				ts.Setenv("KEPT", answer(ts, allThatIsStored))
			},
			"unchanged": func(ts *testscript.TestScript, neg bool, args []string) {
				if answer(ts, allThatIsStored) != ts.Getenv("KEPT") {
					ts.Fatalf("what is stored has changed")
				}
			},
			"nowhere": func(ts *testscript.TestScript, neg bool, args []string) { runNowhere(ts, args[0]) },
			"bytes":   func(ts *testscript.TestScript, neg bool, args []string) { runBytes(ts, args) },
			"once":    func(ts *testscript.TestScript, neg bool, args []string) { runOnce(ts, args[0], args[1]) },
			"release": func(ts *testscript.TestScript, neg bool, args []string) { runRelease(ts, args[0]) },
			"enrol":   func(ts *testscript.TestScript, neg bool, args []string) { runEnrol(ts, args[0]) },
			"unused": func(ts *testscript.TestScript, neg bool, args []string) {
				answer(ts, "update second_factor set last_step = 0")
			},
			"code": func(ts *testscript.TestScript, neg bool, args []string) { runCode(ts, args[0], append(args, "0")[1]) },
		},
	})
}

func runStatus(ts *testscript.TestScript, want string, args []string) {
	err := ts.Exec("crm", args...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("crm: %v", err)
	}
	if n, err := strconv.Atoi(want); err != nil || n != got {
		ts.Fatalf("crm %s: exit status %d, want %s", strings.Join(args, " "), got, want)
	}
}

func runAs(ts *testscript.TestScript, want, who string, lines []string) {
	args := []string{"--login", who + "@epic.example", "--quiet"}
	for _, l := range lines {
		args = append(args, "-c", l)
	}
	runStatus(ts, want, args)
}

func runTogether(ts *testscript.TestScript, count string, args []string) {
	n, err := strconv.Atoi(count)
	ts.Check(err)
	failed := make([]string, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			crm := exec.Command("crm", args...) // the test's PATH has it
			crm.Dir = ts.Getenv("WORK")
			for _, name := range []string{
				"PATH", "HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "CRM_DATABASE_URL", "CRM_KEYSET",
				"CRM_PASSWORD", "CRM_PASSWORD_MEMORY_MIB", "CRM_LOCALE_LANGUAGE", "GORACE",
			} {
				crm.Env = append(crm.Env, name+"="+ts.Getenv(name))
			}
			if out, err := crm.CombinedOutput(); err != nil {
				failed[i] = fmt.Sprintf("%v: %s", err, out)
			}
		})
	}
	all.Wait()
	if failed = slices.DeleteFunc(failed, func(s string) bool { return s == "" }); len(failed) > 0 {
		ts.Fatalf("%d of %d failed:\n%s", len(failed), n, strings.Join(failed, "\n"))
	}
}

// allThatIsStored answers one value that differs when any record, rule or right does. Signing in leaves it alone, also where it raises the cost of a password.
const allThatIsStored = `
	select md5(concat(
		(select string_agg(t::text, '' order by id) from collaborator t), (select string_agg(t::text, '' order by id) from customer t),
		(select string_agg(t::text, '' order by id) from contract t), (select string_agg(t::text, '' order by id) from payment t),
		(select string_agg(t::text, '' order by id) from event t), (select string_agg(t::text, '' order by id) from audit t where action !~ '^(sign|refuse|export|password-cost)'),
		(select string_agg(t::text, '' order by t) from permission t), (select string_agg(t::text, '' order by t) from role t),
		(select string_agg(concat(collaborator_id, changed_at, must_change, expires_at), '' order by collaborator_id) from credential), (select string_agg(t::text, '' order by t) from setting t),
		(select string_agg(oid || relname || coalesce(relacl::text, ''), '' order by oid) from pg_class where relnamespace = 'crm'::regnamespace),
		(select string_agg(oid || proname || coalesce(proacl::text, '') || prosrc, '' order by oid) from pg_proc where pronamespace = 'crm'::regnamespace)))`

// answer is what a statement, run as the superuser, answers: cells separated by tabs, rows by line breaks.
func answer(ts *testscript.TestScript, statement string) string {
	var out strings.Builder
	if err := query(&out, ts.Getenv("ADMIN_URL"), statement); err != nil {
		ts.Fatalf("sql: %v", err)
	}
	return out.String()
}

// runPooler has crm connect through a pooler of transactions.
func runPooler(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.Atoi(args[0])
	ts.Check(err)
	p := pgtest.StartPooler(ts.Value("test").(testing.TB), appURL(ts.Value("database").(string)), size)
	p.Reset = len(args) > 1
	ts.Setenv("CRM_DATABASE_URL", p.URL)
}

// runNowhere looks for the text in the user's files and in every column, also in the hex digits of bytes.
func runNowhere(ts *testscript.TestScript, text string) {
	ts.Check(filepath.WalkDir(ts.Getenv("HOME"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, "/.") {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil && bytes.Contains(content, []byte(text)) {
			ts.Fatalf("%s holds %q", path, text)
		}
		return err
	}))
	for table := range strings.FieldsSeq(answer(ts, "select relname from pg_class where relnamespace = 'crm'::regnamespace and relkind = 'r'")) {
		rows := answer(ts, "select t::text from "+table+" t")
		if strings.Contains(rows, text) || strings.Contains(rows, hex.EncodeToString([]byte(text))) {
			ts.Fatalf("the table %s holds %q", table, text)
		}
	}
}

func runBytes(ts *testscript.TestScript, args []string) {
	text, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	count := 1
	if len(args) > 2 {
		count, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat(text, count)), 0o600))
}

func runOnce(ts *testscript.TestScript, file, from string) {
	found := regexp.MustCompile(`"one_time_password":"([^"]+)"`).FindStringSubmatch(ts.ReadFile(from))
	if found == nil {
		ts.Fatalf("%s holds no one-time password", from)
	}
	ts.Setenv("ONCE", found[1])
	ts.Check(os.WriteFile(ts.MkAbs(file), []byte(found[1]), 0o600))
}

func runEnrol(ts *testscript.TestScript, who string) {
	secret := security.NewFactor()
	ts.Setenv("SECRET", strings.Join(strings.Fields(security.FactorText(secret)), ""))
	answer(ts, fmt.Sprintf(`with f as (insert into second_factor (collaborator_id, secret, last_step)
			select id, '\x%x', 0 from collaborator where email = '%s@epic.example' returning collaborator_id)
		insert into recovery_code (collaborator_id, code_hash)
		select collaborator_id, sha256(convert_to(code, 'UTF8')) from f, unnest(array['abcdefghijklmnop', 'abcdefghijkl2222']) code`, secret, who))
}

// runRelease replaces the schema by one of an older program, which has a keyset of its own.
func runRelease(ts *testscript.TestScript, version string) {
	t := ts.Value("test").(testing.TB)
	execute(t, ts.Getenv("ADMIN_URL"), "drop schema crm cascade", releaseDump(t, version))
	ts.Setenv("CRM_KEYSET", releaseKeyset(t, version))
}

func runCode(ts *testscript.TestScript, file, steps string) {
	n, err := strconv.Atoi(steps)
	ts.Check(err)
	code, err := totp.GenerateCode(ts.Getenv("SECRET"), time.Now().Add(time.Duration(n)*30*time.Second))
	ts.Check(err)
	ts.Setenv("CODE", code)
	ts.Check(os.WriteFile(ts.MkAbs(file), []byte(code), 0o600))
}

// runSQL runs one statement; not wanted to succeed, it must fail.
func runSQL(ts *testscript.TestScript, address string, neg bool, args []string) {
	err := query(ts.Stdout(), address, args[0])
	if neg == (err == nil) {
		ts.Fatalf("sql: %v", err)
	} else if err != nil {
		_, _ = fmt.Fprintln(ts.Stderr(), err)
	}
}

// query writes the rows that a statement answers.
func query(w io.Writer, address, statement string) error {
	ctx := context.Background()
	conf, err := pgx.ParseConfig(address)
	if err != nil {
		return err
	}
	conf.RuntimeParams["search_path"] = "crm"
	conn, err := pgx.ConnectConfig(ctx, conf)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, statement, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return err
		}
		cells := make([]string, len(values))
		for i, v := range values {
			cells[i] = fmt.Sprint(v)
		}
		if _, err := fmt.Fprintln(w, strings.Join(cells, "\t")); err != nil {
			return err
		}
	}
	return rows.Err()
}

// TestExamples runs every example of help as someone who may: on the demo's data, all of them work.
func TestExamples(t *testing.T) {
	keyset, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	database := pgtest.Database(t, "crm_demo")
	var roles strings.Builder // action, then who may do it, the widest scope first
	if err := query(&roles, pgtest.URL(database), "select action, min(scope || ' ' || role) from permission group by action"); err != nil {
		t.Fatal(err)
	}
	may := map[security.Action]string{security.Public: "sales1", security.SignedIn: "sales1", security.Limited: "sales1", security.Enrol: "sales1"}
	for line := range strings.Lines(roles.String()) {
		words := strings.Fields(line)
		may[security.Action(words[0])] = words[2]
	}
	accounts := map[string]string{"sales": "sales1", "support": "support1"}
	var script strings.Builder
	for _, c := range commands.All() {
		who, ok := may[c.Needs]
		if !ok {
			t.Errorf("%s needs %q, which nobody has", c.Name, c.Needs)
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

// TestBoundaries names every command to everybody: what a role lacks is refused before anything is read, and signed out
// everything is. Nothing changes and nothing is answered.
func TestBoundaries(t *testing.T) {
	keyset, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	database := pgtest.Database(t, "crm_demo")
	for who, role := range map[string]string{"": "", "admin": "admin", "manage": "manage", "sales1": "sales", "support1": "support"} {
		var rights strings.Builder
		if err := query(&rights, pgtest.URL(database), "select action from permission where role = '"+role+"'"); err != nil {
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
		refused := strings.Count(words.String(), " is not permitted to the role "+role+"\n") + strings.Count(words.String(), "error: not signed in: use \"login EMAIL\"\n")
		if (err == nil) != (forbidden == 0) || crm.ProcessState.ExitCode() != min(forbidden, 1)*commands.StatusDenied || refused != forbidden || data.Len() > 0 {
			t.Errorf("%q: %d of %d commands refused: %v\n%s%s", who, refused, forbidden, err, words.String(), data.String())
		}
	}
}

// command is the program on a database, with a home of its own.
func command(t *testing.T, database, keyset string, args ...string) *exec.Cmd {
	crm := exec.Command("crm", args...)
	home := t.TempDir()
	crm.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "XDG_STATE_HOME="+home,
		"CRM_DATABASE_URL="+appURL(database), "CRM_KEYSET="+keyset, "CRM_PASSWORD="+seed.DemoPassword, "CRM_PASSWORD_MEMORY_MIB=12", "GORACE="+noNap)
	return crm
}

// arrows are the packages of crm that each package may import. docs/contributing.md has the same table.
var arrows = map[string][]string{
	".":                        {"commands", "commands/config", "commands/operator", "repo", "repo/place", "security", "seed", "shell"},
	"shell":                    {"commands", "repo", "shell/line", "shell/render"},
	"shell/line":               {},
	"shell/internal/linedemo":  {"commands", "shell", "shell/line"},
	"shell/internal/shelldemo": {"commands", "repo", "shell"},
	"shell/render":             {"commands", "repo"},
	"commands":                 {"repo", "security", "security/finding"},
	"commands/config":          {"commands"},
	"commands/operator":        {"commands", "repo", "security"},
	"seed":                     {"repo", "security"},
	"repo":                     {"repo/upgrade"},
	"repo/upgrade":             {},
	"repo/embedded":            {},
	"repo/embedded/faultproxy": {},
	"repo/embedded/pgtest":     {"repo/embedded"},
	"repo/place":               {"repo", "repo/embedded"},
	"security":                 {"security/finding"},
	"security/finding":         {},
}

// TestHouse guards the arrows of the house: a package imports only the packages of crm that arrows lists for it. SQL,
// viper and go-prompt have one place each.
func TestHouse(t *testing.T) {
	statement := regexp.MustCompile(`(?i)\b(select\b.*\bfrom|insert\s+into|update\s+\w+\s+set|delete\s+from|(create|alter|drop)\s+(table|role|schema|database|index|function)\s+["\w]|truncate\s+\w)`)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		allowed, known := arrows[dir]
		if !known {
			t.Errorf("%s is in a package without arrows: add %q to arrows", path, dir)
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			name, _ := strconv.Unquote(i.Path.Value)
			if other, ours := strings.CutPrefix(name, "crm/"); ours && !slices.Contains(allowed, other) {
				t.Errorf("%s imports %s", path, name)
			}
			if strings.Contains(name, "spf13/viper") && path != "main.go" {
				t.Errorf("%s imports viper", path)
			}
			if strings.Contains(name, "/go-prompt") && path != filepath.Join("shell", "line", "widget.go") {
				t.Errorf("%s imports %s", path, name)
			}
		}
		keepsSQL := dir == "repo" || strings.HasPrefix(dir, "repo/")
		ast.Inspect(file, func(n ast.Node) bool {
			if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING && !keepsSQL && statement.MatchString(text.Value) {
				t.Errorf("%s holds SQL: %s", path, text.Value)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTable guards the table of commands: every command is explained, needs something, and is the only one of its name.
func TestTable(t *testing.T) {
	names := map[string]bool{}
	for _, c := range commands.All() {
		if names[c.Name] || c.Short == "" || c.Needs == "" || c.Run == nil {
			t.Errorf("%s: twice, or without Short, Needs or Run", c.Name)
		}
		names[c.Name] = true
		flags := map[string]bool{}
		for _, f := range c.AllFlags() {
			for _, name := range append([]string{f.Name}, f.Aliases...) {
				if flags[name] || f.Help == "" || strings.Contains(name, "_") || f.Kind.IsSwitch() == (f.Kind.Parse != nil) {
					t.Errorf("%s --%s: twice, or without Help, or with _, or of no kind", c.Name, name)
				}
				flags[name] = true
			}
		}
		optional := false
		for _, a := range c.Args {
			if a.Help == "" || a.Kind.Parse == nil {
				t.Errorf("%s %s: without Help or a kind", c.Name, a.Name)
			}
			if optional && !a.Optional && !a.Kind.IsLine {
				t.Errorf("%s %s: a required argument behind an optional one", c.Name, a.Name)
			}
			optional = a.Optional
		}
		for _, e := range c.Examples {
			if words := strings.Fields(e); !strings.HasPrefix(strings.Join(words, " ")+" ", c.Name+" ") {
				t.Errorf("%s: the example %q is another command's", c.Name, e)
			}
		}
	}
}

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
	for _, block := range regexp.MustCompile("(?s)```sh\n# ([a-z-]+):(.*?)```").FindAllStringSubmatch(string(text), -1) {
		scripts[block[1]] = "#" + block[2]
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir, database := t.TempDir(), pgtest.Database(t, "crm_demo")
	byHand := pgtest.Database(t, "")
	for name, text := range map[string]string{"recipient": identity.Recipient().String() + "\n", "identity": identity.String() + "\n"} {
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
		script.Env = append(command(t, database, keyset).Env, "BACKUPS="+dir, "PATH="+filepath.Dir(programs)+":"+os.Getenv("PATH"), "CRM_DATABASE_ADMIN_URL="+pgtest.URL("postgres"))
		script.Env = append(script.Env, more...)
		if out, err := script.CombinedOutput(); scripts[name] == "" || err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	run("crm-backup")
	run("crm-try-backup", "IDENTITY="+filepath.Join(dir, "identity"), "TRIAL_URL="+appURL("crm_trial"))
	plain := filepath.Join(dir, "plain")
	if out, err := exec.Command("sh", "-c", `ls "$0"/crm-*.crm`, dir).Output(); err != nil || strings.Count(string(out), "\n") != 1 {
		t.Errorf("backups: %s, %v", out, err)
	}
	admin := repo.NewAdmin(pgtest.URL("postgres"), repo.Names{Database: byHand, Schema: "crm", Owner: "crm_owner", App: "crm_app"})
	if err := query(io.Discard, pgtest.URL("postgres"), "drop database "+byHand); err != nil {
		t.Fatal(err)
	}
	scripts["plain"] = `crm backup "$FILE"`
	run("plain", "FILE="+plain)
	run("crm-restore-by-hand", "FILE="+plain, "NEW="+byHand, "PGHOST="+conf.Host, fmt.Sprint("PGPORT=", conf.Port), "PGUSER="+conf.User)
	if head, _, err := admin.VerifyChain(t.Context(), nil); err != nil || head.Position == 0 {
		t.Errorf("restored by hand: %v, %v", head, err)
	}
	restored := command(t, byHand, keyset, "--login", "sales1@epic.example", "-c", "customer list --format csv")
	if out, err := restored.Output(); err != nil || !strings.Contains(string(out), "Kevin Casey") {
		t.Errorf("read from it: %s, %v", out, err)
	}
}

var update = flag.Bool("update", false, "write config.yaml.example anew")

// TestConfigExample keeps config.yaml.example as the table of options says.
func TestConfigExample(t *testing.T) {
	const file = "config.yaml.example"
	if *update {
		if err := os.WriteFile(file, []byte(config.Example()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != config.Example() {
		t.Errorf("%s is not what the options say (%v): run go test . -run TestConfigExample -update", file, err)
	}
}

// TestThreatModel keeps every row of the threat model naming tests that are there.
func TestThreatModel(t *testing.T) {
	doc, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, ".txtar") {
			return err
		}
		text, err := os.ReadFile(path)
		names[path], names[filepath.Base(path)] = true, true
		for _, f := range regexp.MustCompile(`(?m)^func (Test\w+)`).FindAllStringSubmatch(string(text), -1) {
			names[f[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`(Test\\w+|\\w+\\.txtar)`").FindAllStringSubmatch(string(doc), -1) {
		if !names[name[1]] {
			t.Errorf("docs/security.md names %s, which is not there", name[1])
		}
	}
	_, table, _ := strings.Cut(string(doc), "| who holds | can | cannot | shown by |\n|---|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for row := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(row, "|\n "), "|")
		shown := regexp.MustCompile("`[^`]+`").FindAllString(cells[len(cells)-1], -1)
		if len(cells) != 4 || len(shown) == 0 && strings.TrimSpace(cells[3]) != "the same" {
			t.Errorf("no test shows: %s", row)
		}
		for _, name := range shown {
			if name = strings.Trim(name, "`"); !names[name] && !strings.HasSuffix(name, "/") && name != "repo/place" {
				t.Errorf("%s is not there: %s", name, row)
			}
		}
	}
	if strings.Count(table, "\n") < 14 {
		t.Error("the threat model is not where it was")
	}
}

var (
	citation    = regexp.MustCompile(`\b[RSD][1-9][0-9]?\b`)
	requirement = regexp.MustCompile(`(?m)^\| ([RSD][0-9]+) \|`)
)

// Every requirement that a comment, a test, a script or a document cites is a row of docs/requirements.md.
func TestRequirementsResolve(t *testing.T) {
	rows := map[string]bool{}
	text, err := os.ReadFile("docs/requirements.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range requirement.FindAllStringSubmatch(string(text), -1) {
		rows[row[1]] = true
	}
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != ".":
			return filepath.SkipDir
		case !slices.Contains([]string{".go", ".sql", ".txtar", ".md"}, filepath.Ext(path)):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, cited := range citation.FindAllString(string(text), -1) {
			if !rows[cited] {
				t.Errorf("%s cites %s, which docs/requirements.md does not have", path, cited)
			}
		}
		if number, _, found := strings.Cut(d.Name(), "_"); found && filepath.Ext(path) == ".txtar" && citation.MatchString(unpadded(number)) {
			if !rows[unpadded(number)] {
				t.Errorf("%s is named after %s, which docs/requirements.md does not have", path, unpadded(number))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// unpadded is the requirement that a script's name begins with: R1 for r01.
func unpadded(name string) string {
	if len(name) != 3 {
		return name
	}
	return strings.ToUpper(name[:1]) + strings.TrimPrefix(name[1:], "0")
}

// TestPrivateServerUpgrades starts crm on a private server of the first release: it keeps a dump, upgrades and says so, once.
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
		crm.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "XDG_STATE_HOME="+home,
			"CRM_EMBEDDED_DIR="+dir, "CRM_KEYSET="+releaseKeyset(t, "3"), "GORACE="+noNap)
		out, err := crm.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	said := start()
	file := regexp.MustCompile(`the database is of an older crm: its state is kept in (\S+\.dump)\n`).FindStringSubmatch(said)
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
	if out, err := exec.Command(list, "--list", file[1]).CombinedOutput(); err != nil || !strings.Contains(string(out), "TABLE DATA crm customer ") {
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
		"create role crm_owner nologin noinherit", "create role crm_app login noinherit", "create database crm owner crm_owner")
	execute(t, server.URL("crm", ""), releaseDump(t, "3"))
}

// releaseDump returns the statements that make the database of the first program of a schema version.
func releaseDump(t testing.TB, version string) string {
	t.Helper()
	return regexp.MustCompile(`(?m)^\\.*$`).ReplaceAllString(string(unzipped(t, "v"+version+".sql.gz")), "") // psql's own commands
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

// execute runs each script, which may hold several statements, as the superuser.
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

// TestContributing keeps docs/contributing.md true: its table of packages is arrows, and the files, tests and other
// names of Go that it mentions exist.
func TestContributing(t *testing.T) {
	content, err := os.ReadFile("docs/contributing.md")
	if err != nil {
		t.Fatal(err)
	}
	checkArrows(t, string(content))
	declared := declaredNames(t)
	code := regexp.MustCompile("`([^`\n]+)`")
	isPath := regexp.MustCompile(`^[\w./]+/[\w.]+$|^[\w-]+\.(sql|md|go|yaml)$`)
	isName := regexp.MustCompile(`^(Test\w+|[a-z]+[A-Z]\w*)$`)
	for _, found := range code.FindAllStringSubmatch(string(content), -1) {
		name := found[1]
		switch {
		case strings.Contains(name, "NAME") || strings.Contains(name, "NNN"):
		case isPath.MatchString(name):
			if _, err := os.Stat(name); err != nil {
				t.Errorf("docs/contributing.md mentions %s: %v", name, err)
			}
		case isName.MatchString(name) && !declared[name]:
			t.Errorf("docs/contributing.md mentions %s, which is not declared", name)
		}
	}
}

// checkArrows compares the rows "| `package` | what it holds | `imports`, … |" with arrows.
func checkArrows(t *testing.T, content string) {
	t.Helper()
	rows := map[string][]string{}
	name := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(content) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.HasPrefix(line, "| `") {
			continue
		}
		imports := []string{}
		for _, found := range name.FindAllStringSubmatch(cells[3], -1) {
			imports = append(imports, found[1])
		}
		rows[name.FindStringSubmatch(cells[1])[1]] = imports
	}
	for dir, imports := range arrows {
		if row, found := rows[dir]; !found || !slices.Equal(row, imports) {
			t.Errorf("docs/contributing.md: %s imports %v, want %v", dir, row, imports)
		}
	}
	if len(rows) != len(arrows) {
		t.Errorf("docs/contributing.md has %d packages, want %d", len(rows), len(arrows))
	}
}

// declaredNames has the names of all functions, methods, variables and types of the program and its tests.
func declaredNames(t *testing.T) map[string]bool {
	t.Helper()
	declared := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				declared[n.Name.Name] = true
			case *ast.ValueSpec:
				for _, name := range n.Names {
					declared[name.Name] = true
				}
			case *ast.TypeSpec:
				declared[n.Name.Name] = true
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return declared
}
