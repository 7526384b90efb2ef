package repo_test

import (
	"errors"
	"testing"

	"crm/repo"
)

// A change that names the version it is based on is refused completely if another change came first.
func TestVersion(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	admin := w.as("admin")
	c := ok[repo.Customer](t)(
		admin.AddCustomer(ctx, repo.Change{
			"company_name": text("A"), "full_name": text("B"), "sales_id": ptr(w.ids["sales1"]),
		}))
	k := ok[repo.Contract](t)(
		admin.AddContract(ctx, repo.Change{"customer_id": &c.ID, "total_amount": ptr(repo.Money(10000))}))

	fresh := ok[repo.Customer](t)(admin.UpdateCustomer(ctx, c.ID, repo.Change{
		"full_name": text("B2"), repo.Seen: &c.UpdatedAt,
	}))
	if fresh.FullName != "B2" {
		t.Fatalf("%+v", fresh)
	}
	if _, err := admin.UpdateCustomer(ctx, c.ID, repo.Change{
		"full_name": text("B3"), repo.Seen: &c.UpdatedAt,
	}); !errors.Is(err, repo.ErrConflict) {
		t.Fatalf("an old version: %v", err)
	}
	all := repo.Change{
		"total_amount": ptr(repo.Money(20000)), "remaining_amount": ptr(repo.Money(5000)), "status": ptr("signed"),
		repo.Seen: &k.UpdatedAt,
	}
	now := ok[repo.Contract](t)(admin.UpdateContract(ctx, k.ID, all))
	if now.TotalAmount != 20000 || now.RemainingAmount != 5000 || now.Status != "signed" {
		t.Fatalf("%+v", now)
	}
	stale := repo.Change{"remaining_amount": ptr(repo.Money(0)), "status": ptr("finished"), repo.Seen: &k.UpdatedAt}
	if _, err := admin.UpdateContract(ctx, k.ID, stale); !errors.Is(err, repo.ErrConflict) {
		t.Fatalf("an old version: %v", err)
	}
	if after := ok[repo.Contract](t)(admin.Contract(ctx, k.ID)); after != now &&
		(after.RemainingAmount != now.RemainingAmount || after.Status != now.Status) {
		t.Fatalf("a refused change left %+v", after)
	}
	found := ok[repo.List[repo.Customer]](t)(admin.Customers(ctx, repo.CustomerFilter{
		Page: repo.Page{Limit: 1, Count: true},
	}))
	if len(found.Rows) != 1 || found.Total != 1 {
		t.Fatalf("%d rows of %d", len(found.Rows), found.Total)
	}
}
