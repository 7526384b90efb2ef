package repo_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

// S12, S9: the trail records who changed what of a record, from which value to which, in order, also after it was
// deleted. Amounts are exact, personal values are decrypted for permitted readers, and stamps alone make no entry.
func TestTrail(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	k := w.contract(c, 100010, "to_send").ID
	ok[repo.Contract](t)(w.as("sales1").UpdateContract(ctx, k, repo.Change{"status": text("signed")}))
	ok[repo.Contract](t)(w.as("manage").PayContract(ctx, k, 10, nil))
	// nothing changes
	ok[repo.Contract](t)(w.as("manage").UpdateContract(ctx, k, repo.Change{"status": text("signed")}))
	e := w.event(k, "support1").ID
	ok[repo.Event](t)(w.as("manage").DeleteEvent(ctx, e))
	ok[repo.Event](t)(w.as("admin").RestoreEvent(ctx, e))
	ok[repo.Event](t)(w.as("manage").DeleteEvent(ctx, e))
	ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c, repo.Change{"phone": text("")}))
	ok[repo.User](t)(w.as("manage").UpdateUser(ctx, w.ids["sales2"], repo.Change{"email": text("two@epic.example")},
		nil))
	ok[repo.User](t)(w.as("manage").DeleteUser(ctx, w.ids["sales2"], nil))
	for _, want := range []struct {
		noun    string
		id      int64
		entries []string
	}{
		{"customer", c, []string{"sales1 add", "sales1 update phone: +33612345678 → <nil>"}},
		{
			"contract", k,
			[]string{
				"manage add", "sales1 update status: to_send → signed",
				"manage update remaining_amount: 1000.10 → 1000.00",
			},
		},
		{
			"event", e,
			[]string{
				"admin add", fmt.Sprintf("admin update support_id: <nil> → %d", w.ids["support1"]), "manage delete",
				"admin restore", "manage delete",
			},
		},
		{
			"user", w.ids["sales2"],
			[]string{"<nil> add", "manage update email: sales2@epic.example → two@epic.example", "manage delete"},
		},
	} {
		var got []string
		for _, entry := range ok[[]repo.Entry](t)(w.as("support2").History(ctx, want.noun, want.id)) {
			who := "<nil>"
			if entry.UserID != nil {
				who = (*entry.UserName)[:len(*entry.UserName)-len(" Test")]
				if w.ids[who] != *entry.UserID {
					t.Errorf("%d is not %s", *entry.UserID, who)
				}
			}
			line := who + " " + entry.Action
			for column := range entry.Before {
				if entry.Action == "update" && column != "signed_at" {
					line += fmt.Sprintf(" %s: %v → %v", column, entry.Before[column], entry.After[column])
				}
			}
			got = append(got, line)
		}
		if !reflect.DeepEqual(got, want.entries) {
			t.Errorf("%s:\n%q\nwant\n%q", want.noun, got, want.entries)
		}
	}
	added := ok[[]repo.Entry](t)(w.as("admin").History(ctx, "customer", c))[0]
	if added.Before != nil || added.After["company_name"] != "Company of sales1" ||
		added.After["email"] != "lou@sales1.example" {
		t.Errorf("added: %v", added.After)
	}
	for _, noun := range []string{"customer", "contract", "event", "user", "payment", "role", ""} {
		is(t, failed(w.as("admin").History(ctx, noun, 999999)), repo.ErrNotFound, "history of a missing %s", noun)
	}
	if n := read[int](w,
		"select count(*) from audit where session_id is null and collaborator_id is not null or session_id is "+
			"not null "+
			"and collaborator_id is null"); n != 0 {
		t.Errorf("%d entries name a person or a session alone", n)
	}
	if n := read[int](w, "select count(*) from audit where entity = 'payment' and collaborator_id = $1",
		w.ids["manage"]); n != 1 {
		t.Errorf("%d payments in the trail", n)
	}
}

