package repo_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"crm/repo"
)

// R23: the flow of the brief, each step by the role that it belongs to.
func TestStory(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	customer, err := w.as("sales1").AddCustomer(ctx, repo.Change{
		"company_name": text("Bouzin SARL"), "full_name": text("Lou Bouzin"), "email": text("lou@bouzin.example"),
		"phone": text("+66612345"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if customer.SalesID == nil || *customer.SalesID != w.ids["sales1"] || customer.CompanyName != "Bouzin SARL" ||
		customer.Phone != "+66612345" {
		t.Fatalf("customer: %+v", customer)
	}
	contract, err := w.as("manage").AddContract(ctx, repo.Change{
		"customer_id": &customer.ID, "total_amount": ptr(repo.Money(100000)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if contract.SalesID == nil || *contract.SalesID != w.ids["sales1"] || contract.RemainingAmount != 100000 ||
		contract.Status != "to_send" {
		t.Fatalf("contract: %+v", contract)
	}
	if _, err := w.as("sales1").AddEvent(ctx, newEvent(&contract.ID)); !errors.Is(err, repo.ErrConflict) {
		t.Fatalf("event on an unsigned contract: %v", err)
	}
	contract, err = w.as("sales1").UpdateContract(ctx, contract.ID, repo.Change{
		"status": ptr("signed"), "remaining_amount": ptr(repo.Money(60000)),
	})
	if err != nil || contract.Status != "signed" || contract.RemainingAmount != 60000 || contract.SignedAt == nil {
		t.Fatalf("signed: %+v, %v", contract, err)
	}
	if _, err := w.as("sales2").AddEvent(ctx, newEvent(&contract.ID)); !errors.Is(err, repo.ErrDenied) {
		t.Fatalf("event for another's customer: %v", err)
	}
	start := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	event, err := w.as("sales1").AddEvent(ctx, repo.Change{
		"contract_id": &contract.ID, "name": text("Wedding"), "start_date": &start,
		"end_date": ptr(start.Add(9 * time.Hour)), "attendees": ptr(int64(75)),
	})
	if err != nil {
		t.Fatal(err)
	}
	event, err = w.as("manage").UpdateEvent(ctx, event.ID, repo.Change{"support_id": ptr(w.ids["support1"])})
	if err != nil || event.SupportID == nil || event.CustomerEmail != "lou@bouzin.example" {
		t.Fatalf("assigned: %+v, %v", event, err)
	}
	event, err = w.as("support1").UpdateEvent(ctx, event.ID, repo.Change{"comments": text("DJ at eight")})
	if err != nil || *event.Comments != "DJ at eight" {
		t.Fatalf("updated: %+v, %v", event, err)
	}
	if _, err := w.as("support2").UpdateEvent(ctx, event.ID, repo.Change{
		"comments": text("mine"),
	}); !errors.Is(err, repo.ErrDenied) {
		t.Fatalf("another's event: %v", err)
	}
	trail, err := w.as("support2").History(ctx, "event", event.ID)
	if err != nil || len(trail) != 3 || trail[2].After["comments"] != "DJ at eight" {
		t.Fatalf("history: %+v, %v", trail, err)
	}
}
