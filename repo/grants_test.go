package repo_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"crm/repo"
	"crm/repo/embedded/pgtest"
)

// mayCall are the functions that the app role may execute: all of them.
const mayCall = `
crm.change_password(bytea,integer,integer,integer,bytea,bytea)
crm.contact_of_contract(bigint)
crm.contact_of_customer(bigint)
crm.hand_over(bigint,bigint)
crm.history(text,bigint)
crm.me()
crm.me_id()
crm.my_permissions()
crm.open_session(bytea,interval)
crm.payable(bigint)
crm.reach(text[])
crm.reached(text[])
crm.set_first_password(text,integer,integer,integer,bytea,bytea)
crm.sign_in(text,bytea)
crm.sign_in_params(text)
crm.sign_out()`

// mayTouch are its privileges on tables, views and sequences, and the columns of those that are not for all.
const mayTouch = `
collaborator INSERT(email,employee_number,first_name,last_name,role)
collaborator SELECT(deleted_at,id)
collaborator UPDATE(deleted_at,email,employee_number,first_name,last_name,role)
collaborator_id_seq SELECT
contract INSERT(customer_id,sales_id,status,total_amount)
contract SELECT(deleted_at,id)
contract UPDATE(customer_id,sales_id,status,total_amount)
contract_id_seq SELECT
contracts SELECT
customer INSERT(company_name,email,full_name,phone,sales_id)
customer SELECT(deleted_at,id)
customer UPDATE(company_name,deleted_at,email,full_name,phone,sales_id)
customer_id_seq SELECT
customers SELECT
event INSERT(attendees,comments,contract_id,end_date,location,name,start_date)
event SELECT(deleted_at,id)
event UPDATE(attendees,comments,contract_id,deleted_at,end_date,location,name,start_date,support_id)
event_id_seq SELECT
events SELECT
payment INSERT(amount,contract_id,paid_on)
users SELECT`

// realDatabase is one that crm init made, not a clone: a clone has lost the database's own grants.
func realDatabase(t *testing.T) (app, owner *pgx.Conn) {
	t.Helper()
	if err := prepare(); err != nil {
		t.Fatal(err)
	}
	ctx, database := context.Background(), "real_"+strings.ToLower(t.Name())
	if made, err := repo.NewAdmin(pgtest.URL("postgres"), names(database)).Setup(ctx, schemaSQL(), ""); err != nil || len(made) != 2 {
		t.Fatalf("made %q, %v; want the database and its schema", made, err)
	}
	connect := func(url string) *pgx.Conn {
		conn := ok[*pgx.Conn](t)(pgx.Connect(ctx, url))
		t.Cleanup(func() { conn.Close(ctx) })
		return conn
	}
	return connect(appURL(database)), connect(pgtest.URL(database))
}

// rows are the first column of a query, in order, one a line.
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

