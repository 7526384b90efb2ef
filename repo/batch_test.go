package repo_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

// together sends statements in one transaction with a person's token and commits; each must affect a row.
func (w *world) together(person string, statements ...string) {
	w.t.Helper()
	_, err := w.inTx(w.token(person), func(tx pgx.Tx) (int64, error) {
		for _, sql := range statements {
			if tag, err := tx.Exec(w.t.Context(), sql); err != nil || tag.RowsAffected() == 0 {
				return 1, fmt.Errorf("%s: %v, %w", sql, tag, err)
			}
		}
		return 0, nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// R3, R17: raw SQL can add any change of the caller to those that an entry of theirs leads. Undoing them together needs
// the right to change each record now: neither a customer that was given away comes back with a merge or a hand-over,
// nor does a role change what it may not.
func TestUndoOfAddedChanges(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	keep, other, given := w.customer("sales1").ID, w.customer("sales1").ID, w.customer("sales1").ID
	takeBack := func(person, action string) {
		t.Helper()
		led := read[int64](w, "select max(id) from audit where action = $1", action)
		if _, err := w.try(w.token(person), "select take_back($1, '{}')", led); sqlstate(err) != "42501" {
			t.Errorf("%s undoes %s: %v", person, action, err)
		}
	}
	batch := func(action string) string {
		return fmt.Sprintf("select set_config('crm.batch', '%d', true)",
			read[int64](w, "select max(id) from audit where action = $1", action))
	}
	if _, _, err := w.as("sales1").MergeCustomers(ctx, keep, other, nil); err != nil {
		t.Fatal(err)
	}
	w.together("sales1", batch("merge"),
		fmt.Sprintf("update customer set sales_id = %d where id = %d", w.ids["sales2"], given))
	takeBack("sales1", "merge")
	numbered := func(customer int64) string {
		return fmt.Sprintf("update customer set external_id = 'X%[1]d' where id = %[1]d", customer)
	}
	w.together("admin", "select lead_import('note')", numbered(given))
	ok[repo.Handed](t)(w.as("admin").HandOver(ctx, w.ids["support2"], w.ids["support1"]))
	w.together("admin", batch("hand-over"), numbered(keep))
	w.add("admin2", "admin")
	ok[repo.User](t)(w.as("admin2").UpdateUser(ctx, w.ids["admin"], repo.Change{"role": text("manage")}, nil))
	w.signers["admin"] = nil
	takeBack("admin", "hand-over")
	takeBack("admin", "import")
}
