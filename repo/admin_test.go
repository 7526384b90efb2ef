package repo_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"crm/repo"
	"crm/repo/embedded/pgtest"
)

// account returns a connection string of the test server for a role with a password.
func account(user, password, database string) string {
	u, _ := url.Parse(pgtest.URL(database))
	u.User = url.UserPassword(user, password)
	return u.String()
}

// super executes statements as the superuser.
func super(t *testing.T, database string, statements ...string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // also in a test's cleanup
	conn, err := pgx.Connect(ctx, pgtest.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// companyOf returns names for a company of the test. The test drops its database and roles when it ends.
func companyOf(t *testing.T, name string) repo.Names {
	t.Helper()
	n := repo.Names{Database: name + " db", Schema: name + `"schema`, Owner: name + " owner", App: name + " app"}
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), pgtest.URL("postgres"))
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close(context.Background())
		quoted := func(s string) string { return pgx.Identifier{s}.Sanitize() }
		for _, s := range []string{
			"drop database if exists " + quoted(n.Database) + " with (force)",
			"drop role if exists " + quoted(n.App), "drop role if exists " + quoted(n.Owner),
		} {
			if _, err := conn.Exec(context.Background(), s); err != nil {
				t.Errorf("%s: %v", s, err)
			}
		}
	})
	return n
}

// demandPassword makes the test server ask one role for its password.
func demandPassword(t *testing.T, role string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pgtest.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var file string
	if err := conn.QueryRow(t.Context(), "show hba_file").Scan(&file); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil { // keeps its owner
			t.Fatal(err)
		}
		super(t, "postgres", "select pg_reload_conf()")
	}
	write("local all \"" + role + "\" scram-sha-256\n" + string(before))
	t.Cleanup(func() {
		if err := os.WriteFile(file, before, 0o600); err != nil {
			t.Error(err)
		}
	})
	for { // until the server has noticed
		conn, err := pgx.Connect(t.Context(), account(role, "", "postgres"))
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code[:2] == "28" ||
			err != nil && strings.Contains(err.Error(), "password") {
			return
		}
		if err == nil {
			_ = conn.Close(t.Context())
		}
		if t.Context().Err() != nil {
			t.Fatal(t.Context().Err())
		}
	}
}

// TestAppPassword signs in as the app role with the password whose SCRAM verifier Setup stored (S1).
func TestAppPassword(t *testing.T) {
	for name, password := range map[string]string{
		"plain": "correct horse", "signs": `it's "100%" \ $1`, "letters": "Größe e\u0301",
	} {
		t.Run(name, func(t *testing.T) {
			n := companyOf(t, "scram "+name)
			admin := repo.NewAdmin(pgtest.URL("postgres"), n)
			if made, err := admin.Setup(t.Context(), schemaSQL(), password); err != nil || len(made) != 4 {
				t.Fatalf("made %q, %v", made, err)
			}
			demandPassword(t, n.App)
			if err := admin.Try(t.Context(), account(n.App, password, n.Database)); err != nil {
				t.Errorf("with the password: %v", err)
			}
			if err := admin.Try(t.Context(),
				account(n.App, password+"x", n.Database)); !errors.Is(err, repo.ErrCredentials) {
				t.Errorf("with another password: %v, want ErrCredentials", err)
			}
		})
	}
}

// TestSetupWithoutSuperuser sets up as a role that may create databases and roles, and nothing else.
func TestSetupWithoutSuperuser(t *testing.T) {
	n := companyOf(t, "modest")
	super(t, "postgres", "create role modest_admin login createdb createrole")
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), pgtest.URL("postgres"))
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(context.Background(), "drop role modest_admin"); err != nil {
			t.Error(err)
		}
	})
	admin := repo.NewAdmin(account("modest_admin", "", "postgres"), n)
	for _, want := range []int{4, 0} {
		made, err := admin.Setup(t.Context(), schemaSQL(), "")
		if err != nil || len(made) != want {
			t.Fatalf("made %q, %v, want %d", made, err, want)
		}
	}
	for _, limit := range []struct {
		setting string
		of      time.Duration
		news    bool
	}{
		{"session_lifetime", time.Hour, true},
		{"session_lifetime", time.Hour, false},
		{"session_idle", 30 * time.Minute, false},
		{"session_idle", 0, true},
		{"session_idle", 0, false},
		{"session_idle", 90 * time.Minute, true},
	} {
		if changed, err := admin.SetLimit(t.Context(), limit.setting, limit.of); err != nil || changed != limit.news {
			t.Errorf("%+v: %v, %v", limit, changed, err)
		}
	}
	if _, err := admin.AddUser(t.Context(), repo.User{
		FirstName: "A", LastName: "B", Email: "a@b.example",
		Role: "admin",
	}, nil, false); err != nil {
		t.Error(err)
	}
	if there, err := admin.HasRole(t.Context(), "admin"); err != nil || !there {
		t.Errorf("HasRole: %v, %v", there, err)
	}
	app, err := pgx.Connect(t.Context(), account(n.App, "", n.Database))
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close(t.Context())
	exposed, err := admin.Exposed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{
		"create schema mine", "create temp table mine (id int)", "set role " + pgx.Identifier{n.Owner}.Sanitize(),
	}
	// before PostgreSQL 15 only a superuser may revoke this from public
	if len(exposed) != 1 || !strings.Contains(exposed[0], " may make tables in the schema public: as ") {
		statements = append(statements, "create table public.mine (id int)")
	}
	for _, statement := range statements {
		if _, err := app.Exec(t.Context(), statement); err == nil {
			t.Errorf("the app role may: %s", statement)
		}
	}
}

