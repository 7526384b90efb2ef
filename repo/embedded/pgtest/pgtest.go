// Package pgtest starts one private PostgreSQL server for the tests of a package, and creates a database for each test.
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
package pgtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/repo/embedded"
)

const prefix = "crm-test-"

// The server of this test program, from the start of Main to its end: tests have no other way to share it.
var (
	server *embedded.Server
	admin  *pgxpool.Pool // of the superuser: for a database of each test, a new connection costs as much as the copy
	copied string        // how "create database" copies, where there is a choice
	count  atomic.Int64
)

// Main runs m, a [testing.M] or a wrapper of one, with one private server for all the package's tests, and returns the
// exit code.
func Main(m interface{ Run() int }) int {
	inMemory()
	sweep()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Programs inherit the signals that the tests ignore, as nohup makes them ignore SIGHUP, but not those they handle.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return fail(err)
	}
	s, err := embedded.Start(ctx, embedded.Config{Dir: dir, Fast: true})
	if err != nil {
		_ = embedded.Remove(dir)
		return fail(err)
	}
	server = s
	atOnce()
	if err := prepare(ctx); err != nil {
		return fail(errors.Join(err, s.Close(), embedded.Remove(dir)))
	}
	code := make(chan int, 1)
	go func() { code <- m.Run() }()
	result := 1
	select {
	case result = <-code:
	case <-ctx.Done():
	}
	admin.Close()
	if err := s.Close(); err != nil {
		result = fail(err)
	}
	if err := embedded.Remove(dir); err != nil {
		result = fail(err)
	}
	return result
}

// prepare sets the server up for tests. Autovacuum would change the planner's numbers while a test compares them. The
// statements of tests finish sooner than they compile.
func prepare(ctx context.Context) (err error) {
	if admin, err = pgxpool.New(ctx, URL("postgres")); err != nil {
		return err
	}
	var major int
	err = admin.QueryRow(ctx, "select current_setting('server_version_num')::int / 10000").Scan(&major)
	if major >= 15 { // before, there was no other; copying page by page through the log takes twice the time
		copied = " strategy file_copy"
	}
	return errors.Join(err, run("alter system set autovacuum = off", "alter system set jit = off",
		"select pg_reload_conf()"))
}

// atOnce raises the number of tests that run at once, unless -parallel sets it: they wait for the server and for other
// programs longer than they compute.
func atOnce() {
	flag.Parse()
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "test.parallel" })
	if !set {
		_ = flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0)))
	}
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "pgtest:", err)
	return 1
}

// sweep removes the servers of test programs that were killed. A server that is a minute old has locked its directory,
// so Remove leaves it alone while it is in use.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > time.Minute {
			_ = embedded.Remove(dir)
		}
	}
}

// Race reports whether the test program was built with the race detector.
func Race() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// URL returns the superuser's connection string of database.
func URL(database string) string {
	if server == nil {
		panic("pgtest: call it from a test whose TestMain is pgtest.Main")
	}
	return server.URL(database, "")
}

// Database creates a database from template, an empty one for "", and returns its name. At the end of the test it is
// dropped, even if it has connections.
func Database(t testing.TB, template string) string {
	t.Helper()
	if template == "" {
		template = "template1"
	}
	name := "test_" + strconv.FormatInt(count.Add(1), 10)
	if err := Clone(name, template); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := run("drop database if exists " + pgx.Identifier{name}.Sanitize() + " with (force)"); err != nil {
			t.Error(err)
		}
	})
	return name
}

// Clone makes a database that stays until the server ends, for tests to clone.
func Clone(name, template string) error {
	database := pgx.Identifier{name}.Sanitize()
	statements := []string{"create database " + database + " template " +
		pgx.Identifier{template}.Sanitize() + copied}
	if template != "template1" { // a clone has the rights of a new database: not those of crm init's
		statements = append(statements, "revoke temporary on database "+database+" from public")
	}
	return run(statements...)
}

// run executes statements as the superuser. It takes no context: a test's may be over already.
func run(statements ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, statement := range statements {
		if _, err := admin.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
