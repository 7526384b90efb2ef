package repo_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

// undo undoes a person's last change and returns the error.
func (w *world) undo(person string) error {
	w.t.Helper()
	c, err := w.as(person).LastChange(w.t.Context())
	if err != nil {
		return err
	}
	return w.as(person).Undo(w.t.Context(), c)
}

// undone is undo that must succeed.
func (w *world) undone(person string) {
	w.t.Helper()
	if err := w.undo(person); err != nil {
		w.t.Fatalf("%s undoes: %v", person, err)
	}
}

// rowOf returns a record as stored, without timestamps and columns derived from ciphertexts.
func (w *world) rowOf(table string, id int64) string {
	w.t.Helper()
	return read[string](w,
		"select (to_jsonb(t) - "+
			"'{created_at,updated_at,changed_in,company_name,full_name,email,phone}'::text[])::text from "+table+
			" t where id = $1", id)
}

// Undoing, noun by noun: after each change and its undo the record is as before, tokens included, and the trail records
// both.
func TestUndoEveryNoun(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	admin := w.as("admin")
	c := w.customer("sales1").ID
	k := w.contract(c, 10000, "pending").ID
	e := w.event(w.contract(c, 10000, "signed").ID, "support1").ID
	other := w.customer("sales1").ID
	later, none := time.Now().Add(96*time.Hour).Truncate(time.Second), ""
	for _, try := range []struct {
		name, table string
		id          int64
		change      func() error
	}{
		{"customer update", "customer", c, func() error {
			return failed(admin.UpdateCustomer(ctx, c, repo.Change{
				"company_name": text("Other"), "full_name": text("Somebody"), "email": &none,
				"phone": text("+33699999999"), "sales_id": ptr(w.ids["sales2"]),
			}))
		}},
		{"customer delete", "customer", other, func() error { return failed(admin.DeleteCustomer(ctx, other)) }},
		{"contract update", "contract", k, func() error {
			return failed(admin.UpdateContract(ctx, k, repo.Change{
				"customer_id": &other, "sales_id": ptr(w.ids["sales2"]), "total_amount": ptr(repo.Money(5000)),
			}))
		}},
		{"contract pay", "contract", k, func() error { return failed(admin.PayContract(ctx, k, 2500, nil)) }},
		{"event update", "event", e, func() error {
			return failed(admin.UpdateEvent(ctx, e, repo.Change{
				"name": text("Gala"), "location": &none, "comments": text("x"), "attendees": ptr(int64(7)),
				"end_date": &later, "support_id": ptr(w.ids["support2"]),
			}))
		}},
		{"event cancel", "event", e, func() error { return failed(admin.CancelEvent(ctx, e)) }},
		{"event delete", "event", e, func() error { return failed(admin.DeleteEvent(ctx, e)) }},
		{"user update", "collaborator", w.ids["sales2"], func() error {
			return failed(
				admin.UpdateUser(ctx, w.ids["sales2"],
					repo.Change{
						"first_name": text("A"), "last_name": text("B"), "email": text("ab@epic.example"),
						"role": text("manage"), "employee_number": text("X1"),
					}, nil))
		}},
		{"user delete", "collaborator", w.ids["support2"], func() error {
			return failed(admin.DeleteUser(ctx, w.ids["support2"], nil))
		}},
	} {
		before := w.rowOf(try.table, try.id)
		if err := try.change(); err != nil {
			t.Fatalf("%s: %v", try.name, err)
		}
		if w.rowOf(try.table, try.id) == before {
			t.Errorf("%s changed nothing", try.name)
		}
		entry := ok[repo.LastChange](t)(admin.LastChange(ctx)).ID
		w.undone("admin")
		if after := w.rowOf(try.table, try.id); after != before {
			t.Errorf("%s undone:\n%s\nwas\n%s", try.name, after, before)
		}
		if n := read[int](w, "select count(*) from audit where undoes = $1 and collaborator_id = $2", entry,
			w.ids["admin"]); n != 1 {
			t.Errorf("%s: %d entries say that it was undone", try.name, n)
		}
	}
	got := ok[repo.Customer](t)(admin.Customer(ctx, c))
	if got.CompanyName != "Company of sales1" || got.FullName != "Lou of sales1" || got.Email != "lou@sales1.example" ||
		got.Phone != "+33612345678" {
		t.Errorf("the customer is %+v", got)
	}
	found := ok[repo.List[repo.Customer]](t)(admin.Customers(ctx, repo.CustomerFilter{
		Page: repo.Page{Limit: 9, Search: "somebody"},
	})).Rows
	if len(found) != 0 {
		t.Error("the undone name is still found")
	}
	if n := read[int](w,
		"select count(*) from payment where contract_id = $1 having sum(amount) = 0 and count(distinct paid_on) = 1",
		k); n != 2 {
		t.Errorf("%d payments, want one and its opposite of the same day", n)
	}
}

// Undoing an addition deletes the record; undoing a deletion restores it, and the reverse. Each `undo` goes one change
// further back, never over another undo.
func TestUndoGoesBack(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	admin := w.as("admin")
	u := ok[repo.User](t)(
		admin.AddUser(ctx,
			repo.Change{
				"first_name": text("New"), "last_name": text("New"), "email": text("new@epic.example"),
				"role": text("sales"),
			}, nil)).ID
	c := ok[repo.Customer](t)(
		admin.AddCustomer(ctx, repo.Change{"company_name": text("New"), "full_name": text("New")})).ID
	ok[repo.Customer](t)(admin.UpdateCustomer(ctx, c, repo.Change{"phone": text("+33611111111")}))
	ok[repo.Customer](t)(admin.UpdateCustomer(ctx, c, repo.Change{"phone": text("+33622222222")}))
	ok[repo.Customer](t)(admin.DeleteCustomer(ctx, c))
	ok[repo.Customer](t)(admin.RestoreCustomer(ctx, c))
	state := func() string {
		rows := ok[repo.List[repo.Customer]](t)(admin.Customers(ctx, repo.CustomerFilter{Page: repo.Page{Limit: 9}})).
			Rows
		if len(rows) == 0 {
			return "deleted"
		}
		return rows[0].Phone
	}
	for i, want := range []string{"deleted", "+33622222222", "+33611111111", "", "deleted"} {
		w.undone("admin")
		if got := state(); got != want {
			t.Fatalf("undo %d: %q, want %q", i+1, got, want)
		}
	}
	w.undone("admin")
	is(t, failed(admin.User(ctx, u)), repo.ErrNotFound, "the collaborator whose adding was undone")
	is(t, w.undo("admin"), repo.ErrNotFound, "undoing when all is undone")
	is(t, w.undo("support1"), repo.ErrNotFound, "undoing without having changed anything")
}

// An undo that changes no value is on the trail, and does not block the undo of earlier changes.
func TestUndoOfNothing(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	e := w.event(w.contract(w.customer("sales1").ID, 5000, "signed").ID, "").ID
	ok[repo.Event](t)(w.as("manage").UpdateEvent(ctx, e, repo.Change{"name": text("Gala")}))
	ok[repo.Event](t)(w.as("manage").UpdateEvent(ctx, e, repo.Change{"support_id": ptr(w.ids["support2"])}))
	ok[repo.Event](t)(w.as("manage").DeleteEvent(ctx, e))
	ok[repo.User](t)(w.as("admin").DeleteUser(ctx, w.ids["support2"], nil))
	w.undone("manage") // is restored, without the deleted contact
	w.undone("manage") // had no contact before
	w.undone("manage")
	if e := ok[repo.Event](t)(w.as("manage").Event(ctx, e)); e.SupportID != nil || *e.Name != "Party" {
		t.Errorf("the event is %+v", e)
	}
}

// A change is not undone if another user has changed the same values since, even with the same timestamp. Once they
// have undone theirs, it is.
func TestUndoChangedSince(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	sales, admin := w.as("sales1"), w.as("admin")
	ok[repo.Customer](t)(sales.UpdateCustomer(ctx, c, repo.Change{"phone": text("+33611111111")}))
	mine := ok[repo.LastChange](t)(sales.LastChange(ctx))
	ok[repo.Customer](t)(admin.UpdateCustomer(ctx, c, repo.Change{"email": text("new@sales1.example")}))
	stale := ok[repo.LastChange](t)(sales.LastChange(ctx))
	if stale.ID != mine.ID || stale.ChangedAt == nil || *stale.ChangedBy != "admin Test" || mine.ChangedAt != nil {
		t.Errorf("before %+v, after %+v", mine, stale)
	}
	is(t, sales.Undo(ctx, mine), repo.ErrConflict, "undoing what was changed since it was looked at")
	is(t, admin.Undo(ctx, mine), repo.ErrConflict, "undoing another's change")
	w.undone("admin")
	errs := concurrently(func() error { return sales.Undo(ctx, mine) }, func() error { return sales.Undo(ctx, mine) },
		func() error { return sales.Undo(ctx, mine) })
	if n := succeeded(t, errs, repo.ErrConflict); n != 1 {
		t.Errorf("%d of three undid the same change", n)
	}
	if c := ok[repo.Customer](t)(sales.Customer(ctx, c)); c.Phone != "+33612345678" || c.Email != "lou@sales1.example" {
		t.Errorf("the customer is %+v", c)
	}
}

// An undo waits for a concurrent change of the record, and then undoes nothing.
func TestUndoWaits(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	sales := w.as("sales1")
	ok[repo.Customer](t)(sales.UpdateCustomer(ctx, c, repo.Change{"phone": text("+33611111111")}))
	mine := ok[repo.LastChange](t)(sales.LastChange(ctx))
	admin, commit, rollback, err := w.as("admin").Atomic(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rollback(ctx) }()
	ok[repo.Customer](t)(admin.UpdateCustomer(ctx, c, repo.Change{"phone": text("+33622222222")}))
	done := make(chan error, 1)
	go func() { done <- sales.Undo(ctx, mine) }()
	for read[int](w, "select count(*) from pg_locks where not granted") == 0 {
		// the statement has not reached the row yet
	}
	if err := commit(ctx); err != nil {
		t.Fatal(err)
	}
	is(t, <-done, repo.ErrConflict, "undoing while somebody else changes the record")
	if c := ok[repo.Customer](t)(sales.Customer(ctx, c)); c.Phone != "+33622222222" {
		t.Errorf("the phone number is %s", c.Phone)
	}
}

// An undo is refused if the rules or permissions refuse its change.
func TestUndoRefused(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	k := w.contract(c, 1000, "to_send").ID
	is(t, w.undo("manage"), repo.ErrDenied, "a contract is deleted")
	is(t, w.undo("sales1"), repo.ErrDenied, "sales deletes the customer that it added and that has a contract by now")
	ok[repo.Contract](t)(w.as("manage").UpdateContract(ctx, k, repo.Change{"status": text("signed")}))
	is(t, w.undo("manage"), repo.ErrConflict, "a signed contract is pending again")
	ok[repo.Contract](t)(w.as("sales1").PayContract(ctx, k, 1000, nil))
	ok[repo.Contract](t)(w.as("manage").UpdateContract(ctx, k, repo.Change{"status": text("finished")}))
	is(t, w.undo("sales1"), repo.ErrConflict, "the payment of a finished contract is undone")
	ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c, repo.Change{"sales_id": ptr(w.ids["sales2"])}))
	is(t, w.undo("sales1"), repo.ErrDenied, "a customer that was handed over is undone")
	before := w.checksums()
	for _, person := range []string{"sales1", "manage"} {
		_ = w.undo(person)
	}
	if w.checksums() != before {
		t.Error("a refused undo changed something")
	}
}

