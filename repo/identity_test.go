package repo_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

// An identityAttack is a statement with %[1]s where crm.token changes and %[2]d for the record.
type identityAttack struct{ table, place, sql string }

// identityAttacks write every table, with set_config in every part of the statement that may contain it.
func identityAttacks(w *world) (all []identityAttack) {
	sealed := w.forgedSQL()
	updates := []struct{ table, column, value string }{
		{"customer", "phone", sealed},
		{"customer", "sales_id", "sales_id + 0"},
		{"customer", "deleted_at", "now()"},
		{"contract", "total_amount", "77"},
		{"contract", "status", "'signed'"},
		{"event", "comments", "'other'"},
		{"event", "support_id", "support_id + 0"},
		{"event", "deleted_at", "now()"},
		{"collaborator", "last_name", "'Other'"},
		{"collaborator", "deleted_at", "now()"},
	}
	for _, u := range updates {
		if strings.HasSuffix(u.value, "+ 0") {
			u.value = fmt.Sprint(w.ids[map[string]string{"sales_id": "sales2", "support_id": "support2"}[u.column]])
		}
		set := fmt.Sprintf("update %s set %s = %s ", u.table, u.column, u.value)
		for place, sql := range map[string]string{
			"set": fmt.Sprintf("update %s set %s = case when %%[1]s <> '?' then %s end where id = %%[2]d",
				u.table, u.column, u.value),
			"set subselect": fmt.Sprintf("update %s set %s = (select %s where %%[1]s <> '?') where id = %%[2]d",
				u.table, u.column, u.value),
			"from": set + fmt.Sprintf("from (select %%[1]s as t) x where %s.id = %%[2]d and t <> '?'",
				u.table),
			"where":          set + "where id = %[2]d and %[1]s <> '?'",
			"where volatile": set + "where id = %[2]d and case when random() < 2 then %[1]s <> '?' end",
			"returning":      set + "where id = %[2]d returning %[1]s",
			"cte before": "with t as materialized (select %[1]s as t) " + set +
				"where id = %[2]d and (select t from t) <> '?'",
			"cte after": "with u as (" + set + "where id = %[2]d returning id) select %[1]s from u",
			"cte both":  "with u as (" + set + "where id = %[2]d returning %[1]s) select * from u",
			"order by": set +
				fmt.Sprintf("where id = (select o.id from %ss o where o.id = %%[2]d order by %%[1]s limit 1)",
					strings.Replace(u.table, "collaborator", "user", 1)),
		} {
			all = append(all, identityAttack{u.table, "update " + u.column + ", " + place, sql})
		}
	}
	for _, i := range []struct{ table, columns, values string }{
		{"customer", "company_name, full_name", sealed + ", " + sealed},
		{"contract", "customer_id", "(select customer_id from contracts where id = %[2]d)"},
		{"payment", "contract_id, amount", "%[2]d, 1"},
		{"event", "contract_id, name", "(select min(id) from contracts where status = 'signed'), 'Other'"},
	} {
		into := fmt.Sprintf("insert into %s (%s) ", i.table, i.columns)
		for place, sql := range map[string]string{
			"select":      into + "select " + i.values + " where %[1]s <> '?'",
			"from":        into + "select " + i.values + " from (select %[1]s as t offset 0) x where t <> '?'",
			"two rows":    into + "select " + i.values + " from generate_series(1, 2) n where n = 1 or %[1]s <> '?'",
			"order by":    into + "select " + i.values + " from generate_series(1, 2) n order by %[1]s || n",
			"returning":   into + "values (" + i.values + ") returning %[1]s",
			"cte after":   "with u as (" + into + "values (" + i.values + ") returning 1) select %[1]s from u",
			"cte between": "with u as (" + into + "values (" + i.values + ") returning %[1]s) select * from u",
		} {
			all = append(all, identityAttack{i.table, "insert, " + place, sql})
		}
	}
	return all
}

