package repo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"crm/repo"
	"crm/repo/embedded/pgtest"
	"crm/repo/place"
)

var program = place.Program("")

// dumpOf returns a dump of a company and its manifest.
func dumpOf(t *testing.T, admin *repo.Admin) (repo.Manifest, []byte) {
	t.Helper()
	var out bytes.Buffer
	m, err := admin.Dump(t.Context(), repo.Dumper{Out: &out, Program: program, Newest: func(string) error {
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return m, out.Bytes()
}

func restorer(m repo.Manifest, dump []byte) repo.Restorer {
	return repo.Restorer{Manifest: m, Archive: bytes.NewReader(dump), Whole: func() error {
		return nil
	}, Program: program}
}

// another returns the name of a database that does not exist yet; it is dropped when the test ends.
func another(t *testing.T) string {
	t.Helper()
	name := pgtest.Database(t, "")
	super(t, "postgres", "drop database "+pgx.Identifier{name}.Sanitize())
	return name
}

// catalogue describes every object of crm's schema and its grants. Parentheses in constraints are not compared:
// PostgreSQL leaves out those that it does not need when it reads its own text.
const catalogue = `
	select string_agg(line, e'\n' order by line) from (
		select concat_ws(' ', 'schema', nspname, nspowner::regrole, nspacl) from pg_namespace
			where oid = $1::regnamespace
		union all select concat_ws(' ', 'relation', oid::regclass, relkind, relowner::regrole, relacl, relrowsecurity,
			relforcerowsecurity, reloptions) from pg_class where relnamespace = $1::regnamespace
		union all select concat_ws(' ', 'column', attrelid::regclass, attname, format_type(atttypid, atttypmod),
			attnotnull, attidentity, attgenerated, attacl, attstattarget,
				` + attributeOptions + `,
					(select pg_get_expr(adbin, adrelid) from pg_attrdef d where d.adrelid = attrelid
						and d.adnum = attnum))
			from pg_attribute where attrelid in (select oid from pg_class where relnamespace = $1::regnamespace)
			and attnum > 0 and not attisdropped
		union all select concat_ws(' ', 'constraint', conrelid::regclass, contypid::regtype, conname,
			translate(pg_get_constraintdef(oid), '()', '')) from pg_constraint where connamespace = $1::regnamespace
		union all select concat_ws(' ', 'index', pg_get_indexdef(oid)) from pg_class where relkind = 'i'
		and relnamespace = $1::regnamespace
		union all select concat_ws(' ', 'function', oid::regprocedure, proowner::regrole, proacl,
			pg_get_functiondef(oid)) from pg_proc where pronamespace = $1::regnamespace
		union all select concat_ws(' ', 'view', oid::regclass, pg_get_viewdef(oid)) from pg_class where relkind = 'v'
		and relnamespace = $1::regnamespace
		union all select concat_ws(' ', 'policy', polrelid::regclass, polname, polcmd, polpermissive,
			polroles::regrole[], pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
			from pg_policy where polrelid in (select oid from pg_class where relnamespace = $1::regnamespace)
		union all select concat_ws(' ', 'trigger', pg_get_triggerdef(oid), tgenabled) from pg_trigger
		where not tgisinternal and tgrelid in (select oid from pg_class where relnamespace = $1::regnamespace)
		union all select concat_ws(' ', 'comment', d.classoid::regclass, d.description) from pg_description d
		where d.objoid in (select oid from pg_class where relnamespace = $1::regnamespace)
		union all select concat_ws(' ', 'default', defaclrole::regrole, defaclnamespace, defaclobjtype, defaclacl)
		from pg_default_acl
		union all select concat_ws(' ', 'setting', setrole::regrole, setconfig) from pg_db_role_setting
		where setdatabase = (select oid from pg_database where datname = current_database())
		union all select concat_ws(' ', 'database', pg_get_userbyid(datdba), datacl, encoding) from pg_database
		where datname = current_database()
		union all select concat_ws(' ', 'public', nspacl) from pg_namespace where nspname = 'public'
		union all select concat_ws(' ', 'sequence', schemaname, sequencename, last_value, increment_by)
		from pg_sequences
	) all_objects (line)`

// stored returns the content of a database: the catalogue, and the rows of all tables except those of sessions.
func stored(t *testing.T, n repo.Names) (objects string, rows map[string]string) {
	t.Helper()
	conn := ok[*pgx.Conn](t)(pgx.Connect(t.Context(), pgtest.URL(n.Database)))
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), catalogue, pgx.Identifier{n.Schema}.Sanitize()).Scan(&objects); err != nil {
		t.Fatal(err)
	}
	tables, err := conn.Query(t.Context(), "select relname from pg_class where relkind = 'r' and relnamespace = "+
		"(select oid from pg_namespace where nspname = $1)", n.Schema)
	if err != nil {
		t.Fatal(err)
	}
	rows = map[string]string{}
	for _, table := range ok[[]string](t)(pgx.CollectRows(tables, pgx.RowTo[string])) {
		var sum string
		if err := conn.QueryRow(t.Context(), "select concat(count(*), ' ', md5(string_agg(x::text, e'\\n' order by "+
			"x::text))) from "+pgx.Identifier{n.Schema, table}.Sanitize()+" x").Scan(&sum); err != nil {
			t.Fatal(err)
		}
		rows[table] = sum
	}
	for _, table := range []string{"session", "session_use", "session_end"} {
		delete(rows, table)
	}
	return objects, rows
}

// TestRestore compares a restored database with the original: objects, grants, rows, sequences, chain, and the
// program's reads. Sessions are not restored. The administrator is no superuser.
func TestRestore(t *testing.T) {
	w := newWorld(t)
	keys := w.vault
	super(t, "postgres", "create role backup_admin login createdb createrole", "grant crm_owner to backup_admin")
	t.Cleanup(func() { dropRole(t, "backup_admin") })
	ctx := t.Context()
	// which a clone of the template lacks
	for _, s := range []string{
		"alter database %s owner to crm_owner", "revoke all on database %s from public",
		"grant connect on database %s to crm_app",
	} {
		super(t, "postgres", fmt.Sprintf(s, w.database))
	}
	c := w.customer("sales1")
	k := w.contract(c.ID, 10_000, "signed")
	w.event(k.ID, "support1")
	ok[repo.Contract](t)(w.as("sales1").PayContract(ctx, k.ID, 2_500, nil))
	from := names(w.database)
	admin := repo.NewAdmin(account("backup_admin", "", "postgres"), from)
	m, dump := dumpOf(t, admin)
	head, _, err := admin.VerifyChain(ctx, nil)
	if err != nil || m.ChainHead != head.String() || len(m.Keys) != 1 ||
		m.SchemaVersion != fmt.Sprint(repo.SchemaVersion) || m.Rows["customer"] != 1 || m.ChainFault != "" {
		t.Fatalf("the manifest %+v; the head is %s, %v", m, head, err)
	}
	to := names(another(t))
	target := repo.NewAdmin(account("backup_admin", "", "postgres"), to)
	done, err := target.Restore(ctx, restorer(m, dump))
	if err != nil || done.Head != head || strings.Join(done.Made, ", ") != "database "+to.Database+", schema crm" {
		t.Fatalf("%+v, %v", done, err)
	}
	// Before PostgreSQL 15 every role may create tables in the schema public, and only a superuser can revoke that.
	for _, e := range ok[[]string](t)(target.Exposed(ctx)) {
		_, statement, _ := strings.Cut(e, " run: ")
		super(t, to.Database, statement)
	}
	wantObjects, wantRows := stored(t, from)
	objects, rows := stored(t, to)
	if objects != wantObjects {
		t.Errorf("the objects differ: %s", firstDifference(objects, wantObjects))
	}
	if !maps.Equal(rows, wantRows) {
		t.Errorf("the rows are\n%v, want\n%v", rows, wantRows)
	}
	if _, err := w.as("sales1").Customer(ctx, c.ID); err != nil {
		t.Errorf("a session of the original: %v", err)
	}
	if m.Rows["session"]+m.Rows["session_use"]+m.Rows["session_end"] > 0 || read[int](w,
		"select count(*) from session") == 0 {
		t.Error("sessions are in the dump, or there are none")
	}
	copied := *w
	copied.database = to.Database
	copied.openWith(keys)
	if _, err := copied.db.As(w.signers["sales1"].Token).Customer(ctx, c.ID); !errors.Is(err, repo.ErrSignedOut) {
		t.Errorf("a session of the original in the copy: %v, want ErrSignedOut", err)
	}
	if got, err := copied.db.As(copied.signIn("sales1").Token).Customer(ctx, c.ID); err != nil ||
		got.FullName != c.FullName || got.Email != c.Email {
		t.Errorf("read from the copy: %+v, %v", got, err)
	}
	if done, err := target.Restore(ctx, restorer(m, dump)); !errors.Is(err, repo.ErrConflict) {
		t.Errorf("over what is there: %+v, %v", done, err)
	}
}

func firstDifference(got, want string) string {
	have := strings.Split(want, "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(have) || have[i] != line {
			return fmt.Sprintf("%q\nwant %q", line, have[min(i, len(have)-1)])
		}
	}
	return "its end"
}

