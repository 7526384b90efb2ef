//go:build pgbouncer

package repo_test

import (
	"fmt"
	"os"
	"testing"

	"crm/repo/embedded/pgtest"
)

// With the build tag pgbouncer all tests connect through the machine's PgBouncer, and the tests of poolers run behind
// it too.
func init() {
	poolers["PgBouncer"] = func(t testing.TB, w *world, size int) front {
		url, stop, err := pgtest.StartPgBouncer("crm_app", size)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		return front{url: url(w.database)}
	}
}

// frontURL is the address to which the tests connect.
var frontURL func(database string) string

// around starts PgBouncer before all tests of the package.
type around struct{ *testing.M }

func (a around) Run() int {
	url, stop, err := pgtest.StartPgBouncer("crm_app", 20)
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgbouncer:", err)
		return 1
	}
	defer stop()
	frontURL = url
	return a.M.Run()
}