// Each change has one identity: whatever a statement does with crm.token while it runs, the change is refused, or the
// trail names a session whose user the matrix permits exactly this change of this row.
func TestIdentityInTheMiddle(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), context.Background()
	customer, _, event := w.records()
	contract := w.contract(customer, 5000, "pending").ID
	ids := map[string]int64{
		"customer": customer, "contract": contract, "payment": contract, "event": event,
		"collaborator": w.ids["support2"],
	}
	tokens := map[string]string{"": "", "expired": "x"}
	for _, p := range people {
		tokens[p] = w.token(p)
	}
	able := w.ableTo(ids)
	tried, entered := 0, 0
	for _, a := range identityAttacks(w) {
		for _, pair := range [][2]string{
			{"sales1", "admin"},
			{"sales1", "sales2"},
			{"sales1", "support1"},
			{"sales1", ""},
			{"sales1", "expired"},
			{"support1", "manage"},
			{"admin", "support1"},
			{"admin", "sales2"},
			{"admin", ""},
			{"manage", "sales2"},
			{"support1", "sales1"},
			{"", "admin"},
		} {
			tried++
			sql := fmt.Sprintf(strings.ReplaceAll(a.sql, "'?'", "'none'"),
				"set_config('crm.token', '"+tokens[pair[1]]+"', true)", ids[a.table])
			tx, err := w.pool.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			entered += w.checkIdentity(tx, a, pair, tokens[pair[0]], sql, contract, able)
			_ = tx.Rollback(ctx)
		}
	}
	t.Logf("%d statements, %d entries of the trail", tried, entered)
	if entered < 200 {
		t.Error("hardly anything was entered: the test tests nothing")
	}
}

// ableTo reports whether a person's role and the record's contacts permit a change of a table.
func (w *world) ableTo(ids map[string]int64) func(person, table, action string) bool {
	scope := map[string]string{}
	rows := ok[pgx.Rows](w.t)(
		w.owner.Query(context.Background(), "select role || ' ' || action, scope from permission"))
	var key, value string
	if _, err := pgx.ForEachRow(rows, []any{&key, &value},
		func() error { scope[key] = value; return nil }); err != nil {
		w.t.Fatal(err)
	}
	return func(person, table, action string) bool {
		noun, owner := table, "sales1"
		switch table {
		case "collaborator":
			noun, owner = "user", "nobody"
		case "payment":
			noun, action = "contract", "update"
		case "event":
			if action != "add" {
				owner = "support1"
			}
		}
		if action == "restore" {
			action = "delete"
		}
		far := scope[roleOf(person)+" "+noun+"."+action]
		return far == "all" || far == "own" && person == owner
	}
}