// S12: no role can change the trail, not even the owner of the tables.
func TestTrailIsAppendOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.records()
	for _, sql := range []string{
		"update audit set action = 'add'", "delete from audit", "truncate audit", "update audit set at = now()",
		"update audit set derived = true", "update audit set before = null, after = null",
	} {
		if _, err := w.owner.Exec(t.Context(), "set role crm_owner; "+sql); sqlstate(err) != "42501" {
			t.Errorf("%s as the owner: %v", sql, err)
		}
		if _, err := w.owner.Exec(t.Context(), "reset role; "+sql); sqlstate(err) != "42501" {
			t.Errorf("%s as the superuser: %v", sql, err)
		}
		if _, err := w.try(w.token("admin"), sql); sqlstate(err) != "42501" {
			t.Errorf("%s as the app: %v", sql, err)
		}
	}
}

// S9, R9: the database sets timestamps at creation and at each change; clients cannot set them.
func TestStamps(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1")
	if !c.CreatedAt.Equal(c.UpdatedAt) || time.Since(c.CreatedAt) > time.Hour {
		t.Errorf("made at %v, changed at %v", c.CreatedAt, c.UpdatedAt)
	}
	w.set(
		"set session_replication_role = replica; update customer set created_at = '2020-01-01', updated_at = " +
			"'2020-01-01'; set session_replication_role = origin")
	changed := ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c.ID, repo.Change{"phone": text("")}))
	if changed.CreatedAt.Year() != 2020 || time.Since(changed.UpdatedAt) > time.Hour {
		t.Errorf("made at %v, changed at %v", changed.CreatedAt, changed.UpdatedAt)
	}
	gone := ok[repo.Customer](t)(w.as("admin").DeleteCustomer(ctx, c.ID))
	if _, err := w.try(w.token("admin"), "update customer set deleted_at = null where id = $1",
		c.ID); err != nil || gone.DeletedAt == nil || time.Since(*gone.DeletedAt) > time.Hour {
		t.Errorf("deleted at %v, %v", gone.DeletedAt, err)
	}
	ok[repo.Customer](t)(w.as("admin").RestoreCustomer(ctx, c.ID))
	if _, err := w.try(w.token("admin"),
		"with d as (update customer set deleted_at = '1999-01-01' where id = $1 "+
			"returning deleted_at) select 1 / (case "+
			"when deleted_at < '2000-01-01' then 0 else 1 end) from d", c.ID); err != nil {
		t.Errorf("the time of a deletion was believed: %v", err)
	}
}

// Every row that a statement of any client adds has one entry, by its author: rows of one statement, and of several
// statements in one. A client that names the entry that its own addition undoes, or belongs to, after the rows are
// added is refused, or makes no difference.
func TestEveryAddedRowIsOnTheTrail(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	c, token, sealed := w.customer("sales1").ID, w.token("sales1"), w.forgedSQL()
	add := "insert into customer (company_name, full_name, external_id) select " + sealed + ", " + sealed + ", "
	send := func(sql string) error {
		batch := &pgx.Batch{}
		batch.Queue("select set_config('crm.token', $1, true)", token)
		batch.Queue(sql)
		return w.pool.SendBatch(ctx, batch).Close()
	}
	for _, sql := range []string{
		add + "'A' || g from generate_series(1, 3) g returning set_config('crm.batch', '1', true)",
		"with a as (" + add + fmt.Sprintf("'B'), b as (insert into note (customer_id, text) values (%d, %s)) "+
			"insert into tag (name, customer_id) values ('x', %[1]d)", c, sealed),
		add + "'C' where false",
	} {
		if err := send(sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if err := send(add + "'D' returning set_config('crm.undoes', '1', true)"); err == nil {
		t.Error("an addition undoes the first entry")
	}
	got := read[[]string](w, `select array_agg(line order by line) from (
		select c.external_id || ' ' || string_agg(a.action || ' ' || a.collaborator_id || coalesce(' in ' || a.batch, ''),
			', ' order by a.id) as line
		from crm.customer c left join crm.audit a on a.entity = 'customer' and a.entity_id = c.id
		where c.external_id is not null group by c.id) lines`)
	var want []string
	for _, id := range []string{"A1", "A2", "A3", "B"} {
		want = append(want, fmt.Sprintf("%s add %d", id, w.ids["sales1"]))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the trail has\n%q, want\n%q", got, want)
	}
	if n := read[int](w, "select count(*) from crm.audit where entity in ('note', 'tag') and action = 'add'"); n != 2 {
		t.Errorf("%d entries of the other statements, want 2", n)
	}
	w.verify()
}
