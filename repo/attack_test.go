package repo_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var readable = strings.Fields("users customers contacts contracts events notes tags saved_views saved_maps " +
	"whole_customers whole_contracts whole_events hidden_contacts own_customers own_contracts own_events payments")

// leaks are queries that read a value of relation R through an error message: a filter, a join or an expression fails
// on it.
const leaks = `
select * from R 
table R 
select count(*) from R 
select max(id), min(id) from R 
select * from R x where id = 1
select * from R x where 1 / (case when id > 0 then 0 else 1 end) = 1
select * from R x where x::text::int = 1
select * from R x where x::text::int = 1 and id = 1
select * from R x where id::text::date is null
select x::text::int from R x
select x::text::int from R x limit 1
select x::text::int from R x where id between 1 and 100 order by id
select 1 from R x order by x::text::int
select 1 from R x group by x::text::int
select 1 from R x group by id having max(x::text)::int = 1
select distinct on (x::text::int) 1 from R x
select sum(1) over (partition by x::text::int) from R x
select string_agg(x::text, '')::int from R x
select json_agg(x)::text::int from R x
select 1 from (values (1)) v (i) left join R x on x::text::int = v.i
select x from (values (1)) v (i) left join R x on x.id = v.i and x::text::int = 2
select 1 from (values (1)) v (i) left join R x on 1 / (case when x.id > 0 then 0 else 1 end) = v.i
select 1 from R x right join (values (1)) v (i) on x::text::int = v.i
select 1 from R x full join (values (1)) v (i) on x::text::int = v.i
select 1 from (values (1)) v (i) join R x on x::text::int = v.i
select 1 from (values (1)) v (i) left join (R x join R y on x::text::int = y.id) on true
select 1 from (values (1)) v (i) left join (R x left join R y on y::text::int = x.id) on x.id = v.i
select 1 from R x, R y where x::text::int = y.id
select 1 from R x join R y using (id) where (x.id || y::text)::int = 1
select 1 from R x left join R y on x.id = y.id where y.id is null or y::text::int = 1
select 1 from generate_series(1, 3) g, lateral (select x::text::int from R x where x.id = g) y
select 1 from generate_series(1, 3) g left join lateral (select x::text::int as n from R x where x.id = g offset 0) y on n = 1
select 1 from generate_series(1, 3) g where exists (select from R x where x::text::int = g)
select 1 from generate_series(1, 3) g where not exists (select from R x where x::text::int = g)
select 1 from generate_series(1, 3) g where g in (select x::text::int from R x)
select 1 from generate_series(1, 3) g where g not in (select x::text::int from R x)
select 1 from generate_series(1, 3) g where g = any (array(select x::text::int from R x))
select (select x::text::int from R x limit 1)
select (select max(x::text::int) from R x)
select coalesce((select 1 from R x where x::text::int = 1), 2)
select case when exists (select from R x where x.id = 1) then 1 else 1 / (select 0) end
with c as materialized (select x::text::int from R x) select * from c
with c as not materialized (select x::text::int as n from R x) select * from c where n = 1
with recursive c as (select 1 as n union select x::text::int from R x, c where x.id = c.n) select * from c
select 1 from R x where x::text::int = 1 union all select 1 from R 
select n from (select x::text::int as n from R x union all select 1) u where n = 1
select id from R except select id from R x where x::text::int = 1
select 1 from R x where x::text::int = 1 intersect select 1
select 1 from R x where (select x::text::int) = 1
select 1 from R x where x::text ~ '^x' or x::text::int = 1
select 1 from R x cross join lateral regexp_split_to_table(x::text, ',') w where w::int = 1
copy (select x::text::int from R x) to stdout
explain analyze select * from R x where x::text::int = 1
select query_to_xml('select x::text::int from R x', true, true, '')
select table_to_xml('R', true, true, '')
select * from ts_stat('select to_tsvector(x::text) from R x')
do $$ begin perform x::text::int from R x; end $$
do $$ declare x record; begin for x in select * from R loop raise exception '%', x; end loop; end $$
do $$ begin perform from R x where x::text::int = 1; exception when invalid_text_representation then raise exception '%', sqlerrm; end $$
do $$ declare c cursor for select x::text::int from R x; n int; begin open c; fetch c into n; raise exception '%', n; end $$
begin; declare c cursor for select x::text::int from R x; fetch all from c; commit
begin; declare c no scroll cursor with hold for select x::text::int from R x; commit; fetch all from c
begin; savepoint s; select x::text::int from R x; rollback to s; select * from R ; commit
prepare p as select x::text::int from R x; execute p`

