package repo_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

// left is what an attacker with the config file leaves on a server connection that the next user gets. "steal" stores
// its caller's token. It is called by every temporary view, named like crm's relations, and by every statement that a
// pooler or a driver may prepare by name.
func left(relations []string, foreignToken string) []string {
	all := []string{
		"create temp table loot (what text)",
		"grant all on loot to public",
		`create function pg_temp.steal() returns bigint language plpgsql as $$ begin
			insert into loot values (current_setting('crm.token', true)); return 1; end $$`,
		"create temp table timestamptz (x int)", "create temp table bytea (x int)", "create domain pg_temp.text as int",
		"create temp table numeric (x int)", "create temp table int4 (x int)",
	}
	for _, r := range relations {
		all = append(all, fmt.Sprintf("create temp view %s as select v.* from crm.%[1]s v, pg_temp.steal()", r))
	}
	for i := range 20 {
		all = append(all, fmt.Sprintf(`prepare "PGBOUNCER_%d" as select pg_temp.steal()`, i))
	}
	return append(all,
		"create function pg_temp.sign_in_params(text) returns bigint language sql as 'select pg_temp.steal()'",
		"create function pg_temp.set_config(text, text, boolean) returns bigint language sql as 'select "+
			"pg_temp.steal()'",
		"listen crm", "select pg_advisory_lock(7)", "begin", "declare kept cursor with hold for select 1", "commit",
		"set role crm_app", "set session authorization crm_app",
		"set crm.token = '"+foreignToken+"'", "set crm.undoes = '1'", "set crm.clock = '1999-01-01'",
		"set datestyle = 'German, YMD'", "set bytea_output = 'escape'", "set intervalstyle = 'iso_8601'",
		"set row_security = off",
		"set extra_float_digits = -15", "set log_parameter_max_length_on_error = -1",
		"set search_path = pg_temp, public, pg_catalog, crm",
	)
}

// relationsOf returns crm's tables and views.
func relationsOf(w *world) []string {
	return strings.Fields(
		read[string](w,
			"select string_agg(relname, ' ' order by relname) from pg_class "+
				"where relnamespace = 'crm'::regnamespace and "+
				"relkind in ('r', 'v')"))
}

// An attacker's leftovers on a shared connection have no effect: the next user signs in, reads and writes as on a
// server connection of their own, under their own name, and the attacker finds no token. Tried on a database as crm
// init leaves it, and with TEMP granted to public, as in databases that existed before.
func TestSharedConnectionIsHostile(t *testing.T) {
	for _, temp := range []bool{false, true} {
		t.Run(fmt.Sprintf("temp %v", temp), func(t *testing.T) {
			throughPoolers(t, 1, func(t *testing.T, w *world, f front) {
				ctx := t.Context()
				if temp {
					w.set("grant temp on database " + w.database + " to public")
				}
				c := w.customer("sales1").ID
				k := w.contract(c, 123456, "signed").ID
				e := w.event(k, "support1").ID
				direct := reads(ctx, w.as("admin"), c, k, e)
				thief := raw(t, f)
				made := leave(t, thief, left(relationsOf(w), w.token("sales2")))
				if temp && made < 60 || !temp && made > 35 {
					t.Errorf("%d things are left", made)
				}
				db := w.through(t, f)
				token := w.signers["admin"].Token
				for i, pooled := range reads(ctx, db.As(token), c, k, e) {
					if pooled != direct[i] {
						t.Errorf("%d: pooled\n%s\ndirect\n%s", i, pooled, direct[i])
					}
				}
				if done, err := writes(ctx, w, db, newDevice(t, filepath.Join(t.TempDir(), "device"))); err != nil {
					t.Errorf("after %d commands: %v", done, err)
				}
				if n := read[int64](w, "select count(*) from audit where collaborator_id = $1 or at < '2000-01-01'",
					w.ids["sales2"]); n != 1 { // its own sign-in
					t.Errorf("%d entries are another's or of another time", n)
				}
				seen := everything(t, thief)
				for _, secret := range []string{ok[string](t)(token()), "eyJ"} {
					if strings.Contains(strings.ReplaceAll(seen, w.token("sales2"), ""), secret) {
						t.Errorf("the stranger finds %s in\n%s", secret, seen)
					}
				}
				t.Logf("%d things left, no token found", made)
			})
		})
	}
}

