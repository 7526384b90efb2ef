package repo_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// R5, S16: every function of the server and of crm, called by a stranger with nulls and with extreme values, reveals no
// stored data and changes none.
func TestEveryFunctionOutside(t *testing.T) {
	t.Parallel()
	w := canaryWorld(t)
	before, k := w.kept(), w.walk(t, "", append(w.hidden(), w.values()...))
	for _, schema := range []string{"crm", "pg_catalog", "information_schema"} {
		for _, f := range w.routines(t, schema) {
			for _, call := range f.calls() {
				_ = k.send(call)
			}
		}
	}
	if after := w.kept(); after != before {
		t.Errorf("something stayed:\n%s\n%s", before, after)
	}
	if n := read[int](w, "select count(*) from pg_proc where proowner = 'crm_app'::regrole") + read[int](w,
		"select count(*) from pg_class where relowner = 'crm_app'::regrole"); n != 0 {
		t.Errorf("the app role has made %d things", n)
	}
	k.report()
}

// mine are the functions that change the caller's own data, or that their role may call; matrix_test.go tests their
// results. Here they are called and rolled back.
var mine = map[string]string{
	"sign_out": "", "change_password": "", "note_failures": "", "enable_mfa": "", "disable_mfa": "", "end_session": "",
	"end_other_sessions": "", "touch": "", "fate": "",
	"reset_password": "user.reset", "unlock_user": "user.unlock", "set_first_password": "user.add",
	"clear_mfa": "user.mfa", "require_mfa": "user.mfa",
	"hand_over": "user.handover", "merge_customers": "customer.merge", "lead_update": "", "lead_import": "",
	"export_customer": "customer.export", "erase_customer": "customer.erase",
}

// R5, S16: no signed-in user reads keys or passwords through a function of the server or of crm, nor others' rows
// beyond their role.
func TestEveryFunctionInside(t *testing.T) {
	t.Parallel()
	w := canaryWorld(t)
	before := w.kept()
	for _, who := range []string{"admin", "manage", "sales2", "support2"} {
		k := w.walk(t, who, w.hidden())
		for _, f := range append(w.routines(t, "crm"), w.routines(t, "pg_catalog")...) {
			action, own := mine[strings.TrimPrefix(f.name, "crm.")]
			allowed := own && (action == "" || strings.Trim(matrix()[action][roleOf(who)], "-") != "")
			for _, call := range f.calls() {
				if allowed {
					call = "begin; " + call + "; rollback"
				}
				_ = k.send(call)
			}
		}
		if after := w.kept(); after != before {
			t.Fatalf("%s: something stayed:\n%s\n%s", who, before, after)
		}
		k.report()
	}
}

// A user who must first choose a password or enrol a second factor reads and changes as little as a stranger,
// regardless of their role, except for their own account.
func TestEveryFunctionLimited(t *testing.T) {
	t.Parallel()
	w := canaryWorld(t)
	w.set("update credential set must_change = true where collaborator_id = $1", w.ids["manage"])
	w.set("update role set mfa_required = true where name = 'admin'")
	before := w.kept()
	for _, who := range []string{"admin", "manage"} {
		k := w.walk(t, who,
			slices.DeleteFunc(append(w.hidden(), w.values()...),
				func(v string) bool { return v == who+"@epic.example" }))
		for _, f := range w.routines(t, "crm") {
			name := strings.TrimPrefix(f.name, "crm.")
			for _, call := range f.calls() {
				if slices.Contains([]string{"sign_out", "touch", "fate"}, name) {
					call = "begin; " + call + "; rollback"
				}
				_ = k.send(call)
			}
		}
		for _, sql := range []string{
			"update crm.customer set phone = null", "update crm.event set comments = 'x'",
			"update crm.contract set total_amount = 1", "update crm.collaborator set role = 'admin'",
			"select id from crm.customer for update",
		} {
			if n, _ := w.try(w.token(who), sql); n != 0 {
				t.Errorf("%s, %s: %d rows", who, sql, n)
			}
		}
		for _, view := range append(readable, "own_customers", "own_contracts", "own_events", "event_spans", "audits",
			"sessions_of(1)", "my_changes(9)", "history('customer', 1)", "payments") {
			if _, err := w.try(w.token(who), "select * from "+view); sqlstate(err) != "28000" {
				t.Errorf("%s reads %s: %v", who, view, err)
			}
		}
		if after := w.kept(); after != before {
			t.Errorf("%s: something stayed:\n%s\n%s", who, before, after)
		}
		k.report()
	}
}

