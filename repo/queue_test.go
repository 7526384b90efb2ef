package repo_test

import (
	"errors"
	"slices"
	"testing"

	"crm/repo"
)

// A queue writes records of several users, which depend on each other, with the rights and the names of these users.
func TestQueue(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	for _, person := range []string{"admin", "sales1", "manage", "support1"} {
		w.as(person)
	}
	tx, commit, _, err := w.db.Atomic(ctx)
	if err != nil {
		t.Fatal(err)
	}
	as := func(person string) *repo.DB { return tx.As(w.signers[person].Token) }
	var customer, contract int64
	queue := &repo.Queue{}
	for _, err := range []error{
		queue.Add(ctx, as("sales1"), "customer", company(1), &customer),
		queue.Add(ctx, as("manage"), "contract", repo.Change{
			"customer_id": &customer, "total_amount": repo.Money(1000),
		}, &contract),
		queue.Update(ctx, as("sales1"), "contract", &contract, repo.Change{"status": "signed"}),
		queue.Add(ctx, as("sales1"), "payment", repo.Change{"contract_id": &contract, "amount": repo.Money(400)}, nil),
		queue.Send(ctx),
		commit(ctx),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	k := ok[repo.Contract](t)(w.as("admin").Contract(ctx, contract))
	if k.CustomerID != customer || k.Status != "signed" || k.RemainingAmount != 600 {
		t.Errorf("the contract is %+v", k)
	}
	var by []int64
	for _, e := range w.audits(repo.AuditFilter{Entity: "contract", Page: repo.Page{Limit: 9}}) {
		by = append(by, *e.UserID)
	}
	if !slices.Contains(by, w.ids["manage"]) || !slices.Contains(by, w.ids["sales1"]) {
		t.Errorf("the trail names %v", by)
	}

	missing := contract + 1
	for name, fill := range map[string]func(*repo.Queue, *repo.DB) error{
		"another's right": func(q *repo.Queue, _ *repo.DB) error {
			return q.Add(ctx, as("support1"), "contract", repo.Change{
				"customer_id": &customer, "total_amount": repo.Money(1),
			}, nil)
		},
		"a missing record": func(q *repo.Queue, db *repo.DB) error {
			return q.Update(ctx, db, "contract", &missing, repo.Change{"status": "pending"})
		},
	} {
		before := w.checksums()
		inner, _, rollback, err := w.db.Atomic(ctx)
		if err != nil {
			t.Fatal(err)
		}
		tx = inner // of as
		queue := &repo.Queue{}
		err = errors.Join(queue.Add(ctx, as("sales1"), "customer", company(2), nil), fill(queue, as("sales1")))
		if err == nil {
			err = queue.Send(ctx)
		}
		if !errors.Is(err, repo.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
		if err := rollback(ctx); err != nil {
			t.Fatal(err)
		}
		if w.checksums() != before {
			t.Errorf("%s: something was written", name)
		}
	}
}
