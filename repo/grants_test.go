package repo_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"crm/repo"
	"crm/repo/embedded/pgtest"
)

// mayCall are the functions that the app role may execute: all of them.
const mayCall = `
crm.add_many(regclass,jsonb,text[])
crm.admits(crm.identity,bigint,bigint[])
crm.blockers(integer)
crm.change_many(text,regclass,jsonb,boolean,boolean)
crm.change_password(bytea,integer,integer,integer,bytea,bytea)
crm.clear_mfa(bigint)
crm.contact_of_contract(bigint)
crm.contact_of_customer(bigint)
crm.covers(crm.identity,text,jsonb)
crm.covers_contract(crm.identity,bigint,bigint)
crm.disable_mfa(bytea)
crm.enable_mfa(bytea,bytea,bytea,bytea[])
crm.end_other_sessions()
crm.end_session(bigint)
crm.erase_customer(bigint,jsonb)
crm.export_customer(bigint)
crm.fate(uuid)
crm.gone(text,bigint)
crm.hand_over(bigint,bigint)
crm.history(text,bigint)
crm.identify(boolean,boolean,text[])
crm.judged(text[])
crm.known_fate(uuid)
crm.lead_import(text)
crm.lead_update(text)
crm.led_changes(bigint)
crm.lockout_of(bigint)
crm.me(boolean)
crm.me_id()
crm.merge_customers(bigint,bigint,text[])
crm.my_account()
crm.my_changes(bigint)
crm.my_duty()
crm.my_mfa()
crm.my_permissions()
crm.my_session()
crm.note_export(text,bigint,text)
crm.note_failures()
crm.note_refusal(text,text,bigint)
crm.open_session(bytea,interval,integer,integer,integer,bytea,bytea)
crm.own_addition(text,bigint)
crm.payable(bigint)
crm.reach(text[])
crm.reached(text[])
crm.refuse_program(integer,text)
crm.rejudged(text)
crm.requested_id()
crm.require_mfa(text,boolean)
crm.reset_password(bigint,integer,integer,integer,bytea,bytea)
crm.run_key(bigint)
crm.schema_version(integer)
crm.search_keys(integer[],bigint)
crm.search_tokens(crm.contact)
crm.search_tokens(crm.customer)
crm.search_tokens(crm.event)
crm.search_tokens(crm.note)
crm.sessions_of(bigint)
crm.set_first_password(text,integer,integer,integer,bytea,bytea,boolean)
crm.sign_in(text,bytea,bytea,bytea,bytea,bytea,bytea)
crm.sign_in_params(text)
crm.sign_out()
crm.take_back(bigint,jsonb)
crm.touch()
crm.unlock_user(bigint)
crm.within(crm.identity,bigint[])
crm.writer_class()`

// mayTouch are its privileges on tables, views and sequences, and the columns of privileges that are not on all
// columns. Sealed columns and their tokens, which hold texts and decide nothing, are left out of INSERT and UPDATE.
const mayTouch = `
audits SELECT
collaborator INSERT(email,employee_number,first_name,last_name,role)
collaborator SELECT(deleted_at,id)
collaborator UPDATE(deleted_at,email,employee_number,first_name,last_name,role)
collaborator_id_seq SELECT
contact INSERT(customer_id,external_id,first_at)
contact SELECT(deleted_at,id)
contact UPDATE(deleted_at,external_id,first_at)
contact_id_seq SELECT
contacts SELECT
contract INSERT(customer_id,external_id,sales_id,status,total_amount)
contract SELECT(deleted_at,id)
contract UPDATE(customer_id,external_id,sales_id,status,total_amount)
contract_id_seq SELECT
contracts SELECT
customer INSERT(external_id,sales_id)
customer SELECT(deleted_at,id)
customer UPDATE(deleted_at,external_id,sales_id)
customer_id_seq SELECT
customers SELECT
event INSERT(attendees,comments,comments_tokens,contact_id,contract_id,end_date,external_id,location,location_tokens,name,name_tokens,start_date)
event SELECT(canceled_at,deleted_at,id)
event UPDATE(attendees,canceled_at,comments,comments_tokens,contact_id,contract_id,deleted_at,end_date,external_id,location,location_tokens,name,name_tokens,start_date,support_id)
event_id_seq SELECT
event_spans SELECT
events SELECT
hidden_contacts SELECT
note INSERT(contract_id,customer_id,due,event_id)
note SELECT(deleted_at,id)
note UPDATE(deleted_at,done_at,due)
note_id_seq SELECT
notes SELECT
own_contracts SELECT
own_customers SELECT
own_events SELECT
payment INSERT(amount,contract_id,paid_on)
payments SELECT
saved_map INSERT(name,noun,pairs)
saved_map SELECT(deleted_at,id)
saved_map UPDATE(deleted_at)
saved_map_id_seq SELECT
saved_maps SELECT
saved_view INSERT(name,shared_with)
saved_view SELECT(deleted_at,id)
saved_view UPDATE(deleted_at,shared_with)
saved_view_id_seq SELECT
saved_views SELECT
tag INSERT(contract_id,customer_id,event_id,name)
tag SELECT(deleted_at,id)
tag UPDATE(deleted_at)
tag_id_seq SELECT
tags SELECT
users SELECT
whole_contracts SELECT
whole_customers SELECT
whole_events SELECT`