// planners are settings that force every way of joining, scanning and ordering.
var planners = []string{
	"select", "set enable_nestloop = off; set enable_mergejoin = off",
	"set enable_hashjoin = off; set enable_nestloop = off",
	"set enable_seqscan = off; set enable_material = off; set enable_memoize = off",
	"set from_collapse_limit = 1; set join_collapse_limit = 1; set plan_cache_mode = force_generic_plan",
	"select set_config(case when current_setting('server_version_num')::int < 160000 then 'force_parallel_mode' " +
		"else 'debug_parallel_query' end, 'on', false); set parallel_setup_cost = 0; set parallel_tuple_cost = 0; " +
		"set min_parallel_table_scan_size = 0",
	"set search_path = pg_catalog, public, crm; set enable_partitionwise_join = on; set geqo_threshold = 2",
}

// records adds one set of each noun.
func (w *world) records() (customer, contract, event int64) {
	customer = w.customer("sales1").ID
	contract = w.contract(customer, 100000, "signed").ID
	event = w.event(contract, "support1").ID
	ok[int64](w.t)(1, failed(w.as("manage").PayContract(context.Background(), contract, 100, nil)))
	return customer, contract, event
}

// R5, R28, S16: without a token, no statement reads a row under any plan, and no error message contains a value. With a
// token the same statements succeed, which shows that they are attacks.
func TestLeaks(t *testing.T) {
	t.Parallel()
	ctx, w := context.Background(), newWorld(t)
	w.records()
	tried := 0
	try := func(planner, token string) {
		conn := ok[*pgx.Conn](t)(pgx.Connect(ctx, appURL(w.database)))
		defer conn.Close(ctx)
		for _, first := range []string{
			"set search_path = crm; set jit = off", "set crm.token = '" + token + "'", planner,
		} {
			if _, err := conn.Exec(ctx, first); err != nil {
				t.Fatal(err)
			}
		}
		for line := range strings.Lines(strings.TrimSpace(leaks)) {
			for _, relation := range readable {
				sql := strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(line)+" ", "R ", relation+" "), "'R'",
					"'"+relation+"'")
				_, err := conn.Exec(ctx, sql)
				_, _ = conn.Exec(ctx, "rollback; close all; deallocate all")
				tried++
				if (sqlstate(err) == "28000") == (token != "") {
					t.Errorf("%s; %s: with token %.10q: %v", planner, sql, token, err)
				}
			}
		}
	}
	for _, planner := range planners {
		try(planner, "")
	}
	try("select", w.token("support2"))
	t.Logf("%d statements tried", tried)
}

// TestEveryViewHasASecondItem finds in the catalogue a fault that TestLeaks shows on PostgreSQL 17, but not on 15: a
// view whose gate the planner moves up to an outer join of the query, so that the join's conditions read rows before
// the gate. A second item in FROM prevents it. Views named …_rows have no gate, and the app role may not read them.
func TestEveryViewHasASecondItem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	without := func() (names string) {
		t.Helper()
		const sql = `select coalesce(string_agg(relname, ' '), '') from pg_class, pg_get_viewdef(oid) definition
			where relnamespace = 'crm'::regnamespace and relkind = 'v' and relname !~ '_rows$'
			and definition !~ (',\s+unnest\(''\{1\}''::integer\[\]\) one\(one\)\s+WHERE '
			|| '\(*\( SELECT (crm\.)?reach\(VARIADIC ARRAY\[''[a-z.]+''::text\]\) AS reach\) = 0\)( AND .*)?;$')
			and definition !~ ('^ WITH who AS MATERIALIZED \(\s+SELECT w\.reach,.*FROM identify\(true, false, '
			|| '''\{[a-z]+\.view\}''::text\[\]\) w\(.*,\s+unnest\(''\{1\}''::integer\[\]\) one\(one\)\s+WHERE '
			|| '\(\( SELECT who\.reach\s+FROM who\) = 0\);$')`
		if err := w.owner.QueryRow(context.Background(), sql).Scan(&names); err != nil {
			t.Fatal(err)
		}
		return names
	}
	if names := without(); names != "" {
		t.Errorf("views without \"unnest('{1}'::integer[]) one\" and a gate as the first condition: %s", names)
	}
	w.set("create view crm.roles as select name from crm.role where (select crm.reach('user.view')) = 0")
	if names := without(); names != "roles" {
		t.Errorf("found %q, want the view roles", names)
	}
}

