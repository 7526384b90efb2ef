package seed_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"crm/repo"
	"crm/seed"
)

// Purging deletes all fictional data except the records that real ones refer to.
func TestPurge(t *testing.T) {
	ctx, w, c := context.Background(), newWorld(t), demo()
	made := w.fill(c)
	w.addUser("manager@real.example", "manage")
	w.addUser("seller@real.example", "sales")
	manager, seller := w.as("manager@real.example", seed.DemoPassword), w.as("seller@real.example", seed.DemoPassword)
	customer, err := seller.AddCustomer(ctx, repo.Change{
		"company_name": ptr("Real SA"),
		"full_name":    ptr("Réelle Personne"),
	})
	must(t, err)
	contract, err := manager.AddContract(ctx, repo.Change{
		"customer_id":  &customer.ID,
		"total_amount": ptr(repo.Money(5000)), "status": ptr("signed"),
	})
	must(t, err)
	event, err := seller.AddEvent(ctx, repo.Change{
		"contract_id": &contract.ID, "name": ptr("Real Event"), "start_date": time.Now(),
		"end_date": time.Now().Add(time.Hour),
	})
	must(t, err)
	builds, err := manager.AddContract(ctx, repo.Change{"customer_id": ptr(int64(3))})
	must(t, err)

	purged, err := w.admin.Purge(ctx)
	must(t, err)
	want := repo.Purged{Removed: made, Kept: repo.Counts{Users: 1, Customers: 1}}
	want.Removed.Users--
	want.Removed.Customers--
	if purged != want {
		t.Errorf("purged %+v, want %+v", purged, want)
	}
	page := repo.Page{Limit: 1000}
	customers, err := manager.Customers(ctx, repo.CustomerFilter{Page: page})
	must(t, err)
	contracts, err := manager.Contracts(ctx, repo.ContractFilter{Page: page})
	must(t, err)
	events, err := manager.Events(ctx, repo.EventFilter{Page: page})
	must(t, err)
	if len(customers.Rows) != 2 || customers.Rows[0].ID != 3 || !reflect.DeepEqual(customers.Rows[1], customer) ||
		len(contracts.Rows) != 2 || !reflect.DeepEqual(contracts.Rows, []repo.Contract{contract, builds}) ||
		len(events.Rows) != 1 || !reflect.DeepEqual(events.Rows[0], event) {
		t.Errorf("left: %+v, %+v, %+v", customers, contracts, events)
	}
	if n := w.count("select count(*) from audit where action = " +
		"'purge'"); n != want.Removed.Users+want.Removed.Customers+made.Contacts+made.Notes+1+made.Contracts+
		made.Payments+made.Events {
		t.Errorf("the trail notes %d removals", n)
	}
	if again, err := w.admin.Purge(ctx); err != nil || again != (repo.Purged{Kept: want.Kept}) {
		t.Errorf("again: %+v, %v", again, err)
	}
	if refilled := w.fill(c); refilled.Users != 5 || refilled.Events != c.Events {
		t.Errorf("filled again: %+v", refilled)
	}
}