// TestRestoreNames restores on a server that has neither the roles nor the database, also with names that need quotes.
func TestRestoreNames(t *testing.T) {
	super(t, "postgres", "create role odd_admin login createdb createrole")
	t.Cleanup(func() { dropRole(t, "odd_admin") })
	for _, name := range []string{"returning", `odd "'\ é=`} {
		t.Run(name, func(t *testing.T) {
			n := companyOf(t, name)
			admin := repo.NewAdmin(account("odd_admin", "", "postgres"), n)
			ok[[]string](t)(admin.Setup(t.Context(), schemaSQL(), "first"))
			m, dump := dumpOf(t, admin)
			objects, rows := stored(t, n)
			dropCompany(t, n)
			r := restorer(m, dump)
			r.AppPassword = "second"
			done, err := admin.Restore(t.Context(), r)
			if err != nil || len(done.Made) != 4 {
				t.Fatalf("%+v, %v", done, err)
			}
			again, rowsAgain := stored(t, n)
			if again != objects || !maps.Equal(rows, rowsAgain) {
				t.Errorf("another: %s", firstDifference(again, objects))
			}
			if name == "returning" {
				demandPassword(t, n.App)
			}
			if err := admin.Try(t.Context(), account(n.App, "second", n.Database)); err != nil {
				t.Errorf("with the password: %v", err)
			}
		})
	}
}