// TestSetupIntoExistingDatabase installs the schema in a database that exists already. Setup revokes the grants that
// let every role create objects in it, at each run, and names those that the administrator may not revoke.
func TestSetupIntoExistingDatabase(t *testing.T) {
	n := companyOf(t, "tenant")
	super(t, "postgres", "create database \"tenant db\"")
	opened := []string{"grant create on schema public to public", "grant temporary, create on database \"tenant " +
		"db\" to public"}
	super(t, n.Database, append(opened, "create table public.theirs (id int)")...)
	admin := repo.NewAdmin(pgtest.URL("postgres"), n)
	made, err := admin.Setup(t.Context(), schemaSQL(), "")
	if err != nil || strings.Join(made, ", ") != `role tenant owner, role tenant app, schema tenant"schema` {
		t.Fatalf("made %q, %v", made, err)
	}
	for range 2 {
		if exposed, err := admin.Exposed(t.Context()); err != nil || exposed != nil {
			t.Errorf("everybody still may: %q, %v", exposed, err)
		}
		super(t, n.Database, opened...)
		if made, err := admin.Setup(t.Context(), schemaSQL(), ""); err != nil || made != nil {
			t.Errorf("a second time: %q, %v", made, err)
		}
	}
	super(t, n.Database, append(opened, "create role tenant_admin login createrole createdb",
		"grant \"tenant owner\" to tenant_admin")...)
	t.Cleanup(func() { super(t, "postgres", "drop role tenant_admin") })
	modest := repo.NewAdmin(account("tenant_admin", "", "postgres"), n)
	if _, err := modest.Setup(t.Context(), schemaSQL(), ""); err != nil {
		t.Errorf("by who owns nothing: %v", err)
	}
	exposed, err := modest.Exposed(t.Context())
	if err != nil || len(exposed) != 3 ||
		!strings.Contains(strings.Join(exposed, "\n"),
			`as postgres run: revoke temporary on database "tenant db" from public, "tenant app"`) {
		t.Errorf("what stays: %q, %v", exposed, err)
	}
	for _, e := range exposed { // the suggested statement helps
		_, statement, _ := strings.Cut(e, " run: ")
		super(t, n.Database, statement)
	}
	if exposed, err := modest.Exposed(t.Context()); err != nil || exposed != nil {
		t.Errorf("after that: %q, %v", exposed, err)
	}
}

// An administrator's locks last for a session, so a transaction pooler is refused.
func TestSetupThroughPooler(t *testing.T) {
	p := pgtest.StartPooler(t, pgtest.URL("postgres"), 2)
	n := names("never")
	if _, err := repo.NewAdmin(p.URL, n).Setup(t.Context(), schemaSQL(), ""); !errors.Is(err, repo.ErrInvalid) ||
		!strings.Contains(err.Error(), "database.admin_url leads to a connection pooler") {
		t.Errorf("%v", err)
	}
}

// TestSetupRefused names the missing rights of an administrator's account.
func TestSetupRefused(t *testing.T) {
	n := companyOf(t, "lacking")
	super(t, "postgres", "create role lacking_admin login")
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), pgtest.URL("postgres"))
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close(context.Background())
		_, _ = conn.Exec(context.Background(), "drop role lacking_admin")
	})
	made, err := repo.NewAdmin(account("lacking_admin", "", "postgres"), n).Setup(t.Context(), schemaSQL(), "")
	if !errors.Is(err, repo.ErrDenied) || !strings.Contains(err.Error(), "CREATEROLE and CREATEDB") || len(made) > 0 {
		t.Errorf("made %q, %v", made, err)
	}
}