// S16, R3, R24: what the app role may do is what is written above and nothing else.
func TestGrants(t *testing.T) {
	t.Parallel()
	_, owner := realDatabase(t)
	for _, c := range []struct{ name, sql, want string }{
		{"functions", "select oid::regprocedure::text from pg_proc where pronamespace = 'crm'::regnamespace and has_function_privilege('crm_app', oid, 'execute')", mayCall},
		{"relations", `
			select relname || ' ' || p from pg_class, unnest(case relkind when 'S' then array['SELECT', 'USAGE', 'UPDATE']
				else array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'] || case when current_setting('server_version_num')::int >= 170000 then array['MAINTAIN'] end end) p
			where relnamespace = 'crm'::regnamespace and relkind not in ('i', 'I', 'c', 't')
				and case relkind when 'S' then has_sequence_privilege('crm_app', oid, p) else has_table_privilege('crm_app', oid, p) end
			union all
			select relname || ' ' || p || '(' || string_agg(attname, ',' order by attname) || ')'
			from pg_class c join pg_attribute a on a.attrelid = c.oid and attnum > 0 and not attisdropped, unnest(array['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p
			where relnamespace = 'crm'::regnamespace and relkind not in ('i', 'I', 'c', 't', 'S')
				and has_column_privilege('crm_app', c.oid, attnum, p) and not has_table_privilege('crm_app', c.oid, p)
			group by relname, p`, mayTouch},
		{"types", `select typname::text from pg_type where typnamespace = 'crm'::regnamespace and has_type_privilege('crm_app', oid, 'usage')
			and typtype in ('d', 'c') and not exists (select from pg_class where oid = typrelid and relkind <> 'c')`, "identity\nsealed"},
		{
			"schemas", "select nspname || ' ' || p from pg_namespace, unnest(array['USAGE', 'CREATE']) p where has_schema_privilege('crm_app', oid, p)",
			"crm USAGE\ninformation_schema USAGE\npg_catalog USAGE\npublic USAGE",
		},
		{"database", "select p from unnest(array['CONNECT', 'CREATE', 'TEMPORARY']) p where has_database_privilege('crm_app', current_database(), p)", "CONNECT"},
		{"languages", "select lanname::text from pg_language where lanpltrusted and has_language_privilege('crm_app', oid, 'usage') and lanname not in ('sql', 'plpgsql')", ""},
		{"parameters and foreign servers", "select parname from pg_parameter_acl union all select srvname from pg_foreign_server union all select fdwname from pg_foreign_data_wrapper", ""},
		{"roles that it is", "select rolname::text from pg_roles where pg_has_role('crm_app', oid, 'member')", "crm_app"},
		{"members of it", "select rolname::text from pg_roles where pg_has_role(oid, 'crm_app', 'member') and not rolsuper", "crm_app"},
		{"what it owns", "select objid::text from pg_shdepend where refobjid = 'crm_app'::regrole and deptype = 'o'", ""},
		{"strong attributes", "select rolname::text from pg_roles where rolname in ('crm_app', 'crm_owner') and (rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls or rolinherit)", ""},
		{"who logs in", "select rolname::text from pg_roles where rolname in ('crm_app', 'crm_owner') and rolcanlogin", "crm_app"},
		{"tables without row security", "select oid::regclass::text from pg_class where relnamespace = 'crm'::regnamespace and relkind in ('r', 'p') and not relrowsecurity and (has_table_privilege('crm_app', oid, 'select') or has_any_column_privilege('crm_app', oid, 'select, insert, update, references'))", ""},
		{"policies for others", "select policyname::text from pg_policies where roles <> '{crm_app}' or permissive <> 'PERMISSIVE'", ""},
		{"functions without a fixed search_path", `select oid::regprocedure::text from pg_proc where pronamespace = 'crm'::regnamespace
			and prosqlbody is null and not coalesce('search_path=crm, pg_temp' = any (proconfig), false)`, ""},
		{"what is not the owner's", `
			select oid::regclass::text from pg_class where relnamespace = 'crm'::regnamespace and relowner <> 'crm_owner'::regrole
			union all select oid::regprocedure::text from pg_proc where pronamespace = 'crm'::regnamespace and proowner <> 'crm_owner'::regrole`, ""},
		{"rows that the owner's rights decide", "select viewname::text from pg_views where schemaname = 'crm' and definition !~ 'SELECT .*reach'", ""},
		{"foreign code", "select lanname::text from pg_proc p join pg_language l on l.oid = prolang where pronamespace = 'crm'::regnamespace and lanname not in ('sql', 'plpgsql')", ""},
		{"extensions", "select extname::text from pg_extension", "plpgsql"},
	} {
		if got := rows(t, owner, c.sql); got != strings.TrimSpace(c.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, strings.TrimSpace(c.want))
		}
	}
}