// errorFields returns all fields of an error.
func errorFields(err error) string {
	if pg, is := err.(*pgconn.PgError); is {
		return fmt.Sprint(pg.Code, pg.Message, pg.Detail, pg.Hint, pg.TableName, pg.ColumnName, pg.ConstraintName,
			pg.DataTypeName)
	}
	return fmt.Sprint(err)
}

// R5, D11: a signed-out caller gets the same answer for existing and for missing records.
func TestNothingToldOutside(t *testing.T) {
	t.Parallel()
	ctx, w := context.Background(), newWorld(t)
	customer, contract, event := w.records()
	contact, sealed := w.contact(customer).ID, w.forgedSQL()
	major := read[int](w, "select current_setting('server_version_num')::int / 10000")
	for sql, there := range map[string]int64{
		"select from customer where id = %d": customer, "select from customers where id = %d": customer,
		"select from customer where id = %d for update": customer, "select from users where id = %d": w.ids["admin"],
		"update customer set phone = null where id = %d":                                                   customer,
		"update customer set deleted_at = now() where id = %d":                                             customer,
		"update customer set sales_id = %d":                                                                w.ids["sales1"],
		"update contract set customer_id = %d":                                                             customer,
		"update contract set status = 'canceled' where id = %d":                                            contract,
		"update event set support_id = %d":                                                                 w.ids["support1"],
		"update event set contract_id = %d":                                                                contract,
		"update event set comments = 'x' where id = %d":                                                    event,
		"do $$ begin perform set_config('crm.undoes', 'x', true); update event set attendees = %d; end $$": 1,
		"insert into contact (customer_id, full_name) values (%d, " + sealed + ")":                         customer,
		"insert into note (customer_id, text) values (%d, " + sealed + ")":                                 customer,
		"insert into note (event_id, text) values (%d, " + sealed + ")":                                    event,
		"insert into tag (name, contract_id) values ('x', %d)":                                             contract,
		"insert into event (contract_id, contact_id, name, start_date, end_date) select id, %d, 'x', now(), " +
			"now() + interval '1 hour' from contract": contact,
		"insert into saved_view (name, command) values ('due', " + sealed + "), ('%d', " + sealed + ")": 1,
		"update contact set role = null where id = %d":                                                  contact,
		"update contact set full_name = " + sealed + " where customer_id = %d":                          customer,
		"select history('view', %d)":                                                                    1, "select history('note', %d)": 1, "select take_back(%d, '{}')": 1,
		"select merge_customers(%d, 999998, '{}')": customer, "select lockout_of(%d)": w.ids["sales1"],
		"select own_addition('customer', %d)": customer, "select from own_customers where id = %d": customer,
		"select from whole_customers where id = %d": customer, "select from event_spans, own_events where id = %d": event,
		"update collaborator set role = 'admin' where id = %d":     w.ids["sales1"],
		"insert into contract (customer_id) values (%d)":           customer,
		"insert into payment (contract_id, amount) values (%d, 1)": contract,
		"insert into event (contract_id, name, start_date, end_date) values (%d, 'x', now(), now() + interval " +
			"'1 hour')": contract,
		"insert into customer values (default, " + sealed + ", " + sealed + ")": 0,
		"insert into customer (company_name, full_name, sales_id) values (" + sealed +
			", " + sealed + ", %d)": w.ids["sales1"],
		"insert into collaborator (employee_number, first_name, last_name, email, role) " +
			"values ('E' || lpad('%d', 4, '0'), 'x', 'x', 'x@y', 'sales')": w.ids["sales1"],
		"insert into collaborator (employee_number, first_name, last_name, email, role) " +
			"values ('E' || lpad('%d', 4, '0'), 'x', 'x', 'x@y', 'sales') on conflict do nothing": w.ids["sales1"],
		"merge into customer c using (values (%d)) v (i) on c.id = v.i when matched then update set phone = null " +
			"when not matched then do nothing": customer,
		"select me(), %d": 0, "select me_id(), %d": 0, "select reach('user.view'), %d": 0,
		"select my_permissions(), %d": 0, "select sign_out(), %d": 0,
		"select hand_over(%d, 1)": w.ids["sales1"], "select hand_over(1, %d)": w.ids["sales1"],
		"select history('customer', %d)": customer, "select history('user', %d)": w.ids["admin"],
		"select history('payment', %d)": 1, "select gone('customer', %d)": customer, "select gone('view', %d)": 1,
		"select contact_of_customer(%d)": customer, "select contact_of_contract(%d)": contract,
		"select payable(%d)": contract,
		"select change_password('x', 64, %d, 1, 'x', 'x')":                                          1,
		"select set_first_password('admin@epic.example', 64, %d, 1, '0123456789abcdef', 'x', true)": 1,
		"select reset_password(%d, 64, 1, 1, '0123456789abcdef', 'x')":                              w.ids["sales1"],
		"select unlock_user(%d)": w.ids["sales1"],
		"select clear_mfa(%d)":   w.ids["sales1"], "select end_session(%d)": 1,
		"select * from sessions_of(%d)": w.ids["sales1"],
		"select export_customer(%d)":    customer, "select erase_customer(%d, '{}')": customer,
		"select note_refusal('x', 'customer', %d)": customer, "select * from my_changes(9), generate_series(1, %d)": 1,
		"select note_failures(), %d":  1,
		"select disable_mfa('x'), %d": 1, "select enable_mfa('x', 'x', '%d', null)": 1,
		"select touch(), %d": 1,
	} {
		if strings.HasPrefix(sql, "merge") && major < 15 {
			continue // PostgreSQL 14 has no such statement
		}
		answers := map[string]bool{}
		for _, id := range []int64{there, 999999} {
			line := sql
			if strings.Contains(sql, "%d") {
				line = fmt.Sprintf(sql, id)
			}
			answer := w.answer(ctx, line)
			answers[answer] = true
			if !strings.HasPrefix(answer, "28000") && !strings.HasPrefix(answer, "42501") && answer != "" &&
				answer != "[<nil>]" && answer != "[false]" {
				t.Errorf("%s: %s", line, answer)
			}
		}
		if len(answers) != 1 {
			t.Errorf("%s: tells what exists: %v", sql, answers)
		}
	}
}

// answer is the result of a statement without a token: rows or an error.
func (w *world) answer(ctx context.Context, sql string) string {
	rows, err := w.pool.Query(ctx, sql)
	if err != nil {
		return errorFields(err)
	}
	var all []string
	for rows.Next() {
		values, _ := rows.Values()
		all = append(all, fmt.Sprint(values))
	}
	if rows.Err() != nil {
		return errorFields(rows.Err())
	}
	return strings.Join(all, " ")
}

// S16: statistics reveal nothing, although the account may select from the tables.
func TestStatisticsTellNothing(t *testing.T) {
	t.Parallel()
	ctx, w := context.Background(), newWorld(t)
	w.records()
	w.set("analyze")
	for _, relation := range []string{"pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"} {
		tag, err := w.pool.Exec(ctx, "select * from "+relation+" where schemaname = 'crm'")
		if err != nil || tag.RowsAffected() != 0 {
			t.Errorf("%s: %d rows, %v", relation, tag.RowsAffected(), err)
		}
	}
}
