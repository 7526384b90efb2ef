package repo_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"crm/repo"
	"crm/security"
)

// seeding returns the database for a person whose records are fictional.
func (w *world) seeding(person string) *repo.DB {
	w.t.Helper()
	o, err := w.admin.OpenSeedingSession(context.Background(), w.ids[person])
	if err != nil {
		w.t.Fatal(err)
	}
	signer := security.NewSigner(security.Session{ID: o.SessionID, UserID: o.UserID, Key: o.Key, Ends: o.Ends},
		10*time.Minute, time.Now)
	return w.db.As(signer.Token)
}

// addFictional adds a fictional collaborator to the world.
func (w *world) addFictional(person, role string) {
	w.t.Helper()
	id, err := w.admin.AddUser(context.Background(),
		repo.User{FirstName: person, LastName: "Test", Email: person + "@fictional.example", Role: role}, nil, true)
	if err != nil {
		w.t.Fatal(err)
	}
	w.ids[person] = id
}

// A chain is a fictional customer, its signed contract with a payment, and its event, by fictional people.
type chain struct {
	customer repo.Customer
	contract repo.Contract
	event    repo.Event
}

func (w *world) addChain() (c chain) {
	w.t.Helper()
	ctx, seller, manager := context.Background(), w.seeding("seller"), w.seeding("manager")
	var err error
	c.customer, err = seller.AddCustomer(ctx, repo.Change{
		"company_name": ptr("Fable SA"), "full_name": ptr("Jean Fable"),
	})
	w.must(c, err)
	c.contract, err = manager.AddContract(ctx, repo.Change{
		"customer_id": &c.customer.ID, "total_amount": ptr(repo.Money(10000)), "status": ptr("signed"),
	})
	w.must(c, err)
	w.must(seller.PayContract(ctx, c.contract.ID, 4000, nil))
	c.event, err = seller.AddEvent(ctx, newEvent(&c.contract.ID))
	w.must(c, err)
	w.must(manager.UpdateEvent(ctx, c.event.ID, repo.Change{"support_id": ptr(w.ids["helper"])}))
	return c
}

// A purgeCase is a real record that refers to a chain of fictional ones, and the records that a purge therefore keeps.
type purgeCase struct {
	name string
	real func(*world, chain)
	kept repo.Counts
}

func purgeCases() []purgeCase {
	ctx := context.Background()
	return []purgeCase{
		{"nothing real", func(*world, chain) {}, repo.Counts{}},
		{"contract of a fictional customer", func(w *world, c chain) {
			w.must(w.as("manage").AddContract(ctx, repo.Change{
				"customer_id": &c.customer.ID, "sales_id": ptr(w.ids["sales1"]),
			}))
		}, repo.Counts{Users: 1, Customers: 1}},
		{"customer of a fictional contact", func(w *world, c chain) {
			w.must(w.as("admin").AddCustomer(ctx, repo.Change{
				"company_name": ptr("Real SA"), "full_name": ptr("Real"), "sales_id": ptr(w.ids["seller"]),
			}))
		}, repo.Counts{Users: 1}},
		{"event of a fictional contract", func(w *world, c chain) {
			w.must(w.as("admin").AddEvent(ctx, newEvent(&c.contract.ID)))
		}, repo.Counts{Users: 1, Customers: 1, Contracts: 1, Payments: 1}},
		{"payment of a fictional contract", func(w *world, c chain) {
			w.must(w.as("manage").DeleteEvent(ctx, c.event.ID))
			w.must(w.as("manage").PayContract(ctx, c.contract.ID, 1000, nil))
		}, repo.Counts{Users: 1, Customers: 1, Contracts: 1, Payments: 1}},
		{"event with fictional support", func(w *world, c chain) {
			customer, err := w.as("sales1").AddCustomer(ctx, repo.Change{
				"company_name": ptr("Real SA"), "full_name": ptr("Real"),
			})
			w.must(customer, err)
			contract, err := w.as("manage").AddContract(ctx, repo.Change{
				"customer_id": &customer.ID, "total_amount": ptr(repo.Money(5000)), "status": ptr("signed"),
			})
			w.must(contract, err)
			event, err := w.as("sales1").AddEvent(ctx, newEvent(&contract.ID))
			w.must(event, err)
			w.must(w.as("manage").UpdateEvent(ctx, event.ID, repo.Change{"support_id": ptr(w.ids["helper"])}))
		}, repo.Counts{Users: 1}},
		{"change of a fictional event", func(w *world, c chain) {
			w.must(w.as("manage").UpdateEvent(ctx, c.event.ID, repo.Change{"support_id": ptr(w.ids["support1"])}))
		}, repo.Counts{}},
	}
}

