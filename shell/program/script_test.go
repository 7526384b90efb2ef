package program

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

	"github.com/jackc/pgx/v5"
	"github.com/pquerna/otp/totp"
	"github.com/rogpeppe/go-internal/testscript"

	"crm/repo/embedded/pgtest"
	"crm/security"
	"crm/seed"
)

// TestScripts runs shell/testdata/script: each script against a database of its own with the demo's data.
//
//	status N ARG…    runs crm and wants its exit status to be N
//	as WHO LINE…     signs in as WHO@epic.example and runs each LINE with -c; wants status 0
//	refuse N WHO LINE…  the same, and wants status N
//	sql STATEMENT    runs it as the superuser; rows go to stdout, tab-separated
//	raw STATEMENT    runs it as the app role without a token; its error goes to stderr
//	pooler N [reset] puts a pooler with N connections before the database, which discards what clients leave if
//	                 it resets
//	together N ARG…  runs crm N times at once and wants the status 0 of each
//	find NAME STATEMENT  sets the variable to the one value that it answers
//	keep             remembers all that is stored; unchanged wants it to be still so
//	nowhere TEXT     wants it in no file of the user and in no row of the database
//	bytes FILE TEXT [COUNT]  writes TEXT, with Go's escapes, so many times
//	once FILE FROM   writes the one-time password that FROM holds as JSON; it is $ONCE too
//	enrol WHO        gives WHO a second factor with the recovery codes abcd… and abcd…2222; unused forgets which
//	                 codes were used
//	release N        puts the database and keyset of the first program of schema version N in the place of the demo's
//	forge NAME LINE  shares a view with all whose command is LINE, past the program's checks
//	code FILE [N]    writes the code that the device of the last enrol shows in N steps; it is $CODE too
func TestScripts(t *testing.T) {
	keyset, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("shell", "testdata", "script"),
		RequireExplicitExec: true,
		Condition: func(name string) (bool, error) {
			if name != "cgo" {
				return false, fmt.Errorf("unknown condition %s", name)
			}
			_, certain := outputClosed()
			return certain, nil
		},
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
			env.Setenv("CRM_PASSWORD_MEMORY_MIB", "19")
			env.Setenv("CRM_PASSWORD_ITERATIONS", "2")
			env.Setenv("CRM_LOCALE_LANGUAGE", "en")
			env.Setenv("GORACE", noNap)
			env.Setenv("GOGC", "off") // a command ends before it fills that much memory: collecting would only take time
			env.Setenv("GOMEMLIMIT", "256MiB")
			imports, err := filepath.Abs(filepath.Join("shell", "testdata", "imports"))
			env.Setenv("IMPORTS", imports) // files as other programs write them
			env.Values["database"], env.Values["test"] = database, env.T()
			return err
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status": func(ts *testscript.TestScript, neg bool, args []string) { runStatus(ts, args[0], args[1:]) },
			"as":     func(ts *testscript.TestScript, neg bool, args []string) { runAs(ts, "0", args[0], args[1:]) },
			"refuse": func(ts *testscript.TestScript, neg bool, args []string) {
				runAs(ts, args[0], args[1], args[2:])
			},
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
					ts.Fatalf("the stored data has changed")
				}
			},
			"nowhere": func(ts *testscript.TestScript, neg bool, args []string) { runNowhere(ts, args[0]) },
			"bytes":   func(ts *testscript.TestScript, neg bool, args []string) { runBytes(ts, args) },
			"forge":   func(ts *testscript.TestScript, neg bool, args []string) { runForge(ts, args[0], args[1]) },
			"once":    func(ts *testscript.TestScript, neg bool, args []string) { runOnce(ts, args[0], args[1]) },
			"release": func(ts *testscript.TestScript, neg bool, args []string) { runRelease(ts, args[0]) },
			"enrol":   func(ts *testscript.TestScript, neg bool, args []string) { runEnrol(ts, args[0]) },
			"unused": func(ts *testscript.TestScript, neg bool, args []string) {
				answer(ts, "update second_factor set last_step = 0")
			},
			"code": func(ts *testscript.TestScript, neg bool, args []string) {
				runCode(ts, args[0], append(args, "0")[1])
			},
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
				"CRM_PASSWORD", "CRM_PASSWORD_MEMORY_MIB", "CRM_PASSWORD_ITERATIONS", "CRM_LOCALE_LANGUAGE", "GORACE",
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