// dropCompany drops a company's database and roles.
func dropCompany(t *testing.T, n repo.Names) {
	t.Helper()
	quoted := func(s string) string { return pgx.Identifier{s}.Sanitize() }
	super(t, "postgres", "drop database "+quoted(n.Database), "drop role "+quoted(n.App), "drop role "+quoted(n.Owner))
}

// dropRole drops a role when the test ends.
func dropRole(t *testing.T, name string) {
	conn := ok[*pgx.Conn](t)(pgx.Connect(context.Background(), pgtest.URL("postgres")))
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), "drop role "+name); err != nil {
		t.Error(err)
	}
}

// TestRestoreNothing checks that a restore that fails leaves nothing behind.
func TestRestoreNothing(t *testing.T) {
	n := companyOf(t, "failing")
	admin := repo.NewAdmin(pgtest.URL("postgres"), n)
	ok[[]string](t)(admin.Setup(t.Context(), schemaSQL(), ""))
	m, dump := dumpOf(t, admin)
	dropCompany(t, n)
	broken := errors.New("broken")
	other := m
	other.Rows = maps.Clone(m.Rows)
	other.Rows["role"]++
	forked := m
	forked.ChainHead = "1:" + strings.Repeat("00", 32)
	ctx, cancel := context.WithCancel(t.Context())
	for name, test := range map[string]struct {
		change func(*repo.Restorer)
		want   string
	}{
		"rows": {func(r *repo.Restorer) { r.Manifest = other }, "the backup does not hold what its manifest says: 4 " +
			"rows of role, want 5"},
		"chain": {func(r *repo.Restorer) { r.Manifest = forked }, "the chain"},
		"cut off": {
			func(r *repo.Restorer) { r.Archive = bytes.NewReader(dump[:len(dump)/2]) },
			"pg_restore cannot read the dump",
		},
		"no dump": {
			func(r *repo.Restorer) { r.Archive = strings.NewReader("PGDMP") }, "pg_restore cannot read the dump",
		},
		"not whole": {func(r *repo.Restorer) { r.Whole = func() error { return broken } }, "broken"},
		"upgrade":   {func(r *repo.Restorer) { r.Upgrade = func(context.Context) error { return broken } }, "broken"},
		"interrupted": {func(r *repo.Restorer) {
			r.Whole = func() error { cancel(); return nil }
		}, "context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			r := restorer(m, dump)
			test.change(&r)
			done, err := admin.Restore(ctx, r)
			if err == nil || !strings.Contains(err.Error(), test.want) || done.Made != nil {
				t.Errorf("%+v, %v; want %s", done, err, test.want)
			}
			conn := ok[*pgx.Conn](t)(pgx.Connect(context.Background(), pgtest.URL("postgres")))
			defer conn.Close(context.Background())
			var left int
			err = conn.QueryRow(context.Background(), "select (select count(*) from pg_database where datname = $1) + "+
				"(select count(*) from pg_roles where rolname in ($2, $3))", n.Database, n.App, n.Owner).Scan(&left)
			if err != nil || left != 0 {
				t.Errorf("%d objects are left, %v", left, err)
			}
		})
		if name == "interrupted" {
			ctx, cancel = context.WithCancel(t.Context())
		}
	}
	cancel()
}

