package repo_test

import (
	"context"
	"testing"

	"crm/repo"
)

// pending returns the pages in the pending lists of all search indexes, and empties them.
func (w *world) pending(t testing.TB) (pages int) {
	t.Helper()
	if err := w.owner.QueryRow(context.Background(), `select sum(gin_clean_pending_list(c.oid)) from pg_class c
		join pg_am m on m.oid = c.relam where m.amname = 'gin' and c.relnamespace = 'crm'::regnamespace`).
		Scan(&pages); err != nil {
		t.Fatal(err)
	}
	return pages
}

// A search reads the pending list of its index once for each run of ids, so no change leaves entries in it.
func TestPendingListsAreEmpty(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	db := w.as("admin")
	empty := func(after string) {
		t.Helper()
		if pages := w.pending(t); pages != 0 {
			t.Errorf("after %s, pending lists have %d pages", after, pages)
		}
	}
	c := w.customer("sales1").ID
	empty("adding a customer")
	w.contact(c)
	empty("adding a contact")
	w.event(w.contract(c, 1000, "signed").ID, "support1")
	empty("adding and changing an event")
	w.noteOf("support1", "customer", c, repo.Change{"text": "Wants to pay late"})
	empty("adding a note")
	w.must(db.UpdateCustomer(ctx, c, repo.Change{"company_name": text("Marchand")}))
	empty("updating a customer")
	many := make([]repo.Change, 300)
	for i := range many {
		many[i] = company(i)
	}
	if err := importCustomers(ctx, db, many); err != nil {
		t.Fatal(err)
	}
	empty("importing customers")
	many[150]["sales_id"] = w.ids["support1"]
	if err := importCustomers(ctx, db, many); err == nil {
		t.Error("a customer of a support contact is added")
	}
	empty("a refused import")
	list := ok[repo.List[repo.Customer]](t)(db.Customers(ctx,
		repo.CustomerFilter{Page: repo.Page{Search: "jean martin 299", Limit: 9}}))
	if len(list.Rows) != 1 {
		t.Errorf("the search finds %+v", list.Rows)
	}
}