// never are statements on a relation R that no role may execute; touching are those that need a grant.
const never = `
delete from R
truncate R
truncate R restart identity cascade
copy R from '/etc/passwd'
copy R to '/tmp/x'
copy R to program 'true'
create trigger x before insert on R for each row execute function crm.guard()
create rule x as on update to R do instead nothing
create index on R ((1))
create policy x on R using (true)
create statistics crm.x on (1), (2) from R
create table public.x (like R)
create table crm.x () inherits (R)
create table public.x as table R
create temp table x as table R
create view public.x as table R
create materialized view public.x as table R
create temp view x as table R
alter table R disable row level security
alter table R no force row level security
alter table R disable trigger all
alter table R owner to crm_app
alter table R add column x int
alter table R rename to x
alter table R set schema public
alter table R alter column id drop default
alter table R replica identity full
alter table R set unlogged
drop table R cascade
drop view R cascade
comment on table R is 'x'
cluster R
reindex table R
lock R in exclusive mode
lock R in share row exclusive mode
lock R in access exclusive mode
grant crm_owner to crm_app
merge into R t using (values (1)) v (i) on true when matched then delete`

const touching = `
select * from R
table R
select count(*) from R
select ctid, xmin, tableoid from R
select R from R
select * from R tablesample system (100)
select * from only R
select * from R for update
select * from R for key share
select 1 from R where false
copy R to stdout
copy (select * from R) to stdout
insert into R default values
insert into R select * from R
insert into R default values on conflict do nothing
update R set ctid = ctid
lock R in access share mode
select nextval('R')
select setval('R', 1)
select currval('R')
select pg_catalog.table_to_xml('R', true, true, '')
select * from pg_catalog.ts_stat('select to_tsvector(x::text) from R x')`

// R5, S16: statements on every relation of crm. All roles are refused those that no role may execute, and a stranger is
// refused all of them.
func TestEveryRelation(t *testing.T) {
	t.Parallel()
	w := canaryWorld(t)
	before, hidden := w.kept(), w.hidden()
	all := strings.Fields(
		read[string](w,
			"select string_agg('crm.' || relname, ' ' order by relname) from pg_class "+
				"where relnamespace = 'crm'::regnamespace and relkind in ('r', 'v', 'S')"))
	granted := strings.Fields(strings.NewReplacer("(", " ", "\n", " ").Replace(mayTouch))
	for _, who := range []string{"", "admin", "manage", "sales2", "support2"} {
		canaries := hidden
		if who == "" {
			canaries = append(w.values(), hidden...)
		}
		k := w.walk(t, who, canaries)
		for _, r := range all {
			of := func(sql string) string {
				sql = strings.ReplaceAll(sql, "'R'", "'"+r+"'")
				return strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(sql+" ", "R ", r+" "), "R)", r+")"))
			}
			for sql := range strings.Lines(strings.TrimSpace(never)) {
				k.must(of(sql))
			}
			_ = k.send(of("grant all on R to crm_app with grant option")) // PostgreSQL only warns
			_ = k.send(of("grant select on R to public"))
			isGranted := slices.Contains(granted, strings.TrimPrefix(r, "crm."))
			for sql := range strings.Lines(strings.TrimSpace(touching)) {
				if !isGranted {
					k.must(of(sql))
				} else if who == "" {
					_ = k.send(of(sql))
				}
			}
		}
		if after := w.kept(); after != before {
			t.Fatalf("%q: something stayed:\n%s\n%s", who, before, after)
		}
		k.report()
	}
}

