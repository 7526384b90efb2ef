package repo_test

import (
	"testing"

	"crm/repo"
)

// A merge moves all that belongs to one customer to another, with the search tokens of its contacts. One undo reverts
// all of it. Trail, export and erasing treat both customers as one.
func TestMergeCustomers(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	sales, admin := w.as("sales1"), w.as("admin")
	keep, other := w.customer("sales1").ID, w.customer("sales1").ID
	zebra := repo.Change{"phone": "+33699999999", "company_name": "Zebra", "external_id": "Z-1"}
	ok[repo.Customer](t)(sales.UpdateCustomer(ctx, other, zebra))
	quentin := repo.Change{"customer_id": other, "full_name": "Quentin Rare"}
	contact := ok[repo.Contact](t)(sales.AddContact(ctx, quentin)).ID
	k := w.contract(other, 5000, "signed").ID
	e := w.event(k, "").ID
	for _, c := range []int64{keep, other} {
		w.set("insert into tag (name, customer_id) values ('vip', $1)", c)
	}
	w.set("insert into tag (name, customer_id) values ('press', $1)", other)
	state := func() string {
		return w.rowOf("customer", keep) + w.rowOf("customer", other) + w.rowOf("contact", contact) +
			w.rowOf("contract", k) + w.rowOf("event", e) +
			read[string](w, `select string_agg(to_jsonb(t)::text, '' order by id)
				from (select id, name, customer_id, deleted_at from tag) t`)
	}
	before := state()
	merged, moved, err := sales.MergeCustomers(ctx, keep, other, []string{"phone", "external_id"})
	if err != nil {
		t.Fatal(err)
	}
	if merged.Phone != "+33699999999" || *merged.ExternalID != "Z-1" || merged.CompanyName != "Company of sales1" ||
		moved["contract"] != 1 || moved["contact"] != 1 || moved["tag"] != 1 {
		t.Errorf("merged is %+v, moved %v", merged, moved)
	}
	is(t, failed(admin.Customer(ctx, other)), repo.ErrNotFound, "the other one")
	find := func(text string) (ids []int64) {
		page := repo.CustomerFilter{Page: repo.Page{Limit: 9, Search: text}}
		for _, c := range ok[repo.List[repo.Customer]](t)(admin.Customers(ctx, page)).Rows {
			ids = append(ids, c.ID)
		}
		return ids
	}
	if ids := find("quentin"); len(ids) != 1 || ids[0] != keep {
		t.Errorf("by its contact %v are found", ids)
	}
	if ids := find("0699999999"); len(ids) != 1 || ids[0] != keep {
		t.Errorf("by its phone %v are found", ids)
	}
	if ev := ok[repo.Event](t)(admin.Event(ctx, e)); ev.CustomerID != keep {
		t.Errorf("the event is of customer %d", ev.CustomerID)
	}
	kinds := map[string]int{}
	for _, entry := range ok[[]repo.Entry](t)(admin.History(ctx, "customer", keep)) {
		kinds[entry.Action]++
	}
	if kinds["add"] != 2 || kinds["merge"] != 1 || kinds["delete"] != 1 {
		t.Errorf("the history has %v", kinds)
	}
	if ids := read[[]int64](w, "select ids from records_of($1) where noun = 'customer'", keep); len(ids) != 2 {
		t.Errorf("of the customer are %v", ids)
	}
	w.undone("sales1")
	if after := state(); after != before {
		t.Errorf("undone:\n%s\nwas\n%s", after, before)
	}
	if ids := find("quentin"); len(ids) != 1 || ids[0] != other {
		t.Errorf("undone, by its contact %v are found", ids)
	}
}

// A user who may not change both customers cannot merge them. An invented column and a missing customer are refused.
func TestMergeRefused(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	mine, theirs, gone := w.customer("sales1").ID, w.customer("sales2").ID, w.customer("sales1").ID
	ok[repo.Customer](t)(w.as("admin").DeleteCustomer(ctx, gone))
	w.token("manage")
	w.token("support1")
	w.token("sales2")
	before := w.checksums()
	merge := func(person string, keep, other int64, take ...string) error {
		_, _, err := w.as(person).MergeCustomers(ctx, keep, other, take)
		return err
	}
	for _, person := range []string{"manage", "support1", "sales1", "sales2"} {
		is(t, merge(person, mine, theirs), repo.ErrDenied, person+" merges")
		is(t, merge(person, theirs, mine), repo.ErrDenied, person+" merges the other way")
	}
	is(t, merge("admin", mine, gone), repo.ErrNotFound, "a deleted customer")
	is(t, merge("admin", mine, mine), repo.ErrNotFound, "itself")
	for _, column := range []string{"id", "created_at", "changed_in", "fictional", "email_tokens", "email = null --"} {
		is(t, merge("admin", mine, theirs, column), repo.ErrDenied, column)
	}
	if w.checksums() != before {
		t.Error("something has changed")
	}
}