// leave executes the statements that the server permits to the stranger, and returns how many these were.
func leave(t *testing.T, thief *pgx.Conn, all []string) (made int) {
	t.Helper()
	for _, sql := range all {
		_, err := thief.Exec(t.Context(), sql)
		switch sqlstate(err) {
		case "":
			made++
		case "42501", "42P01", "3F000", "42883", "42704": // not permitted, or what it needs was not
		default:
			t.Fatalf("%s: %v", sql, err)
		}
	}
	return made
}

// everything returns the data about the connection and others' statements that a stranger can see.
func everything(t *testing.T, thief *pgx.Conn) (seen string) {
	t.Helper()
	for _, sql := range []string{
		"select string_agg(what, ' ') from pg_temp.loot",
		"select string_agg(statement, ' ') from pg_catalog.pg_prepared_statements",
		"select pg_catalog.string_agg(statement, ' ') from pg_catalog.pg_cursors",
		"select pg_catalog.current_setting('crm.token', true)",
		"select pg_catalog.string_agg(query, ' ') from pg_catalog.pg_stat_activity",
	} {
		var text *string
		if err := thief.QueryRow(context.Background(), sql).Scan(&text); err == nil && text != nil {
			seen += *text + "\n"
		}
	}
	return seen
}

// Settings of the app role, which every holder of the config file can make, do not change answers either, on a direct
// connection or behind a pooler.
func TestRoleSettings(t *testing.T) {
	throughPoolers(t, 1, func(t *testing.T, w *world, f front) {
		ctx := t.Context()
		c := w.customer("sales1").ID
		k := w.contract(c, 123456, "signed").ID
		e := w.event(k, "support1").ID
		want := reads(ctx, w.as("admin"), c, k, e)
		for _, setting := range []string{
			"search_path = pg_temp, public", "bytea_output = escape", "datestyle = 'SQL, DMY'",
			"intervalstyle = iso_8601",
			"row_security = off", "extra_float_digits = -15", "synchronous_commit = off", "crm.undoes = '1'",
			"crm.clock = '1999-01-01'",
		} {
			w.set("alter role crm_app in database " + w.database + " set " + setting)
		}
		for name, db := range map[string]*repo.DB{
			"direct": w.through(t, front{url: appURL(w.database)}), "pooled": w.through(t, f),
		} {
			for i, got := range reads(ctx, db.As(w.signers["admin"].Token), c, k, e) {
				if got != want[i] {
					t.Errorf("%s, %d:\n%s\nwant\n%s", name, i, got, want[i])
				}
			}
		}
	})
}

// A request that another user of a shared connection knows beforehand, such as that of a script's run, is stored
// nevertheless: crm.kept of that user has no effect.
func TestKeptOfOthers(t *testing.T) {
	t.Parallel()
	write := func(w *world, f front) string {
		w.as("sales1")
		db := w.through(w.t, f)
		db.Resume("monthly")
		db.Line("customer add")
		if _, err := db.As(w.signers["sales1"].Token).AddCustomer(w.t.Context(), repo.Change{
			"company_name": text("Nova"), "full_name": text("Zoé Nova"),
		}); err != nil {
			w.t.Fatal(err)
		}
		return read[string](w, "select coalesce(string_agg(key::text, ' '), '') from request")
	}
	elsewhere := newWorld(t)
	known := write(elsewhere, front{url: appURL(elsewhere.database)})
	throughPoolers(t, 1, func(t *testing.T, w *world, f front) {
		if made := leave(t, raw(t, f), []string{"set crm.kept = '" + known + "'"}); made != 1 {
			t.Fatal("nothing is left")
		}
		if got := write(w, f); got != known || known == "" {
			t.Errorf("stored: %q, want %q", got, known)
		}
	})
}