// TestRestoreIntoTenant restores into a database with other objects. A restore that fails does not change them.
func TestRestoreIntoTenant(t *testing.T) {
	n := companyOf(t, "lodger")
	admin := repo.NewAdmin(pgtest.URL("postgres"), n)
	ok[[]string](t)(admin.Setup(t.Context(), schemaSQL(), ""))
	m, dump := dumpOf(t, admin)
	quoted := func(s string) string { return pgx.Identifier{s}.Sanitize() }
	super(t, "postgres", "drop database "+quoted(n.Database), "create database "+quoted(n.Database))
	super(t, n.Database, "create table public.theirs as select 1", "grant create on schema public to public")
	failing := restorer(m, dump)
	failing.Upgrade = func(context.Context) error { return errors.New("broken") }
	if _, err := admin.Restore(t.Context(), failing); err == nil {
		t.Error("a failed upgrade is no error")
	}
	done, err := admin.Restore(t.Context(), restorer(m, dump))
	if err != nil || len(done.Made) != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	super(t, n.Database, "select from public.theirs")
	if exposed, err := admin.Exposed(t.Context()); err != nil || exposed != nil {
		t.Errorf("everybody may still create objects: %q, %v", exposed, err)
	}
}

// TestDumpWhileOthersWrite checks that dump and manifest are of the same snapshot.
func TestDumpWhileOthersWrite(t *testing.T) {
	w := newWorld(t)
	w.customer("sales1")
	admin := repo.NewAdmin(pgtest.URL("postgres"), names(w.database))
	var out bytes.Buffer
	m, err := admin.Dump(t.Context(), repo.Dumper{
		Out: &out, Program: program,
		Newest: func(string) error { return nil }, Begun: func(repo.Manifest) {
			for range 20 {
				w.customer("sales1")
			}
		},
	})
	if err != nil || m.Rows["customer"] != 1 || read[int](w, "select count(*) from customer") != 21 {
		t.Fatalf("%+v, %v", m, err)
	}
	to := names(another(t))
	if done, err := repo.NewAdmin(pgtest.URL("postgres"), to).Restore(t.Context(), restorer(m,
		out.Bytes())); err != nil || done.Head.String() != m.ChainHead {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestDumpBrokenChain dumps a trail that was tampered with, and reports it in the manifest.
func TestDumpBrokenChain(t *testing.T) {
	w := newWorld(t)
	w.customer("sales1")
	w.set("alter table audit disable trigger user; update audit set action = 'purge' where id = (select min(id) from " +
		"audit); alter table audit enable trigger user")
	m, dump := dumpOf(t, repo.NewAdmin(pgtest.URL("postgres"), names(w.database)))
	if !strings.HasPrefix(m.ChainFault, "the chain is broken at position") {
		t.Fatalf("%+v", m)
	}
	if _, err := repo.NewAdmin(pgtest.URL("postgres"), names(another(t))).Restore(t.Context(), restorer(m,
		dump)); err != nil {
		t.Error(err)
	}
}

// TestDumpRefused names the missing precondition. No password is shown.
func TestDumpRefused(t *testing.T) {
	w := newWorld(t)
	super(t, "postgres", "create role dump_stranger login password 'topsecret'")
	t.Cleanup(func() { dropRole(t, "dump_stranger") })
	here := names(w.database)
	full := errors.New("full")
	failing := func(context.Context, string, int) (string, int, error) { return "/bin/false", 15, nil }
	for name, test := range map[string]struct {
		admin   *repo.Admin
		program func(context.Context, string, int) (string, int, error)
		kind    error
		text    string
	}{
		"a stranger": {
			repo.NewAdmin(account("dump_stranger", "topsecret", "postgres"), here), program, repo.ErrDenied,
			"the account of database.admin_url may not act for the role crm_owner",
		},
		"no schema": {
			repo.NewAdmin(pgtest.URL("postgres"), names("postgres")), program, repo.ErrUnavailable,
			"the database postgres does not hold crm's schema crm",
		},
		"no database": {
			repo.NewAdmin(pgtest.URL("postgres"), names("nowhere")), program, repo.ErrUnavailable,
			"there is no database nowhere",
		},
		"away": {
			repo.NewAdmin("postgres://a:topsecret@127.0.0.1:1/postgres", here), program, repo.ErrUnavailable,
			"no database listens at 127.0.0.1:1",
		},
		"pg_dump": {
			repo.NewAdmin(pgtest.URL("postgres"), here), failing, repo.ErrUnavailable,
			"pg_dump failed: exit status 1",
		},
		"disk": {repo.NewAdmin(pgtest.URL("postgres"), here), program, full, "full"},
	} {
		out := writer(func(p []byte) (int, error) {
			if name == "disk" {
				return 0, full
			}
			return len(p), nil
		})
		_, err := test.admin.Dump(t.Context(), repo.Dumper{
			Out: out, Program: test.program,
			Newest: func(string) error { return nil },
		})
		if !errors.Is(err, test.kind) || !strings.HasPrefix(err.Error(), test.text) || strings.Contains(err.Error(),
			"topsecret") {
			t.Errorf("%s: %v, want %s", name, err, test.text)
		}
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// attributeOptions are the options of a column except pg_attver, which PostgreSQL 17 increments at each change of the
// column.
const attributeOptions = "(select array_agg(option) from unnest(attoptions) option where option not like 'pg_attver=%')"

// TestDumpHidesPassword checks the arguments of pg_dump, which other users of the machine can read.
func TestDumpHidesPassword(t *testing.T) {
	w := newWorld(t)
	const password = "only for this test"
	super(t, "postgres", "create role dump_admin login password '"+password+"'", "grant crm_owner to dump_admin")
	t.Cleanup(func() { dropRole(t, "dump_admin") })
	demandPassword(t, "dump_admin")
	t.Setenv("CRM_KEYSET", "secret keys")
	seen := t.TempDir() + "/seen"
	spy := t.TempDir() + "/pg_dump"
	version := read[int](w, "select current_setting('server_version_num')::int / 10000")
	real, _, err := program(t.Context(), "pg_dump", version)
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$0\" \"$@\" >%s\nenv | grep -c '^CRM_' >>%[1]s\nexec %s "+
		"\"$@\"\n", seen, real)
	if err := os.WriteFile(spy, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	admin := repo.NewAdmin(account("dump_admin", password, "postgres"), names(w.database))
	var out bytes.Buffer
	_, err = admin.Dump(t.Context(), repo.Dumper{
		Out: &out, Newest: func(string) error { return nil },
		Program: func(context.Context, string, int) (string, int, error) {
			return spy, version, nil
		},
	})
	arguments, readErr := os.ReadFile(seen)
	if err != nil || readErr != nil || !bytes.HasPrefix(out.Bytes(), []byte("PGDMP")) {
		t.Fatal(err, readErr)
	}
	if bytes.Contains(arguments, []byte(password)) || bytes.Contains(arguments, []byte("dump_admin")) ||
		!bytes.HasSuffix(arguments, []byte("\n0\n")) {
		t.Errorf("others see %s", arguments)
	}
}