// realDatabase returns a database that crm init made, not a clone: a clone lacks the database's own grants.
func realDatabase(t *testing.T) (app, owner *pgx.Conn) {
	t.Helper()
	if err := prepare(); err != nil {
		t.Fatal(err)
	}
	ctx, database := context.Background(), "real_"+strings.ToLower(t.Name())
	admin := repo.NewAdmin(pgtest.URL("postgres"), names(database))
	if made, err := admin.Setup(ctx, schemaSQL(), ""); err != nil || len(made) != 2 {
		t.Fatalf("made %q, %v; want the database and its schema", made, err)
	}
	t.Cleanup(func() {
		if err := admin.DropDatabase(ctx); err != nil {
			t.Error(err)
		}
	})
	connect := func(url string) *pgx.Conn {
		conn := ok[*pgx.Conn](t)(pgx.Connect(ctx, url))
		t.Cleanup(func() { conn.Close(ctx) })
		return conn
	}
	return connect(appURL(database)), connect(pgtest.URL(database))
}

// rows returns the first column of a query, in order, one row a line.
func rows(t *testing.T, conn *pgx.Conn, sql string, args ...any) string {
	t.Helper()
	r, err := conn.Query(context.Background(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	found := ok[[]string](t)(pgx.CollectRows(r, pgx.RowTo[string]))
	slices.Sort(found)
	return strings.Join(found, "\n")
}

// S16, R3, R24: the app role has exactly the privileges above.
func TestGrants(t *testing.T) {
	t.Parallel()
	_, owner := realDatabase(t)
	for _, c := range []struct{ name, sql, want string }{
		{
			"functions",
			"select oid::regprocedure::text from pg_proc where pronamespace = 'crm'::regnamespace and " +
				"has_function_privilege('crm_app', oid, 'execute')", mayCall,
		},
		{"relations", `
			select relname || ' ' || p
				from pg_class, unnest(case relkind when 'S' then array['SELECT', 'USAGE', 'UPDATE']
				else array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'] || case
					when current_setting('server_version_num')::int >= 170000 then array['MAINTAIN'] end end) p
			where relnamespace = 'crm'::regnamespace and relkind not in ('i', 'I', 'c', 't')
				and case relkind when 'S' then has_sequence_privilege('crm_app', oid, p)
					else has_table_privilege('crm_app', oid, p) end
			union all
			select relname || ' ' || p || '(' || coalesce(string_agg(attname, ',' order by attname) filter (
				where not (p in ('INSERT', 'UPDATE') and (atttypid = 'crm.sealed'::regtype or exists (
					select from pg_attribute s where s.attrelid = c.oid and s.atttypid = 'crm.sealed'::regtype
					and s.attname || '_tokens' = a.attname)))), '') || ')'
			from pg_class c join pg_attribute a on a.attrelid = c.oid and attnum > 0 and not attisdropped,
			unnest(array['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p
			where relnamespace = 'crm'::regnamespace and relkind not in ('i', 'I', 'c', 't', 'S')
				and has_column_privilege('crm_app', c.oid, attnum, p) and not has_table_privilege('crm_app', c.oid, p)
			group by relname, p`, mayTouch},
		{"types", `select typname::text from pg_type where typnamespace = 'crm'::regnamespace
			and has_type_privilege('crm_app', oid, 'usage')
			and typtype in ('d', 'c')
			and not exists (select from pg_class where oid = typrelid
				and relkind <> 'c')`, "identity\njudgement\nsealed"},
		{
			"schemas",
			"select nspname || ' ' || p from pg_namespace, unnest(array['USAGE', 'CREATE']) p " +
				"where has_schema_privilege('crm_app', oid, p)",
			"crm USAGE\ninformation_schema USAGE\npg_catalog USAGE\npublic USAGE",
		},
		{
			"database",
			"select p from unnest(array['CONNECT', 'CREATE', 'TEMPORARY']) p where has_database_privilege('crm_app', " +
				"current_database(), p)", "CONNECT",
		},
		{
			"languages",
			"select lanname::text from pg_language where lanpltrusted and has_language_privilege('crm_app', oid, " +
				"'usage') and lanname not in ('sql', 'plpgsql')", "",
		},
		{
			"foreign servers",
			"select srvname::text from pg_foreign_server " +
				"union all select fdwname from pg_foreign_data_wrapper", "",
		},
		{
			"roles that it is", "select rolname::text from pg_roles where pg_has_role('crm_app', oid, 'member')",
			"crm_app",
		},
		{
			"members of it",
			"select rolname::text from pg_roles where pg_has_role(oid, 'crm_app', 'member') and not rolsuper",
			"crm_app",
		},
		{
			"what it owns",
			"select objid::text from pg_shdepend " +
				"where refobjid = 'crm_app'::regrole and deptype = 'o' and dbid in (0, (select oid from pg_database " +
				"where datname = current_database()))", "",
		},
		{
			"strong attributes",
			"select rolname::text from pg_roles " +
				"where rolname in ('crm_app', 'crm_owner') and (rolsuper or rolcreatedb or rolcreaterole or " +
				"rolreplication or rolbypassrls or rolinherit)", "",
		},
		{
			"who logs in",
			"select rolname::text from pg_roles where rolname in ('crm_app', 'crm_owner') and rolcanlogin", "crm_app",
		},
		{
			"tables without row security",
			"select oid::regclass::text from pg_class " +
				"where relnamespace = 'crm'::regnamespace and relkind in ('r', 'p') and not relrowsecurity and " +
				"(has_table_privilege('crm_app', oid, 'select') or " +
				"has_any_column_privilege('crm_app', oid, 'select, insert, update, references'))", "",
		},
		{
			"policies for others",
			"select policyname::text from pg_policies where roles <> '{crm_app}' or permissive <> 'PERMISSIVE'", "",
		},
		{"functions without a fixed search_path", `select oid::regprocedure::text from pg_proc
			where pronamespace = 'crm'::regnamespace
			and prosqlbody is null and not coalesce('search_path=crm, pg_temp' = any (proconfig), false)`, ""},
		{"what is not the owner's", `
			select oid::regclass::text from pg_class where relnamespace = 'crm'::regnamespace
				and relowner <> 'crm_owner'::regrole
			union all select oid::regprocedure::text from pg_proc where pronamespace = 'crm'::regnamespace
			and proowner <> 'crm_owner'::regrole`, ""},
		{
			"rows that the owner's rights decide",
			"select viewname::text from pg_views where schemaname = 'crm' and definition !~ 'SELECT .*reach' " +
				"and has_table_privilege('crm_app', (select oid from pg_class where relname = viewname " +
				"and relnamespace = 'crm'::regnamespace), 'select')", "",
		},
		{
			"foreign code",
			"select lanname::text from pg_proc p join pg_language l on l.oid = prolang " +
				"where pronamespace = 'crm'::regnamespace and lanname not in ('sql', 'plpgsql')", "",
		},
		{"extensions", "select extname::text from pg_extension", "plpgsql"},
	} {
		if got := rows(t, owner, c.sql); got != strings.TrimSpace(c.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, strings.TrimSpace(c.want))
		}
	}
	if rows(t, owner, "select coalesce(to_regclass('pg_parameter_acl')::text, '')") != "" { // since PostgreSQL 15
		if got := rows(t, owner, "select parname from pg_parameter_acl"); got != "" {
			t.Errorf("parameters: %s", got)
		}
	}
}