// A merged customer comes back with the undo of the merge alone, whatever an update claims to undo. Erasing the other one
// covers it until then, and no longer after the undo.
func TestMergedIsNotRestored(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	keep, other := w.customer("sales1").ID, w.customer("sales1").ID
	if _, _, err := w.as("sales1").MergeCustomers(ctx, keep, other, nil); err != nil {
		t.Fatal(err)
	}
	is(t, failed(w.as("admin").RestoreCustomer(ctx, other)), repo.ErrConflict, "restored")
	_, err := w.as("admin").EraseCustomer(ctx, other) // else the other one would keep what belonged to it
	is(t, err, repo.ErrConflict, "erased")
	is(t, failed(w.as("admin").ExportCustomer(ctx, other)), repo.ErrConflict, "exported")
	token := w.token("admin")
	for _, action := range []string{"merge", "delete"} {
		entry := read[int64](w, "select max(id) from audit where entity = 'customer' and action = $1", action)
		_, err := w.try(token, "with a as (select set_config('crm.undoes', $1::bigint::text, true) as s) "+
			"update customer c set deleted_at = null from a where c.id = $2 and a.s <> ''", entry, other)
		if err == nil || read[bool](w, "select deleted_at is null from customer where id = $1", other) {
			t.Errorf("restored as the undo of the entry %d, %s: %v", entry, action, err)
		}
	}
	w.undone("sales1")
	if _, err := w.as("admin").EraseCustomer(ctx, keep); err != nil {
		t.Fatal(err)
	}
	if c := ok[repo.Customer](t)(w.as("admin").Customer(ctx, other)); c.CompanyName == repo.Erased {
		t.Error("after the undo the other customer was erased too")
	}
}

// A merge can be undone whatever undo it claims to be.
func TestMergeClaimsNoUndo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keep, other := w.customer("sales1").ID, w.customer("sales1").ID
	added := read[int64](w, "select max(id) from audit where entity = 'customer' and action = 'add' and entity_id = $1", other)
	if n, err := w.try(w.token("sales1"), "select from (select set_config('crm.undoes', $3::bigint::text, true) as s "+
		"offset 0) c where s <> '' and merge_customers($1, $2, '{}') is null", keep, other, added); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	w.undone("sales1")
	ok[repo.Customer](t)(w.as("sales1").Customer(t.Context(), other))
}

// gone() tells who may view a record what became of it, and nobody else: a stranger learns nothing.
func TestGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keep, other, lives := w.customer("sales1").ID, w.customer("sales1").ID, w.customer("sales1").ID
	if _, _, err := w.as("sales1").MergeCustomers(t.Context(), keep, other, nil); err != nil {
		t.Fatal(err)
	}
	deleted := w.contact(keep).ID
	ok[repo.Contact](t)(w.as("admin").DeleteContact(t.Context(), deleted))
	for _, c := range []struct {
		noun    string
		id      int64
		deleted bool
		into    int64
	}{{"customer", other, true, keep}, {"customer", lives, false, 0}, {"contact", deleted, true, 0}, {"contact", 999, false, 0}} {
		is, into, err := w.as("support1").Gone(t.Context(), c.noun, c.id)
		if is != c.deleted || into != c.into || err != nil {
			t.Errorf("%s %d: %t, %d, %v", c.noun, c.id, is, into, err)
		}
		for what, token := range map[string]string{"signed out": "", "a false token": w.token("admin") + "x"} {
			if n, _ := w.try(token, "select from gone($1, $2) g where g is not null", c.noun, c.id); n != 0 {
				t.Errorf("%s: %s %d is told", what, c.noun, c.id)
			}
		}
	}
}

// A note or tag that is added to a customer while it is merged waits for the merge, and is refused then: on the deleted
// customer it would be lost. So is an export of its data: it would be empty.
func TestNotesDuringAMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct{ who, sql, state, constraint string }{
		{
			"support1", "insert into note (customer_id, text) values ($1, " + w.forgedSQL() + ")", "23503",
			"no_such_record",
		},
		{"support1", "insert into tag (customer_id, name) values ($1, 'vip')", "23503", "no_such_record"},
		{"admin", "select export_customer($1)", "23514", "customer_is_merged"},
	} {
		keep, other := w.customer("sales1").ID, w.customer("sales1").ID
		merging, token, done := w.hold(t), w.token(c.who), make(chan error, 1)
		merging.do("begin")
		merging.do("select set_config('crm.token', $1, true)", w.token("sales1"))
		merging.do("select merge_customers($1, $2, '{}')", keep, other)
		go func() {
			_, err := w.try(token, c.sql, other)
			done <- err
		}()
		for read[int](w, "select count(*) from pg_locks where not granted") == 0 {
			select {
			case err := <-done:
				t.Fatalf("%s did not wait: %v", c.sql, err)
			default:
			}
		}
		merging.do("commit")
		if err := <-done; sqlstate(err) != c.state || constraint(err) != c.constraint {
			t.Errorf("%s: %v", c.sql, err)
		}
	}
}