// forbidden is what a role needs to take a database over, each refused for want of privilege.
const forbidden = `
create schema x
create table crm.x (id int)
create table public.x (id int)
create temp table x (id int)
create view crm.x as select 1
create function crm.x() returns int language sql as 'select 1'
create function public.x() returns int language sql as 'select 1'
create function pg_temp.x() returns int language sql as 'select 1'
create type crm.x as (id int)
create type public.x as (id int)
create domain public.x as int
create operator public.=== (leftarg = int, rightarg = int, function = int4eq)
create sequence public.x
create extension pg_trgm
create extension dblink
create extension file_fdw
create language plperlu
create role x
create database x
create publication x
create subscription x connection 'host=x' publication x
create event trigger x on ddl_command_start execute function crm.append_only()
create server x foreign data wrapper postgres_fdw
create tablespace x location '/tmp'
create trigger x before insert on crm.customer for each row execute function crm.guard()
create rule x as on insert to crm.customer do nothing
create policy x on crm.customer using (true)
create index on crm.customer (id)
create statistics crm.x on id, sales_id from crm.customer
alter table crm.customer disable row level security
alter table crm.customer disable trigger all
alter table crm.customer owner to crm_app
alter table crm.customer add column x int
alter table crm.audit disable trigger append_only
alter view crm.users set (security_barrier)
alter function crm.me() owner to crm_app
alter function crm.reach(text[]) set search_path = public
alter schema crm owner to crm_app
alter default privileges for role crm_owner grant all on tables to crm_app
alter role crm_owner login
alter role crm_app superuser
alter role crm_app bypassrls
alter role crm_app createrole
alter system set shared_preload_libraries = 'x'
drop table crm.customer
drop policy reading on crm.customer
drop trigger a_guard on crm.customer
drop function crm.me()
drop schema crm cascade
drop owned by crm_owner
drop role crm_owner
reassign owned by crm_owner to crm_app
grant crm_owner to crm_app
set role crm_owner
set role postgres
set session authorization crm_owner
set session authorization postgres
set session_replication_role = replica
set log_statement = 'none'
set lo_compat_privileges = on
truncate crm.customer
truncate crm.audit
delete from crm.audit
delete from crm.session
comment on table crm.customer is 'x'
security label on table crm.customer is 'x'
select * from pg_authid
select * from pg_shadow
select * from pg_statistic
select * from pg_hba_file_rules
select * from pg_file_settings
select * from pg_user_mapping
select * from pg_largeobject
select * from crm.credential
select * from crm.session
select * from crm.secret
select * from crm.setting
select * from crm.role
select * from crm.permission
select * from crm.audit
select * from crm.sign_in_attempt
select last_value from crm.audit_id_seq
select last_value from crm.session_id_seq
select setval('crm.customer_id_seq', 1)
select nextval('crm.customer_id_seq')
update crm.permission set scope = 'all'
insert into crm.permission values ('sales', 'user.delete', 'all')
insert into crm.role values ('x', 'x')
insert into crm.session values (default)
insert into crm.audit (entity, entity_id, action) values ('x', 1, 'add')
insert into crm.customer (id, company_name, full_name) overriding system value values (1, '', '')
insert into crm.customer (created_at) values (now())
insert into crm.customer (fictional) values (true)
insert into crm.payment (recorded_by) values (1)
insert into crm.event (support_id) values (1)
insert into crm.contract (remaining_amount) values (0)
insert into crm.users (email) values ('x')
update crm.users set email = 'x'
update crm.customers set sales_id = 1
update crm.customer set updated_at = now()
update crm.customer set id = 2
update crm.contract set remaining_amount = 0
update crm.contract set signed_at = now()
update crm.contract set deleted_at = now()
update crm.collaborator set created_at = now()
update crm.payment set amount = 1
update crm.event set fictional = true
select * from crm.users for update
select * from crm.payment for update
select crm.actor()
select crm.moment()
select crm.random_key()
select crm.hmac_block('x', 1)
select crm.find_account('x')
select crm.is_locked('x', now(), 1)
select crm.new_session(1, '1 hour', true)
select crm.open_seeding_session(1)
select crm.check_contact(1, 'sales')
select crm.open_work(1)
select pg_read_file('/etc/passwd')
select pg_read_binary_file('/etc/passwd')
select pg_stat_file('/etc/passwd')
select pg_ls_dir('/')
select pg_ls_logdir()
select pg_ls_waldir()
select lo_import('/etc/passwd')
select lo_export(1, '/tmp/x')
select pg_reload_conf()
select pg_rotate_logfile()
select pg_switch_wal()
select pg_create_restore_point('x')
select pg_create_logical_replication_slot('x', 'test_decoding')
select pg_promote()
select pg_stat_reset()
select pg_current_logfile()
copy crm.customer to '/tmp/x'
copy crm.customer from '/etc/passwd'
copy (select 1) to program 'true'
copy crm.customer from program 'true'
copy crm.session to stdout
lock table crm.customer in exclusive mode
lock table crm.customer in access exclusive mode
lock table crm.customer in row exclusive mode
lock table crm.session in access share mode
lock table crm.audit in access share mode
load 'auto_explain'
checkpoint`

// S16: an account of the config file takes nothing over, signed in or not.
func TestForbidden(t *testing.T) {
	t.Parallel()
	app, _ := realDatabase(t)
	tried := 0
	other := map[string]string{ // refused even before privileges are looked at
		"create language plperlu": "0A000", "create server x foreign data wrapper postgres_fdw": "42704",
		"security label on table crm.customer is 'x'": "22023", "update crm.customers set sales_id = 1": "55000", "update crm.customer set id = 2": "428C9",
	}
	for sql := range strings.Lines(strings.TrimSpace(forbidden)) {
		sql = strings.TrimSpace(sql)
		send := sql
		if strings.HasPrefix(sql, "lock") {
			send = "do $$ begin " + sql + "; end $$"
		}
		_, err := app.Exec(context.Background(), send)
		if want := cmp.Or(other[sql], "42501"); sqlstate(err) != want {
			t.Errorf("%s: %v; want %s", sql, err, want)
		}
		tried++
	}
	// These are told apart from success by their effect: PostgreSQL only warns.
	for _, sql := range []string{"grant select on crm.session to public", "revoke all on crm.customer from public", "vacuum full crm.customer", "analyze crm.customer"} {
		_, _ = app.Exec(context.Background(), sql)
		tried++
	}
	var public, statistics int
	err := app.QueryRow(context.Background(), `select (select count(*) from information_schema.table_privileges where grantee = 'PUBLIC' and table_schema = 'crm'),
		(select count(*) from pg_stats where schemaname = 'crm')`).Scan(&public, &statistics)
	if fmt.Sprint(public, statistics, err) != "0 0 <nil>" {
		t.Errorf("%d privileges of public, %d statistics, %v", public, statistics, err)
	}
	t.Logf("%d statements tried", tried)
}
