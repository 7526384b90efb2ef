package pgtest_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"crm/repo/embedded/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func exec(t *testing.T, database, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pgtest.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestDatabaseIsACopyOfItsOwn(t *testing.T) {
	template := pgtest.Database(t, "")
	exec(t, template, "create table thing (id int primary key); insert into thing values (1)")
	for range 4 {
		t.Run("copy", func(t *testing.T) {
			t.Parallel()
			exec(t, pgtest.Database(t, template), "insert into thing values (2)")
		})
	}
}

func TestDatabaseIsDropped(t *testing.T) {
	var name string
	t.Run("inner", func(t *testing.T) {
		name = pgtest.Database(t, "")
		conn, err := pgx.Connect(t.Context(), pgtest.URL(name)) // still open when the database goes
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(t.Context()) })
	})
	if conn, err := pgx.Connect(t.Context(), pgtest.URL(name)); err == nil {
		conn.Close(t.Context())
		t.Errorf("database %s outlived its test", name)
	}
}

func BenchmarkDatabase(b *testing.B) {
	for b.Loop() {
		pgtest.Database(b, "")
	}
}