// TestSetupTwiceAtOnce lets two administrators set up the same company concurrently.
func TestSetupTwiceAtOnce(t *testing.T) {
	n := companyOf(t, "twice")
	type outcome struct {
		made int
		err  error
	}
	outcomes := make(chan outcome, 2)
	for range 2 {
		go func() {
			admin := repo.NewAdmin(pgtest.URL("postgres"), n)
			var o outcome
			o.err = admin.Alone(context.Background(), func() error {
				made, err := admin.Setup(context.Background(), schemaSQL(), "")
				o.made = len(made)
				return err
			})
			outcomes <- o
		}()
	}
	a, b := <-outcomes, <-outcomes
	if a.err != nil || b.err != nil || a.made+b.made != 4 || a.made*b.made != 0 {
		t.Errorf("%+v and %+v, want that one of them makes all", a, b)
	}
}

// A held administrator uses one connection for all transactions, also after one that failed.
func TestHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	held, release, err := w.admin.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = addUser(held, "sales1", "sales")
	is(t, err, repo.ErrConflict, "an email for the second time")
	id := ok[int64](t)(addUser(held, "sales3", "sales"))
	ok[repo.Opening](t)(held.OpenSeedingSession(t.Context(), id))
	if n := read[int](w, `select count(*) from pg_stat_activity
		where datname = current_database() and application_name = 'crm init'`); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	release()
	if _, err := addUser(held, "sales4", "sales"); err == nil {
		t.Error("a released connection was used")
	}
}

// A database that an interrupted DROP DATABASE has left counts as none, so that a demo is made again in its place.
func TestHalfDroppedDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	database := read[string](w, "select current_database()")
	w.set("update pg_database set datconnlimit = -2 where datname = current_database()")
	there, err := w.admin.HasSchema(t.Context())
	if err != nil || there {
		t.Errorf("%s exists: %t, %v", database, there, err)
	}
	if version, err := w.admin.Version(t.Context()); version != 0 || err != nil {
		t.Errorf("%s has the version %d, %v", database, version, err)
	}
	w.owner.Close()
	w.pool.Close()
	w.db.Close()
	if _, err := w.admin.Setup(t.Context(), schemaSQL(), ""); err != nil {
		t.Error(err)
	}
	if there, err := w.admin.HasSchema(t.Context()); err != nil || !there {
		t.Errorf("%s was not made again: %v", database, err)
	}
}

// A killed program's DROP DATABASE goes on: the next administrator waits for its end and finds no database. It is not
// parallel: all administrators share the locks.
func TestDropOutlivesProgram(t *testing.T) {
	f, ctx := newFaulty(t), t.Context()
	f.owner.Close()
	f.pool.Close()
	f.db.Close()
	conn, err := pgx.Connect(ctx, pgtest.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	waits := func(programs int) {
		t.Helper()
		for waiting := 0; waiting < programs; {
			err := conn.QueryRow(ctx, "select count(*) from pg_locks l left join pg_database d on d.oid = l.objid "+
				"where not l.granted and (d.datname = $1 or l.locktype = 'advisory' and l.database = "+
				"(select oid from pg_database where datname = current_database()))", f.database+"_other").Scan(&waiting)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	done := make(chan error, 2)
	exec("begin")
	exec("alter database " + quoted(f.database) + " rename to " + quoted(f.database+"_other")) // delays the drop
	killed := repo.NewAdmin("postgres://postgres@127.0.0.1:"+f.Port()+"/postgres?sslmode=disable", names(f.database))
	go func() { done <- killed.Alone(ctx, func() error { return killed.DropDatabase(ctx) }) }()
	waits(1)
	f.Refuse(true) // a killed program cancels nothing
	f.CutAll()
	if err := <-done; err == nil {
		t.Error("the connection of the drop was not cut")
	}
	there, next := true, repo.NewAdmin(pgtest.URL("postgres"), names(f.database))
	go func() {
		done <- next.Alone(ctx, func() (err error) { there, err = next.HasSchema(ctx); return err })
	}()
	waits(2)
	exec("rollback")
	if err := <-done; there || err != nil {
		t.Errorf("exists: %t, %v", there, err)
	}
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }
