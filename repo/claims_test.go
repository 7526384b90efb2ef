package repo_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

// send sends statements as the user with the token, in one transaction, and commits it.
func (w *world) send(token string, statements ...string) error {
	w.t.Helper()
	_, err := w.inTx(token, func(tx pgx.Tx) (int64, error) {
		for _, s := range statements {
			if _, err := tx.Exec(w.t.Context(), s); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	return err
}

// A claim to undo an entry counts in a BEFORE trigger only if it still stands in the AFTER trigger: RETURNING runs
// between them (PostgreSQL manual, 39.1 Overview of Trigger Behavior).
func TestClaimTakenBack(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	k := w.contract(w.customer("sales1").ID, 5000, "pending").ID
	ok[repo.Contract](t)(w.as("admin").UpdateContract(ctx, k, repo.Change{"status": "canceled"}))
	entry := read[string](w, "select max(id)::text from audit where entity = 'contract' and action = 'update'")
	for _, back := range []string{"", entry, "1"} {
		err := w.send(w.token("sales1"), "select set_config('crm.undoes', '"+entry+"', true)",
			*text("update crm.contract set status = 'pending' where id = %d returning set_config('crm.undoes', '%s', true)",
				k, back))
		if status := read[string](w, "select status from contract where id = $1", k); err == nil || status != "canceled" {
			t.Errorf("taken back with %q: %v, the contract is %s", back, err, status)
		}
	}
	w.undone("admin")
}

// The time at which a follow-up was done is that of the database, however often and with whatever else it is written.
// Clearing the day of a done one, and giving it one again, can be undone.
func TestDoneAt(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	due := time.Now().AddDate(0, 0, 3)
	n := w.noteOf("sales1", "customer", w.customer("sales1").ID, repo.Change{"text": "x", "due": &due})
	for _, set := range []string{
		"done_at = '1999-01-01'", "done_at = '1998-01-01'", "due = '2030-01-01', done_at = '2999-01-01'",
	} {
		if err := w.send(w.token("sales1"), "update crm.note set "+set); err != nil {
			t.Fatal(err)
		}
		if is := read[bool](w, "select done_at between now() - interval '1 hour' and now() from note"); !is {
			t.Errorf("%s is kept", set)
		}
	}
	sales := w.as("sales1")
	for what, change := range map[string]repo.Change{"no day": {"due": nil}, "another day": {"due": "2031-01-01"}} {
		before := w.rowOf("note", n.ID)
		ok[repo.Note](t)(sales.UpdateNote(ctx, n.ID, change))
		w.undone("sales1")
		if after := w.rowOf("note", n.ID); after != before {
			t.Errorf("%s undone: %s, want %s", what, after, before)
		}
	}
}

// An event whose contract is, or gets, that of another customer shows that customer's person, and its contact again when
// it is back. It belongs to the customer of its contract: erasing the contact's customer leaves it and its notes alone.
func TestContactOfAMovedEvent(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	a, b := w.customer("sales1").ID, w.customer("sales2").ID
	n := w.contact(a).ID
	k1, k2 := w.contract(a, 5000, "signed").ID, w.contract(a, 5000, "signed").ID
	e := w.event(k1, "").ID
	admin, manage := w.as("admin"), w.as("manage")
	shows := func(when string, contact bool) {
		t.Helper()
		if e := ok[repo.Event](t)(admin.Event(ctx, e)); (e.ContactID != nil) != contact {
			t.Errorf("%s: %+v", when, e)
		}
	}
	ok[repo.Event](t)(admin.UpdateEvent(ctx, e, repo.Change{"contact_id": n}))
	ok[repo.Event](t)(admin.UpdateEvent(ctx, e, repo.Change{"contract_id": k2}))
	shows("with another contract of the customer", true)
	ok[repo.Contract](t)(manage.UpdateContract(ctx, k1, repo.Change{"customer_id": b}))
	w.undone("admin")
	shows("undone, with a contract of another customer", false)
	w.undone("manage")
	shows("with its contract back", true)
	for _, k := range []int64{k1, k2} { // an unfinished contract keeps its customer
		ok[repo.Contract](t)(manage.UpdateContract(ctx, k, repo.Change{"customer_id": b}))
	}
	note := w.noteOf("sales2", "event", e, repo.Change{"text": "theirs"})
	if _, err := admin.EraseCustomer(ctx, a); err != nil {
		t.Fatal(err)
	}
	if text := ok[repo.Note](t)(admin.Note(ctx, note.ID)).Text; text != "theirs" {
		t.Errorf("the note on the event is %s", text)
	}
}

// A customer counts as merged only into the one of its own merge, and the first contact of the customer that stays is
// the first one whatever time another has.
func TestMergeClaims(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	keep, other, third := w.customer("sales1").ID, w.customer("sales1").ID, w.customer("sales1").ID
	moved, first := w.contact(other).ID, w.contact(keep).ID
	w.contact(keep)
	for _, at := range []string{"now()", "'2999-01-01'"} {
		set := text("update crm.contact set first_at = %s where id = %d", at, moved)
		if err := w.send(w.token("sales1"), *set, *text("select crm.merge_customers(%d, %d, '{}')", keep, other)); err != nil {
			t.Fatal(err)
		}
		if now := read[int64](w, "select first_contact($1)", keep); now != first {
			t.Errorf("%s: the first contact is %d, want %d", at, now, first)
		}
		w.undone("sales1")
	}
	if _, _, err := w.as("admin").MergeCustomers(ctx, keep, other, nil); err != nil {
		t.Fatal(err)
	}
	merge := read[string](w, "select max(id)::text from audit where action = 'merge' and undoes is null")
	if err := w.send(w.token("admin"), "select set_config('crm.batch', '"+merge+"', true)",
		*text("update crm.customer set deleted_at = now() where id = %d", third)); err != nil {
		t.Fatal(err)
	}
	ok[repo.Customer](t)(w.as("admin").RestoreCustomer(ctx, third))
	if _, err := w.as("admin").RestoreCustomer(ctx, other); err == nil || !strings.Contains(err.Error(), "was merged into") {
		t.Errorf("the merged customer: %v", err)
	}
}
