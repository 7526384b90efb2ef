package repo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

// concurrently calls all functions at the same time and returns their errors in order.
func concurrently(all ...func() error) []error {
	errs := make([]error, len(all))
	var start, done sync.WaitGroup
	start.Add(1)
	for i, do := range all {
		done.Go(func() {
			start.Wait()
			errs[i] = do()
		})
	}
	start.Done()
	done.Wait()
	return errs
}

// succeeded counts successes. Any error but the given ones fails the test.
func succeeded(t *testing.T, errs []error, kinds ...error) (n int) {
	t.Helper()
	for _, err := range errs {
		if err == nil {
			n++
		} else if !slices.ContainsFunc(kinds, func(k error) bool { return errors.Is(err, k) }) {
			t.Errorf("at the same time: %v, want one of %v", err, kinds)
		}
	}
	return n
}

// D5: of 20 concurrent payments as many succeed as the total allows, and the remaining amount is exact.
func TestPaymentsTogether(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	k := w.contract(w.customer("sales1").ID, 1000, "signed").ID
	payers := []*repo.DB{w.as("manage"), w.as("sales1"), w.as("admin")}
	var all []func() error
	for i := range 20 {
		all = append(all, func() error { return failed(payers[i%3].PayContract(ctx, k, 99, nil)) })
	}
	if n := succeeded(t, concurrently(all...), repo.ErrConflict); n != 10 {
		t.Errorf("%d payments passed, want 10", n)
	}
	if left := ok[repo.Contract](t)(payers[0].Contract(ctx, k)).RemainingAmount; left != 10 {
		t.Errorf("%v remains, want 0.10", left)
	}
	if n := read[int](w, "select count(*) from payment where contract_id = $1", k); n != 10 {
		t.Errorf("%d entries, want 10", n)
	}
}

// D5, D6: after any concurrent changes of a contract's amounts, the ledger and the contract agree.
func TestAmountsTogether(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c, db, sales := w.customer("sales1").ID, w.as("manage"), w.as("sales1")
	for range 8 {
		k := w.contract(c, 1000, "signed").ID
		amount := func(c repo.Change) func() error {
			return func() error { return failed(db.UpdateContract(ctx, k, c)) }
		}
		pay := func() error { return failed(sales.PayContract(ctx, k, 600, nil)) }
		succeeded(t,
			concurrently(pay, amount(repo.Change{"total_amount": ptr(repo.Money(500))}), pay,
				amount(repo.Change{"remaining_amount": ptr(repo.Money(100))}),
				amount(repo.Change{"status": text("finished")}),
				amount(repo.Change{"total_amount": ptr(repo.Money(2000)), "remaining_amount": ptr(repo.Money(0))})),
			repo.ErrConflict, repo.ErrInvalid)
	}
	if n := read[int](w, `select count(*) from contract k where remaining_amount < 0 or remaining_amount > total_amount
		or status = 'finished' and remaining_amount <> 0
		or remaining_amount <> total_amount - (select coalesce(sum(amount), 0) from payment
			where contract_id = k.id)`); n != 0 {
		t.Errorf("%d contracts are wrong", n)
	}
}

// D8: a collaborator who is being deleted gets no work concurrently, and a collaborator who is getting work is not
// deleted.
func TestDeleteAndAssignTogether(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	k := w.contract(w.customer("sales1").ID, 5000, "signed").ID
	admin, manage := w.as("admin"), w.as("manage")
	for i := range 8 {
		seller, helper := fmt.Sprint("sales-", i), fmt.Sprint("support-", i)
		w.add(seller, "sales")
		w.add(helper, "support")
		c, e := w.customer("sales2").ID, w.event(k, "").ID
		errs := concurrently(
			func() error { return failed(manage.DeleteUser(ctx, w.ids[seller], nil)) },
			func() error {
				return failed(admin.UpdateCustomer(ctx, c, repo.Change{"sales_id": ptr(w.ids[seller])}))
			},
			func() error {
				return failed(manage.UpdateUser(ctx, w.ids[helper], repo.Change{"role": text("manage")}, nil))
			},
			func() error {
				return failed(admin.UpdateEvent(ctx, e, repo.Change{"support_id": ptr(w.ids[helper])}))
			},
		)
		if n := succeeded(t, errs, repo.ErrConflict, repo.ErrInvalid, repo.ErrNotFound); n != 2 {
			t.Errorf("round %d: %v", i, errs)
		}
	}
	if n := read[int](w, `select (select count(*) from customer c join collaborator u on u.id = c.sales_id
		where u.deleted_at is not null)
		+ (select count(*) from event e join collaborator u on u.id = e.support_id
			where u.role <> 'support')`); n != 0 {
		t.Errorf("%d records belong to somebody who left", n)
	}
}