// allThatIsStored returns a value that differs if any record, rule or privilege does. Signing in does not change it,
// even if it raises the cost of a password.
const allThatIsStored = `
	select md5(concat(
		(select string_agg(t::text, '' order by id) from collaborator t),
			(select string_agg(t::text, '' order by id) from customer t),
		(select string_agg(t::text, '' order by id) from contract t),
			(select string_agg(t::text, '' order by id) from payment t),
		(select string_agg(t::text, '' order by id) from event t),
			(select string_agg(t::text, '' order by id) from audit t
				where action !~ '^(sign|refuse|export|password-cost)'),
		(select string_agg(t::text, '' order by t) from permission t),
			(select string_agg(t::text, '' order by t) from role t),
		(select string_agg(concat(collaborator_id, changed_at, must_change, expires_at), '' order by collaborator_id)
			from credential), (select string_agg(t::text, '' order by t) from setting t),
		(select string_agg(oid || relname || coalesce(relacl::text, ''), '' order by oid) from pg_class
			where relnamespace = 'crm'::regnamespace),
		(select string_agg(oid || proname || coalesce(proacl::text, '') || prosrc, '' order by oid) from pg_proc
			where pronamespace = 'crm'::regnamespace)))`

// answer returns the result of a statement by the superuser: cells separated by tabs, rows by line breaks.
func answer(ts *testscript.TestScript, statement string) string {
	var out strings.Builder
	if err := query(&out, ts.Getenv("ADMIN_URL"), statement); err != nil {
		ts.Fatalf("sql: %v", err)
	}
	return out.String()
}

// runForge writes a view as a collaborator could with raw SQL and the keyset.
func runForge(ts *testscript.TestScript, name, line string) {
	keyring, err := security.NewKeyring([]byte(ts.Getenv("CRM_KEYSET")))
	ts.Check(err)
	command, _, err := keyring.Seal("saved_view.command", line)
	ts.Check(err)
	add := fmt.Sprintf(`insert into saved_view (name, command, shared_with) values ('%s', '\x%x', 'all')`, name, command)
	ts.Check(query(io.Discard, ts.Getenv("ADMIN_URL"), add))
}

// runPooler makes crm connect through a pooler in transaction mode.
func runPooler(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.Atoi(args[0])
	ts.Check(err)
	p := pgtest.StartPooler(ts.Value("test").(testing.TB), appURL(ts.Value("database").(string)), size)
	p.Reset.Store(len(args) > 1)
	ts.Setenv("CRM_DATABASE_URL", p.URL)
}

// runNowhere searches the user's files and every column for the text, also in the hex digits of bytes. A text of digits
// alone must stand by itself: six digits of a code occur by chance in the hex digits of sealed columns and in the
// microseconds of a timestamp.
func runNowhere(ts *testscript.TestScript, text string) {
	pattern := regexp.QuoteMeta(text)
	if strings.Trim(text, "0123456789") == "" {
		pattern = `(?:^|[^0-9A-Fa-f.])` + pattern + `(?:[^0-9A-Fa-f]|$)`
	}
	pattern += "|" + hex.EncodeToString([]byte(text))
	found := regexp.MustCompile(pattern)
	ts.Check(filepath.WalkDir(ts.Getenv("HOME"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, "/.") {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil && found.Match(content) {
			ts.Fatalf("%s holds %q", path, text)
		}
		return err
	}))
	for table := range strings.FieldsSeq(answer(ts, "select relname from pg_class where relnamespace = "+
		"'crm'::regnamespace and relkind = 'r'")) {
		rows := answer(ts, "select t::text from "+table+" t")
		if found.MatchString(rows) {
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
		select collaborator_id, sha256(convert_to(code, 'UTF8'))
			from f, unnest(array['abcdefghijklmnop', 'abcdefghijkl2222']) code`, secret, who))
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

// runSQL runs one statement; if it is not wanted to succeed, it must fail.
func runSQL(ts *testscript.TestScript, address string, neg bool, args []string) {
	err := query(ts.Stdout(), address, args[0])
	if neg == (err == nil) {
		ts.Fatalf("sql: %v", err)
	} else if err != nil {
		_, _ = fmt.Fprintln(ts.Stderr(), err)
	}
}

// query writes the rows that a statement returns.
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
