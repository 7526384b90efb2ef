package repo_test

import (
	"testing"

	"crm/repo"
)

// TestHollowRecords checks that no new record lacks a required value, and that older records without one can be
// changed, completed and finished.
func TestHollowRecords(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	manage, sales := w.as("manage"), w.as("sales1")
	customer := w.customer("sales1").ID
	free, signed := w.contract(customer, 0, "pending").ID, w.contract(customer, 5000, "signed").ID
	for column, flag := range map[string]string{
		"name": "--name", "start_date": "--start-date", "end_date": "--end-date",
	} {
		change := newEvent(&signed)
		delete(change, column)
		_, err := sales.AddEvent(ctx, change)
		is(t, err, repo.ErrInvalid, "event without %s", column)
		if err != nil && err.Error() != "an event needs "+flag {
			t.Errorf("event without %s: %v", column, err)
		}
	}
	_, err := sales.UpdateContract(ctx, free, repo.Change{"status": "signed"})
	is(t, err, repo.ErrInvalid, "signing a contract of 0")
	_, err = manage.AddContract(ctx, repo.Change{"customer_id": customer, "status": "signed"})
	is(t, err, repo.ErrInvalid, "a signed contract of 0")
	_, err = manage.UpdateContract(ctx, signed, repo.Change{"total_amount": repo.Money(0)})
	is(t, err, repo.ErrInvalid, "a total of 0 after signing")

	event := ok[repo.Event](t)(sales.AddEvent(ctx, newEvent(&signed))).ID
	_, err = manage.UpdateEvent(ctx, event, repo.Change{"name": ""})
	is(t, err, repo.ErrInvalid, "emptying a name")
	w.set("alter table event disable trigger user; alter table contract disable trigger user")
	w.set("update event set name = null, start_date = null, end_date = null where id = $1", event)
	w.set("update contract set total_amount = 0, remaining_amount = 0 where id = $1", signed)
	w.set("alter table event enable trigger user; alter table contract enable trigger user")
	ok[repo.Event](t)(manage.UpdateEvent(ctx, event, repo.Change{"support_id": w.ids["support1"]}))
	ok[repo.Event](t)(w.as("support1").UpdateEvent(ctx, event, repo.Change{"name": "Mended"}))
	_, err = manage.UpdateEvent(ctx, event, repo.Change{"name": ""})
	is(t, err, repo.ErrInvalid, "emptying a mended name")
	ok[repo.Contract](t)(manage.UpdateContract(ctx, signed, repo.Change{"status": "finished"}))
}
