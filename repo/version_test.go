package repo_test

import (
	"errors"
	"testing"

	"crm/repo"
)

// A change that names the version it was made from is refused when somebody else was faster, whole.
func TestVersion(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	admin := w.as("admin")
	c := ok[repo.Customer](t)(admin.AddCustomer(ctx, repo.CustomerChange{CompanyName: text("A"), FullName: text("B"), SalesID: ptr(w.ids["sales1"])}))
	k := ok[repo.Contract](t)(admin.AddContract(ctx, repo.ContractChange{CustomerID: &c.ID, TotalAmount: ptr(repo.Money(10000))}))

	fresh := ok[repo.Customer](t)(admin.UpdateCustomer(ctx, c.ID, repo.CustomerChange{FullName: text("B2"), Since: &c.UpdatedAt}))
	if fresh.FullName != "B2" {
		t.Fatalf("%+v", fresh)
	}
	if _, err := admin.UpdateCustomer(ctx, c.ID, repo.CustomerChange{FullName: text("B3"), Since: &c.UpdatedAt}); !errors.Is(err, repo.ErrConflict) {
		t.Fatalf("an old version: %v", err)
	}
	all := repo.ContractChange{TotalAmount: ptr(repo.Money(20000)), RemainingAmount: ptr(repo.Money(5000)), Status: ptr("signed"), Since: &k.UpdatedAt}
	now := ok[repo.Contract](t)(admin.UpdateContract(ctx, k.ID, all))
	if now.TotalAmount != 20000 || now.RemainingAmount != 5000 || now.Status != "signed" {
		t.Fatalf("%+v", now)
	}
	stale := repo.ContractChange{RemainingAmount: ptr(repo.Money(0)), Status: ptr("finished"), Since: &k.UpdatedAt}
	if _, err := admin.UpdateContract(ctx, k.ID, stale); !errors.Is(err, repo.ErrConflict) {
		t.Fatalf("an old version: %v", err)
	}
	if after := ok[repo.Contract](t)(admin.Contract(ctx, k.ID)); after != now && (after.RemainingAmount != now.RemainingAmount || after.Status != now.Status) {
		t.Fatalf("a refused change left %+v", after)
	}
	var total int64
	if rows := ok[[]repo.Customer](t)(admin.Customers(ctx, repo.CustomerFilter{Page: repo.Page{Limit: 1, Total: &total}})); len(rows) != 1 || total != 1 {
		t.Fatalf("%d rows of %d", len(rows), total)
	}
}