// R5: the server's own tables and views reveal nothing, and no object can be created in any schema.
func TestEverySchema(t *testing.T) {
	t.Parallel()
	w := canaryWorld(t)
	before, k := w.kept(), w.walk(t, "", append(w.hidden(), w.values()...))
	for r := range strings.FieldsSeq(read[string](w, `select string_agg(oid::regclass::text, ' ') from pg_class
		where relkind in ('r', 'v', 'm', 'f', 't')
		and relnamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace,
			'pg_toast'::regnamespace)`)) {
		_ = k.send("select x::text from " + r + " x")
	}
	for s := range strings.FieldsSeq(
		read[string](w, "select string_agg(quote_ident(nspname), ' ') from pg_namespace")) {
		for _, sql := range []string{
			"create table S.x (id int)", "create view S.x as select 1",
			"create function S.x() returns int language sql as 'select 1'", "create type S.x as enum ('a')",
			"create domain S.x as int", "create sequence S.x",
			"create operator S.<<>> (leftarg = int, rightarg = int, function = int4eq)",
			"create collation S.x from \"C\"",
			"create aggregate S.x (int) (sfunc = int4pl, stype = int)",
			"create text search dictionary S.x (template = simple)", "create extension pg_trgm schema S",
			"alter schema S rename to x", "alter schema S owner to crm_app", "drop schema S cascade",
		} {
			k.must(strings.ReplaceAll(sql, "S", s))
		}
		_ = k.send("grant all on schema " + s + " to public")
	}
	if after := w.kept(); after != before {
		t.Errorf("something stayed:\n%s\n%s", before, after)
	}
	k.report()
	// A role with the permissions sees all of them.
	admin := w.walk(t, "admin", nil)
	admin.wait()
	answers := ""
	for _, view := range readable {
		answers += rows(t, admin.conn, "select x::text from crm."+view+" x")
	}
	for _, c := range w.values() {
		if !strings.Contains(answers, c) {
			t.Errorf("%s would not have been noticed", c)
		}
	}
}

// R5: no setting that the app role can change gives access.
func TestEverySetting(t *testing.T) {
	t.Parallel()
	w := canaryWorld(t)
	before, k := w.kept(), w.walk(t, "", append(w.hidden(), w.values()...))
	r, err := w.pool.Query(t.Context(),
		"select name, coalesce(enumvals, '{}') || array[coalesce(min_val, ''), coalesce(max_val, ''), 'on', 'off', "+
			"'crm_owner', 'crm', '1'] from pg_settings order by name")
	if err != nil {
		t.Fatal(err)
	}
	type setting struct {
		name   string
		values []string
	}
	settings, err := pgx.CollectRows(r, func(row pgx.CollectableRow) (s setting, err error) {
		return s, row.Scan(&s.name, &s.values)
	})
	if err != nil || len(settings) < 300 {
		t.Fatal(len(settings), err)
	}
	k.inside = true
	for _, s := range append(settings, setting{"crm.undoes", []string{"1"}},
		setting{"crm.clock", []string{"1999-01-01"}}, setting{"crm.token", []string{"x"}}) {
		for _, value := range s.values {
			_ = k.send("begin")
			if k.send(fmt.Sprintf("select set_config('%s', '%s', true)", s.name, value)) == nil {
				if slices.Contains([]string{"session_replication_role", "log_statement", "lo_compat_privileges"},
					s.name) || value == "crm_owner" && (s.name == "role" || s.name == "session_authorization") {
					t.Errorf("%s can be set to %s", s.name, value)
				}
				for _, sql := range []string{
					"select x::text from crm.users x", "select x::text from crm.customers x",
					"select x::text from crm.credential x", "select id from crm.customer where id > 0 for update",
					"update crm.contract set status = 'canceled'",
				} {
					_ = k.send("savepoint s")
					err := k.send(sql)
					if err == nil && !strings.HasPrefix(sql, "update") && !strings.HasPrefix(sql, "select id") {
						t.Errorf("with %s = %s: %s is done", s.name, value, sql)
					}
					_ = k.send("rollback to s")
				}
			}
			_ = k.send("rollback")
		}
	}
	if after := w.kept(); after != before {
		t.Errorf("something stayed:\n%s\n%s", before, after)
	}
	k.report()
}