// must ends the test if a change failed.
func (w *world) must(_ any, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// S2: a purge deletes fictional data, except records that real ones refer to.
func TestPurge(t *testing.T) {
	one := repo.Counts{Users: 3, Customers: 1, Contracts: 1, Payments: 1, Events: 1}
	for _, c := range purgeCases() {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.addFictional("seller", "sales")
			w.addFictional("manager", "manage")
			w.addFictional("helper", "support")
			c.real(w, w.addChain())
			before := w.realRows()
			got, err := w.admin.Purge(context.Background())
			want := repo.Purged{Removed: less(one, c.kept), Kept: c.kept}
			if err != nil || got != want {
				t.Fatalf("purged %+v, want %+v: %v", got, want, err)
			}
			if after := w.realRows(); after != before {
				t.Errorf("%d real records, %d before", after, before)
			}
			w.remainders()
		})
	}
}

func less(a, b repo.Counts) repo.Counts {
	return repo.Counts{
		Users: a.Users - b.Users, Customers: a.Customers - b.Customers, Contracts: a.Contracts - b.Contracts,
		Payments: a.Payments - b.Payments, Events: a.Events - b.Events,
	}
}

func (w *world) realRows() (n int) {
	w.t.Helper()
	err := w.owner.QueryRow(context.Background(), `select (select count(*) from collaborator where not fictional)
		+ (select count(*) from customer where not fictional) + (select count(*) from contract where not fictional)
		+ (select count(*) from payment where not fictional) + (select count(*) from event where not fictional)`).
		Scan(&n)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// remainders fails if a contract's remaining amount is not its total minus its payments.
func (w *world) remainders() {
	w.t.Helper()
	var wrong int
	err := w.owner.QueryRow(context.Background(), `select count(*) from contract k
		where remaining_amount <> total_amount - coalesce((select sum(amount) from payment p
			where p.contract_id = k.id), 0)`).Scan(&wrong)
	if err != nil || wrong != 0 {
		w.t.Errorf("%d contracts with a wrong remainder: %v", wrong, err)
	}
}

// Sessions are deleted with their accounts; the trail stays and records it.
func TestPurgeTrail(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	w.addFictional("seller", "sales")
	customer, err := w.seeding("seller").AddCustomer(ctx, repo.Change{
		"company_name": ptr("Fable SA"), "full_name": ptr("Jean Fable"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.admin.Purge(ctx); err != nil {
		t.Fatal(err)
	}
	trail, err := w.as("manage").History(ctx, "customer", customer.ID)
	if err != nil || len(trail) != 2 || trail[1].Action != "purge" || trail[1].UserID != nil ||
		trail[1].Before["full_name"] != "Jean Fable" {
		t.Errorf("trail: %+v, %v", trail, err)
	}
	var sessions int
	if err := w.owner.QueryRow(ctx,
		"select count(*) from session where seeding").Scan(&sessions); err != nil || sessions != 0 {
		t.Errorf("%d seeding sessions are left: %v", sessions, err)
	}
}

// Only a seeding session dates its records; others cannot.
func TestAt(t *testing.T) {
	w, ctx, then := newWorld(t), context.Background(), time.Date(2025, 2, 3, 4, 5, 6, 0, time.UTC)
	change := repo.Change{"company_name": ptr("Fable SA"), "full_name": ptr("Jean Fable")}
	seeded, err := w.seeding("sales1").At(then).AddCustomer(ctx, change)
	if err != nil || !seeded.CreatedAt.Equal(then) || !seeded.UpdatedAt.Equal(then) {
		t.Errorf("seeded: %+v, %v", seeded, err)
	}
	honest, err := w.as("sales1").At(then).AddCustomer(ctx, change)
	if err != nil || time.Since(honest.CreatedAt) > time.Hour {
		t.Errorf("dated by a real session: %+v, %v", honest, err)
	}
}

func TestFictionalUser(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	w.addFictional("seller", "sales")
	u, err := w.admin.FictionalUser(ctx, "Seller@fictional.example", nil)
	if err != nil || u.ID != w.ids["seller"] || u.Role != "sales" {
		t.Errorf("found %+v, %v", u, err)
	}
	for _, email := range []string{"sales1@epic.example", "nobody@fictional.example"} {
		if _, err := w.admin.FictionalUser(ctx, email, nil); !errors.Is(err, repo.ErrNotFound) {
			t.Errorf("%s: %v", email, err)
		}
	}
}