// checkIdentity runs one attack in a transaction and reads its entries of the trail as the superuser in the same
// transaction.
func (w *world) checkIdentity(
	tx pgx.Tx, a identityAttack, pair [2]string, token, sql string, contract int64,
	able func(person, table, action string) bool,
) (entries int) {
	w.t.Helper()
	ctx := context.Background()
	last := read[int64](w, "select coalesce(max(id), 0) from audit")
	if _, err := tx.Exec(ctx, "select set_config('crm.token', $1, true)", token); err != nil {
		w.t.Fatal(err)
	}
	tag, err := tx.Exec(ctx, sql)
	if err != nil {
		if state := sqlstate(err); state != "28000" && state != "42501" && !strings.HasPrefix(state, "23") &&
			state != "P0002" {
			w.t.Errorf("%s, %s as %q then %q: %v\n%s", a.table, a.place, pair[0], pair[1], err, sql)
		}
		return 0
	}
	if tag.RowsAffected() == 0 {
		return 0
	}
	if err := tx.Commit(ctx); err != nil {
		w.t.Fatal(err)
	}
	rows := ok[pgx.Rows](w.t)(w.owner.Query(ctx, `select coalesce(c.first_name, ''), a.action, a.entity,
		a.session_id is not null and exists (
			select from session i where i.id = a.session_id and i.collaborator_id = a.collaborator_id)
		from audit a left join collaborator c on c.id = a.collaborator_id where a.id > $1 and not a.derived`, last))
	var person, action, entity string
	var session bool
	_, err = pgx.ForEachRow(rows, []any{&person, &action, &entity, &session}, func() error {
		entries++
		if person = strings.TrimSuffix(person,
			" Test"); !session || person != pair[0] && person != pair[1] || !able(person, a.table, action) {
			w.t.Errorf("%s, %s as %q then %q: entered under %q with %s\n%s", a.table, a.place, pair[0], pair[1], person,
				action, sql)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.restoreRecords(contract)
	return entries
}

// restoreRecords restores contacts, states and deletions, without triggers.
func (w *world) restoreRecords(contract int64) {
	w.set(fmt.Sprintf(`set session_replication_role = replica;
		update customer set deleted_at = null, sales_id = %[1]d;
		update contract set sales_id = %[1]d, total_amount = 50, remaining_amount = 50,
			status = case when id = %[3]d then 'pending' else status end;
		update event set deleted_at = null, support_id = %[2]d;
		update collaborator set deleted_at = null, last_name = 'Test';
		set session_replication_role = origin`, w.ids["sales1"], w.ids["support1"], contract))
}

// The consequences of a change have the session of the change: contracts that follow a customer, a contract that is
// paid.
func TestIdentityOfConsequences(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	c := w.customer("sales1").ID
	k := w.contract(c, 5000, "signed").ID
	other := "returning set_config('crm.token', '" + w.token("admin") + "', true)"
	for _, sql := range []string{
		fmt.Sprintf("insert into payment (contract_id, amount) values (%d, 10) %s", k, other),
		fmt.Sprintf("update customer set sales_id = %d where id = %d %s", w.ids["sales2"], c, other),
	} {
		last := read[int64](w, "select max(id) from audit")
		tx := ok[pgx.Tx](t)(w.pool.Begin(ctx))
		for _, s := range []string{"select set_config('crm.token', '" + w.token("sales1") + "', true)", sql} {
			if _, err := tx.Exec(ctx, s); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		if all, named := read[int](w, "select count(*) from audit where id > $1", last),
			read[int](w, "select count(*) from audit where id > $1 and collaborator_id = $2", last,
				w.ids["sales1"]); all != 2 || named != 2 {
			t.Errorf("%s: %d of %d entries name sales1", sql, named, all)
		}
	}
}

// Every function that changes a record for the app role passes the session: without one, guard() refuses.
func TestNoChangeWithoutASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := read[string](w, `select coalesce(string_agg(p.proname || ': ' || m[1], e'\n'), '') from pg_proc p,
		lateral regexp_matches(p.prosrc,
			'((?:update|insert into) (?:customer|contact|contract|event|note|tag|collaborator|payment)\M[^;]*)', 'g') m
		where p.pronamespace = 'crm'::regnamespace and p.prosecdef and m[1] !~ 'changed_in = -|, changed_in\)'`)
	if got != "" {
		t.Errorf("changes without a session:\n%s", got)
	}
	customer, _, _ := w.records()
	w.set(
		"create function crm.careless(of_id bigint) returns void language sql security definer set search_path = crm " +
			"as 'update customer set phone = null where id = of_id'; alter function crm.careless(bigint) owner to " +
			"crm_owner; grant execute on function crm.careless(bigint) to crm_app")
	if _, err := w.try(w.token("sales1"), "select careless($1)", customer); sqlstate(err) != "42501" {
		t.Errorf("a function that names no session: %v", err)
	}
}

// D23: an update that sets every value to its present value makes no entry and moves no timestamp, for every field of
// every noun.
func TestNoChangeIsNone(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	admin := w.as("admin")
	c := w.customer("sales1").ID
	k := w.contract(c, 5000, "pending").ID
	e := w.event(w.contract(c, 10, "signed").ID, "support1")
	u := ok[repo.User](t)(admin.User(ctx, w.ids["support2"]))
	count := func() string {
		return read[string](w,
			"select concat((select count(*) from audit), (select md5(string_agg(concat(id, updated_at), ',' "+
				"order by id)) from customer), (select md5(string_agg(concat(id, updated_at), ',' order by id)) from "+
				"contract), (select md5(string_agg(concat(id, updated_at), ',' order by id)) from event), (select "+
				"md5(string_agg(concat(id, updated_at), ',' order by id)) from collaborator))")
	}
	before := count()
	for name, err := range map[string]error{
		"customer": failed(admin.UpdateCustomer(ctx, c, repo.Change{
			"company_name": text("Company of sales1"), "full_name": text("Lou of sales1"),
			"email": text("lou@sales1.example"), "phone": text("+33612345678"), "sales_id": ptr(w.ids["sales1"]),
		})),
		"customer's name": failed(admin.UpdateCustomer(ctx, c, repo.Change{"company_name": text("Company of sales1")})),
		"contract": failed(admin.UpdateContract(ctx, k, repo.Change{
			"customer_id": &c, "sales_id": ptr(w.ids["sales1"]),
			"total_amount": ptr(repo.Money(5000)), "status": text("pending"),
		})),
		"event": failed(admin.UpdateEvent(ctx, e.ID, repo.Change{
			"name": e.Name, "location": e.Location, "comments": e.Comments, "start_date": e.StartDate,
			"end_date": e.EndDate, "attendees": ptr(int64(10)), "support_id": ptr(w.ids["support1"]),
		})),
		"user": failed(admin.UpdateUser(ctx, u.ID, repo.Change{
			"first_name": &u.FirstName, "last_name": &u.LastName, "email": &u.Email, "role": &u.Role,
			"employee_number": &u.EmployeeNumber,
		}, nil)),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := count(); after != before {
		t.Errorf("something changed: %s, was %s", after, before)
	}
	is(t, failed(w.as("sales2").UpdateCustomer(ctx, c, repo.Change{"company_name": text("Company of sales1")})),
		repo.ErrDenied, "changing nothing of another's customer")
}

// A false claim to undo is refused, also with an update that changes nothing, and the entry can still be undone.
func TestForgedUndo(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c, repo.Change{
		"phone": text("+33611111111"), "full_name": text("Other"),
	}))
	entry := ok[repo.LastChange](t)(w.as("sales1").LastChange(ctx))
	phone := read[string](w, "select before->>'phone' from audit where id = $1", entry.ID)
	for _, sql := range []string{
		"update customer set deleted_at = deleted_at where id = $1",
		"update customer set sales_id = sales_id where id = $1",
		"update customer set phone = null where id = $1",
		fmt.Sprintf("update customer set phone = '%s' where id = $1", phone), // half of it
		fmt.Sprintf("update customer set phone = '%s', full_name = %s where id = $1", phone, w.forgedSQL()),
	} {
		_, err := w.inTx(w.token("sales1"), func(tx pgx.Tx) (int64, error) {
			if _, err := tx.Exec(ctx, "select set_config('crm.undoes', $1, true)", fmt.Sprint(entry.ID)); err != nil {
				return 0, err
			}
			tag, err := tx.Exec(ctx,
				strings.Replace(sql, "sales_id = sales_id", fmt.Sprintf("sales_id = %d", w.ids["sales1"]), 1), c)
			return tag.RowsAffected(), err
		})
		if sqlstate(err) != "42501" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	w.undone("sales1")
	got := ok[repo.Customer](t)(w.as("sales1").Customer(ctx, c))
	if got.Phone != "+33612345678" || got.FullName != "Lou of sales1" {
		t.Errorf("undone: %+v", got)
	}
	if time.Since(got.UpdatedAt) > time.Hour {
		t.Errorf("changed at %v", got.UpdatedAt)
	}
}
