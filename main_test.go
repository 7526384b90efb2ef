package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"crm/repo"
	"crm/repo/embedded/pgtest"
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

// demo is a database with the demo's data, which every script gets a copy of, and its keyset.
var demo = sync.OnceValues(func() (keyset string, err error) {
	ctx := context.Background()
	keys, err := security.NewKeyset()
	if err != nil {
		return "", err
	}
	cipher, err := security.LoadCipher(keys)
	if err != nil {
		return "", err
	}
	names := repo.Names{Database: "crm_demo", Schema: "crm", Owner: "crm_owner", App: "crm_app"}
	admin := repo.NewAdmin(pgtest.URL("postgres"), names)
	if _, err := admin.Setup(ctx, schemaSQL, ""); err != nil {
		return "", err
	}
	db, err := repo.Open(repo.Config{URL: appURL("crm_demo"), Schema: "crm", Vault: repo.Vault{Seal: cipher.Seal, Open: cipher.Open}})
	if err != nil {
		return "", err
	}
	defer db.Close()
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		return "", err
	}
	_, err = seed.Fill(ctx, admin, db, seed.Config{
		Customers: 40, Contracts: 60, Events: 45, Demo: true, Params: security.Params{Memory: 64, Iterations: 1, Parallelism: 1}, Now: demoTime, Zone: zone, Seed: 1,
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
			env.Setenv("CRM_KEYSET", keyset)
			env.Setenv("CRM_PASSWORD", seed.DemoPassword)
			env.Setenv("CRM_PASSWORD_MEMORY_MIB", "1")
			env.Setenv("CRM_LOCALE_LANGUAGE", "en")
			env.Values["database"] = database
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status": func(ts *testscript.TestScript, neg bool, args []string) { runStatus(ts, args[0], args[1:]) },
			"as":     func(ts *testscript.TestScript, neg bool, args []string) { runAs(ts, "0", args[0], args[1:]) },
			"refuse": func(ts *testscript.TestScript, neg bool, args []string) { runAs(ts, args[0], args[1], args[2:]) },
			"sql": func(ts *testscript.TestScript, neg bool, args []string) {
				runSQL(ts, ts.Getenv("ADMIN_URL"), neg, args)
			},
			"raw": func(ts *testscript.TestScript, neg bool, args []string) {
				runSQL(ts, ts.Getenv("CRM_DATABASE_URL"), neg, args)
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

// runSQL runs one statement; not wanted to succeed, it must fail.
func runSQL(ts *testscript.TestScript, address string, neg bool, args []string) {
	ctx := context.Background()
	conf, err := pgx.ParseConfig(address)
	ts.Check(err)
	conf.RuntimeParams["search_path"] = "crm"
	conn, err := pgx.ConnectConfig(ctx, conf)
	ts.Check(err)
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, args[0], pgx.QueryExecModeSimpleProtocol)
	ts.Check(err)
	for rows.Next() {
		values, err := rows.Values()
		ts.Check(err)
		cells := make([]string, len(values))
		for i, v := range values {
			cells[i] = fmt.Sprint(v)
		}
		_, err = fmt.Fprintln(ts.Stdout(), strings.Join(cells, "\t"))
		ts.Check(err)
	}
	if err := rows.Err(); neg == (err == nil) {
		ts.Fatalf("sql: %v", err)
	} else if err != nil {
		_, _ = fmt.Fprintln(ts.Stderr(), err)
	}
}
