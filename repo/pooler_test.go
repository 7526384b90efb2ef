package repo_test

import (
	"testing"

	"crm/repo"
	"crm/repo/embedded/pgtest"
)

// poolers are the poolers that the tests of this file run through: a small one of the tests' own, and with the build
// tag pgbouncer the real one. start returns the URL of a pool of size connections in transaction mode.
var poolers = map[string]func(t testing.TB, w *world, size int) (url string){
	"own": func(t testing.TB, w *world, size int) string {
		p := pgtest.StartPooler(t, appURL(w.database), size)
		return p.URL
	},
}

// throughPoolers runs a test behind each pooler, in a world of its own.
func throughPoolers(t *testing.T, size int, test func(t *testing.T, w *world, url string)) {
	for name, start := range poolers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			test(t, w, start(t, w, size))
		})
	}
}

// through opens the world's database behind a pooler, with the keys of the world.
func (w *world) through(t testing.TB, url string) *repo.DB {
	t.Helper()
	db := ok[*repo.DB](t)(repo.Open(repo.Config{URL: url, Schema: "crm", Vault: w.vault}))
	t.Cleanup(db.Close)
	return db
}

func TestSharedIsNoticed(t *testing.T) {
	throughPoolers(t, 2, func(t *testing.T, w *world, url string) {
		db := w.through(t, url)
		w.as("sales1")
		if _, _, _, err := db.As(w.signers["sales1"].Token).Whoami(t.Context()); err != nil || !db.Shared() {
			t.Errorf("behind a pooler: %v, shared %v", err, db.Shared())
		}
		if w.db.Shared() {
			t.Error("a server's own connection is taken for a pooler's")
		}
	})
}