// Raw SQL cannot claim to undo a change of another user, of another record, or one that is undone already.
func TestUndoClaimed(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	a, b := w.customer("sales1").ID, w.customer("sales1").ID
	ok[repo.Customer](t)(w.as("admin").UpdateCustomer(ctx, a, repo.Change{"phone": text("")}))
	others := read[int64](w, "select max(id) from audit where entity = 'customer' and entity_id = $1", a)
	own := read[int64](w, "select max(id) from audit where entity = 'customer' and entity_id = $1", b)
	claim := func(person string, entry, id int64) error {
		_, err := w.inTx(w.token(person), func(tx pgx.Tx) (int64, error) {
			if _, err := tx.Exec(ctx, "select set_config('crm.undoes', $1, true)", fmt.Sprint(entry)); err != nil {
				return 0, err
			}
			tag, err := tx.Exec(ctx, "update customer set email = null where id = $1", id)
			return tag.RowsAffected(), err
		})
		return err
	}
	for name, err := range map[string]error{
		"another's": claim("sales1", others, a), "another record's": claim("sales1", own, a),
		"none": claim("sales1", 999999, a),
	} {
		if sqlstate(err) != "42501" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// In an open transaction, its own changes can be undone; after a rollback nothing has happened.
func TestUndoAtomic(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	db, commit, _, err := w.as("sales1").Atomic(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ok[repo.Customer](t)(db.UpdateCustomer(ctx, c, repo.Change{"phone": text("+33611111111")}))
	ok[repo.Customer](t)(db.UpdateCustomer(ctx, c, repo.Change{"email": text("new@sales1.example")}))
	if err := db.Undo(ctx, ok[repo.LastChange](t)(db.LastChange(ctx))); err != nil {
		t.Fatal(err)
	}
	ok[repo.Customer](t)(db.UpdateCustomer(ctx, c, repo.Change{"full_name": text("Lou Two")})) // is no undoing itself
	if err := commit(ctx); err != nil {
		t.Fatal(err)
	}
	got := ok[repo.Customer](t)(w.as("sales1").Customer(ctx, c))
	if got.Phone != "+33611111111" || got.Email != "lou@sales1.example" || got.FullName != "Lou Two" {
		t.Errorf("the customer is %+v", got)
	}
	if n := read[int](w, "select count(*) from audit where undoes is not null"); n != 1 {
		t.Errorf("%d entries undo something", n)
	}
}

// Within an hour people may undo their own addition without the permission to delete, while nothing depends on it;
// others may not.
func TestUndoOwnAddition(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	w.undone("sales1")
	is(t, failed(w.as("admin").Customer(ctx, c)), repo.ErrNotFound, "the customer")
	k := w.contract(w.customer("sales1").ID, 5000, "signed").ID
	start := time.Now().Add(72 * time.Hour).Truncate(time.Second)
	added := func() int64 {
		return ok[repo.Event](t)(w.as("sales1").AddEvent(ctx, repo.Change{
			"contract_id": &k, "name": text("Party"), "start_date": &start, "end_date": ptr(start.Add(time.Hour)),
		})).ID
	}
	e := added()
	entry := ok[repo.LastChange](t)(w.as("sales1").LastChange(ctx))
	if !entry.Fresh || entry.Entity != "event" {
		t.Errorf("the last change is %+v", entry)
	}
	claim := func(person, sql string) error {
		_, err := w.inTx(w.token(person), func(tx pgx.Tx) (int64, error) {
			if _, err := tx.Exec(ctx, "select set_config('crm.undoes', $1, true)", fmt.Sprint(entry.ID)); err != nil {
				return 0, err
			}
			tag, err := tx.Exec(ctx, sql, e)
			if err == nil && tag.RowsAffected() == 0 {
				err = repo.ErrDenied
			}
			return tag.RowsAffected(), err
		})
		return err
	}
	for name, err := range map[string]error{
		"another":   claim("sales2", "update event set deleted_at = now() where id = $1"),
		"an update": claim("sales1", "update event set name = 'x' where id = $1"),
		"a cancel":  claim("sales1", "update event set canceled_at = now() where id = $1"),
		"another record": claim("sales1",
			"update customer set deleted_at = now() where id = (select customer_id from contracts "+
				"where id = (select contract_id from events where id = $1))"),
		"more than it is": claim("sales1", "update event set deleted_at = now(), name = 'x' where id = $1"),
	} {
		if err == nil {
			t.Errorf("%s was permitted", name)
		}
	}
	w.undone("sales1")
	is(t, failed(w.as("admin").Event(ctx, e)), repo.ErrNotFound, "the event")
	e = added()
	w.age("event", e, 61*time.Minute)
	is(t, w.undo("sales1"), repo.ErrDenied, "after an hour")
}

// age makes the trail of a record older.
func (w *world) age(entity string, id int64, by time.Duration) {
	w.t.Helper()
	ctx := w.t.Context()
	err := pgx.BeginFunc(ctx, w.owner, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "set local session_replication_role = replica"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "update audit set at = at - $3::interval where entity = $1 and entity_id = $2", entity,
			id, by)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// A hand-over is undone as a whole, by users who may hand over: with the contracts that followed and the collaborator
// who left. It is not if a record was changed since.
func TestUndoHandOver(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	open, done, kept := w.contract(c, 10000, "to_send").ID, w.contract(c, 0, "to_send").ID,
		w.contract(c, 10000, "to_send").ID
	ok[repo.Contract](t)(w.as("admin").UpdateContract(ctx, done, repo.Change{"status": text("canceled")}))
	ok[repo.Contract](t)(w.as("admin").UpdateContract(ctx, kept, repo.Change{"sales_id": ptr(w.ids["sales2"])}))
	e := w.event(w.contract(c, 10000, "signed").ID, "support1").ID
	state := func() string {
		return w.rowOf("customer", c) + w.rowOf("contract", open) + w.rowOf("contract", done) + w.rowOf("contract",
			kept) + w.rowOf("event", e) +
			w.rowOf("collaborator", w.ids["sales1"])
	}
	before, manage := state(), w.as("manage")
	for name, hand := range map[string]func() error{
		"hand-over": func() error { return failed(manage.HandOver(ctx, w.ids["sales1"], w.ids["sales2"])) },
		"delete": func() error {
			return failed(manage.DeleteUser(ctx, w.ids["sales1"], &repo.Reassignment{To: w.ids["sales2"]}))
		},
	} {
		if err := hand(); err != nil {
			t.Fatal(err)
		}
		if state() == before {
			t.Errorf("%s moved nothing", name)
		}
		w.undone("manage")
		if after := state(); after != before {
			t.Errorf("%s undone:\n%s\nwas\n%s", name, after, before)
		}
	}
	ok[repo.Handed](t)(manage.HandOver(ctx, w.ids["sales1"], w.ids["sales2"]))
	mine := ok[repo.LastChange](t)(manage.LastChange(ctx))
	ok[repo.Contract](t)(w.as("admin").UpdateContract(ctx, open, repo.Change{"total_amount": ptr(repo.Money(1))}))
	is(t, manage.Undo(ctx, mine), repo.ErrConflict, "undoing a record that was changed since")
	is(t, w.as("admin").Undo(ctx, mine), repo.ErrDenied, "undoing another's hand-over")
	w.undone("admin")
	errs := concurrently(func() error { return manage.Undo(ctx, mine) }, func() error { return manage.Undo(ctx, mine) })
	if n := succeeded(t, errs, repo.ErrConflict); n != 1 || state() != before {
		t.Errorf("%d of two undid it", n)
	}
	ok[repo.Handed](t)(manage.HandOver(ctx, w.ids["sales1"], w.ids["sales2"]))
	ok[repo.User](t)(w.as("admin").UpdateUser(ctx, w.ids["manage"], repo.Change{"role": text("support")}, nil))
	w.signers["manage"] = nil
	is(t, w.undo("manage"), repo.ErrDenied, "without the right to hand over")
}

// The cancellation of a contract can be undone; no other change leads out of canceled, regardless of a client's claims.
func TestUndoCanceling(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	k := w.contract(w.customer("sales1").ID, 5000, "pending").ID
	cancel := func() repo.LastChange {
		ok[repo.Contract](t)(w.as("manage").UpdateContract(ctx, k, repo.Change{"status": text("canceled")}))
		return ok[repo.LastChange](t)(w.as("manage").LastChange(ctx))
	}
	cancel()
	w.undone("manage")
	if c := ok[repo.Contract](t)(w.as("manage").Contract(ctx, k)); c.Status != "pending" {
		t.Errorf("the contract is %s", c.Status)
	}
	entry := cancel()
	for _, try := range []struct{ person, set string }{
		{"sales1", "status = 'pending'"},
		{"manage", "status = 'signed'"},
		{"manage", "status = 'to_send'"},
		{"manage", "status = 'pending', total_amount = 1"},
	} {
		_, err := w.inTx(w.token(try.person), func(tx pgx.Tx) (int64, error) {
			if _, err := tx.Exec(ctx, "select set_config('crm.undoes', $1, true)", fmt.Sprint(entry.ID)); err != nil {
				return 0, err
			}
			tag, err := tx.Exec(ctx, "update contract set "+try.set+" where id = $1", k)
			return tag.RowsAffected(), err
		})
		if err == nil {
			t.Errorf("%s: %s was permitted", try.person, try.set)
		}
	}
}

// Undo reads the entries of the records that it may change, not the whole trail once for each.
func TestUndoReadsLittle(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	c := w.customer("sales1").ID
	for i := range 150 {
		language := ptr([]string{"fr", "de"}[i%2])
		ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c, repo.Change{"language": language}))
	}
	read := ok[int64](t)(w.inTx(w.token("sales1"), func(tx pgx.Tx) (n int64, err error) {
		if _, err := tx.Exec(ctx, "select from my_changes(100)"); err != nil {
			return 0, err
		}
		err = tx.QueryRow(ctx,
			"select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'audit'").Scan(&n)
		return n, err
	}))
	if read > 3000 {
		t.Errorf("undo reads %d entries of the trail", read)
	}
}