// D4: of actions that exclude each other one succeeds: a customer is not deleted while a contract is added to it, nor
// an event added to a contract that is being finished.
func TestStepsTogether(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	manage, sales, admin := w.as("manage"), w.as("sales1"), w.as("admin")
	for range 8 {
		c := w.customer("sales1").ID
		k, signed := w.contract(c, 5000, "pending").ID, w.contract(c, 5000, "signed").ID
		empty := w.customer("sales1").ID
		to := func(db *repo.DB, id int64, status string) func() error {
			return func() error { return failed(db.UpdateContract(ctx, id, repo.Change{"status": &status})) }
		}
		if n := succeeded(t, concurrently(to(manage, k, "canceled"), to(sales, k, "signed"), to(admin, k, "canceled")),
			repo.ErrConflict); n != 1 && read[string](w, "select status from contract where id = $1", k) != "canceled" {
			t.Errorf("signed and canceled: %d steps", n)
		}
		if n := succeeded(t, concurrently(func() error { return failed(admin.DeleteCustomer(ctx, empty)) },
			func() error { return failed(manage.AddContract(ctx, repo.Change{"customer_id": &empty})) }),
			repo.ErrConflict, repo.ErrNotFound); n != 1 {
			t.Errorf("a customer deleted under a new contract: %d of 2", n)
		}
		succeeded(t,
			concurrently(to(manage, signed, "finished"),
				func() error { return failed(sales.AddEvent(ctx, newEvent(&signed))) }), repo.ErrConflict)
	}
}

// S4: if two administrators delete each other, one of them stays.
func TestLastAdminTogether(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	for i := range 5 {
		a, b := fmt.Sprint("admin-a", i), fmt.Sprint("admin-b", i)
		w.add(a, "admin")
		w.add(b, "admin")
		w.set(
			"set session_replication_role = replica; update collaborator set deleted_at = now() " +
				"where role = 'admin' and deleted_at is null and first_name not in ('" + a + "', '" + b +
				"'); set session_replication_role = origin")
		first, second := w.as(a), w.as(b)
		succeeded(t, concurrently(
			func() error { return failed(first.DeleteUser(ctx, w.ids[b], nil)) },
			func() error {
				return failed(second.UpdateUser(ctx, w.ids[a], repo.Change{"role": text("manage")}, nil))
			},
		), repo.ErrConflict, repo.ErrSignedOut, repo.ErrDenied)
		if n := read[int](w, "select count(*) from collaborator where role = 'admin' and deleted_at is null"); n != 1 {
			t.Fatalf("%d administrators are left", n)
		}
	}
}

// R5: a change that waits for a lock is not made if its user's sessions end meanwhile.
func TestRevokedWhileWaiting(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	sales := w.as("sales1")
	tx := ok[pgx.Tx](t)(w.owner.Begin(ctx))
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(ctx, "select from customer where id = $1 for update", c); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- failed(sales.UpdateCustomer(ctx, c, repo.Change{"phone": text("")})) }()
	for read[int](w, "select count(*) from pg_locks where not granted") == 0 {
		// the statement has not reached the row yet
	}
	w.set("insert into session_end select id from session where collaborator_id = $1", w.ids["sales1"])
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	is(t, <-done, repo.ErrSignedOut, "a change of who was thrown out while it waited")
	if c := ok[repo.Customer](t)(w.as("admin").Customer(ctx, c)); c.Phone == "" {
		t.Error("it was made all the same")
	}
}

// D12: a deadlock ends for one of the two as a conflict with the advice to retry; no other error does.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	w.set(fmt.Sprintf("alter database %s set deadlock_timeout = '10ms'", w.database))
	a, b := w.customer("sales1").ID, w.customer("sales1").ID
	cross := func(first, second int64, ready, other *sync.WaitGroup) func() error {
		db, commit, rollback, err := w.as("sales1").Atomic(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return func() error {
			defer func() { _ = rollback(context.Background()) }()
			err := failed(db.UpdateCustomer(ctx, first, repo.Change{"phone": text("")}))
			ready.Done()
			other.Wait()
			if err == nil {
				err = failed(db.UpdateCustomer(ctx, second, repo.Change{"phone": text("")}))
			}
			if err == nil {
				err = commit(ctx)
			}
			return err
		}
	}
	var one, two sync.WaitGroup
	one.Add(1)
	two.Add(1)
	errs := concurrently(cross(a, b, &one, &two), cross(b, a, &two, &one))
	if n := succeeded(t, errs, repo.ErrConflict); n != 1 {
		t.Errorf("%d of 2 were done: %v", n, errs)
	}
}

// TestNotesTogether checks that notes that are appended concurrently are all kept.
func TestNotesTogether(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	id := w.event(w.contract(w.customer("sales1").ID, 5000, "signed").ID, "support1").ID
	writers := []*repo.DB{w.as("manage"), w.as("support1"), w.as("admin")}
	var all []func() error
	for i := range 9 {
		all = append(all, func() error { return failed(writers[i%3].AppendNote(ctx, id, fmt.Sprintf("note %d.", i))) })
	}
	if n := succeeded(t, concurrently(all...)); n != 9 {
		t.Errorf("%d of 9 notes were written", n)
	}
	notes := *ok[repo.Event](t)(writers[0].Event(ctx, id)).Comments
	for i := range 9 {
		if !strings.Contains(notes, fmt.Sprintf("note %d.", i)) {
			t.Errorf("note %d is lost: %q", i, notes)
		}
	}
	_, err := writers[0].AppendNote(ctx, id, strings.Repeat("x", repo.NoteLimit))
	is(t, err, repo.ErrInvalid, "notes that are too long")
}
