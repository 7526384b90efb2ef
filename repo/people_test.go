package repo_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"crm/repo"
)

// D8: a collaborator with open work leaves or changes role only if the work is handed over, all of it in the same
// transaction.
func TestLeaving(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	customer, contract, event := w.records()
	sales1, sales2, support1, support2 := w.ids["sales1"], w.ids["sales2"], w.ids["support1"], w.ids["support2"]
	manage := w.as("manage")
	remove := func(id, to int64) error { return failed(manage.DeleteUser(ctx, id, handingTo(to))) }
	move := func(id, to int64, role string) error {
		return failed(manage.UpdateUser(ctx, id, repo.Change{"role": &role}, handingTo(to)))
	}
	w.as("sales2")
	w.as("support1")
	before := w.checksums()
	for what, err := range map[string]error{
		"delete sales": remove(sales1, 0), "delete support": remove(support1, 0),
		"move sales": move(sales1, 0, "support"), "move support": move(support1, 0, "sales"),
	} {
		is(t, err, repo.ErrConflict, what)
	}
	for what, err := range map[string]error{
		"to support": remove(sales1, support1), "to sales": remove(support1, sales1),
		"to a manager": remove(sales1, w.ids["manage"]), "to nobody": remove(sales1, 999999),
		"to oneself": remove(sales1, sales1),
	} {
		if !errors.Is(err, repo.ErrInvalid) && !errors.Is(err, repo.ErrConflict) && !errors.Is(err, repo.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, sql := range []string{
		"select hand_over($1, null)", "select hand_over(null, $1)", "select hand_over(999999, $1)",
	} {
		if _, err := w.try(w.token("manage"), sql, sales1); sqlstate(err) != "P0002" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, person := range []string{"sales2", "support1"} {
		is(t, failed(w.as(person).DeleteUser(ctx, sales1, handingTo(sales2))), repo.ErrDenied, "handed over by %s",
			person)
	}
	if after := w.checksums(); after != before {
		t.Fatalf("a refusal left something:\n%s\n%s", before, after)
	}
	is(t, remove(sales1, sales2), nil, "delete sales")
	is(t, move(support1, support2, "sales"), nil, "move support")
	c, k, e := ok[repo.Customer](t)(manage.Customer(ctx, customer)),
		ok[repo.Contract](t)(manage.Contract(ctx, contract)), ok[repo.Event](t)(manage.Event(ctx, event))
	if *c.SalesID != sales2 || *k.SalesID != sales2 || *e.SupportID != support2 {
		t.Errorf("handed over: %d, %d, %d", *c.SalesID, *k.SalesID, *e.SupportID)
	}
	if _, err := w.as("sales1").User(ctx, 1); !errors.Is(err, repo.ErrSignedOut) {
		t.Errorf("the session of who left: %v", err)
	}
}

// D8: finished work does not prevent leaving: closed contracts, past events, deleted records.
func TestLeavingWhatIsOver(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c, repo.Change{"sales_id": ptr(w.ids["sales2"])}))
	k := w.contract(c, 5000, "signed").ID
	ok[repo.Contract](t)(w.as("manage").UpdateContract(ctx, k, repo.Change{"sales_id": ptr(w.ids["sales1"])}))
	e := w.event(k, "support1").ID
	past := time.Now().Add(-48 * time.Hour)
	ok[repo.Event](t)(w.as("support1").UpdateEvent(ctx, e, repo.Change{
		"start_date": &past, "end_date": ptr(past.Add(time.Hour)),
	}))
	ok[repo.Contract](t)(w.as("manage").UpdateContract(ctx, k, repo.Change{
		"remaining_amount": repo.Money(0), "status": text("finished"),
	}))
	gone, later := w.customer("sales1").ID, w.event(w.contract(c, 5000, "signed").ID, "support1").ID
	ok[repo.Customer](t)(w.as("admin").DeleteCustomer(ctx, gone))
	ok[repo.Event](t)(w.as("admin").DeleteEvent(ctx, later))
	for _, person := range []string{"sales1", "support1"} {
		is(t, failed(w.as("manage").DeleteUser(ctx, w.ids[person], nil)), nil, "delete %s", person)
	}
	// A deleted collaborator is not the contact of restored records.
	if c := ok[repo.Customer](t)(w.as("admin").RestoreCustomer(ctx, gone)); c.SalesID != nil {
		t.Errorf("a restored customer belongs to %d, who left", *c.SalesID)
	}
	if e := ok[repo.Event](t)(w.as("admin").RestoreEvent(ctx, later)); e.SupportID != nil {
		t.Errorf("a restored event belongs to %d, who left", *e.SupportID)
	}
}

// S8, R10, R11: a sales contact has the role sales, a support contact the role support, and neither is deleted.
func TestContacts(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	customer, contract, event := w.records()
	w.add("sales9", "sales")
	w.add("support9", "support")
	for _, person := range []string{"sales9", "support9"} {
		ok[repo.User](t)(w.as("admin").DeleteUser(ctx, w.ids[person], nil))
	}
	w.ids["missing"] = 999999
	for person, id := range w.ids {
		var sales, support error = repo.ErrInvalid, repo.ErrInvalid
		switch person {
		case "sales1", "sales2":
			sales = nil
		case "support1", "support2":
			support = nil
		case "sales9", "support9", "missing":
			sales, support = repo.ErrNotFound, repo.ErrNotFound
		}
		admin := w.as("admin")
		is(t, failed(admin.UpdateCustomer(ctx, customer, repo.Change{"sales_id": &id})), sales, "customer of %s",
			person)
		is(t,
			failed(
				admin.AddCustomer(ctx, repo.Change{
					"company_name": text("x"), "full_name": text("x"), "sales_id": &id,
				})), sales, "new customer of %s", person)
		is(t, failed(admin.UpdateContract(ctx, contract, repo.Change{"sales_id": &id})), sales, "contract of %s",
			person)
		is(t, failed(admin.AddContract(ctx, repo.Change{"customer_id": &customer, "sales_id": &id})), sales,
			"new contract of %s", person)
		is(t, failed(admin.UpdateEvent(ctx, event, repo.Change{"support_id": &id})), support, "event of %s", person)
	}
	// R16: the sales collaborator who creates a customer is its contact; no other creator is.
	other := repo.Change{"company_name": text("x"), "full_name": text("x"), "sales_id": ptr(w.ids["sales2"])}
	is(t, failed(w.as("sales1").AddCustomer(ctx, other)), repo.ErrDenied, "a customer for somebody else")
}

// R12, S4: only administrators add, change, delete and restore an administrator. The last one cannot be deleted, and
// collaborators cannot delete themselves.
func TestReservedRole(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	admin, manage, id := w.as("admin"), w.as("manage"), w.ids["admin"]
	role := func(r string) repo.Change { return repo.Change{"role": &r} }
	newcomer := repo.Change{
		"first_name": text("New"), "last_name": text("New"), "email": text("new@epic.example"), "role": text("admin"),
	}
	for what, err := range map[string]error{
		"add":          failed(manage.AddUser(ctx, newcomer, nil)),
		"promote":      failed(manage.UpdateUser(ctx, w.ids["sales1"], role("admin"), nil)),
		"promote self": failed(manage.UpdateUser(ctx, w.ids["manage"], role("admin"), nil)),
		"demote":       failed(manage.UpdateUser(ctx, id, role("sales"), nil)),
		"rename":       failed(manage.UpdateUser(ctx, id, repo.Change{"email": text("mine@epic.example")}, nil)),
		"delete":       failed(manage.DeleteUser(ctx, id, nil)),
	} {
		is(t, err, repo.ErrDenied, what)
	}
	is(t, failed(admin.UpdateUser(ctx, id, role("manage"), nil)), repo.ErrConflict, "the last one steps down")
	is(t, failed(admin.DeleteUser(ctx, id, nil)), repo.ErrConflict, "the last one leaves")
	second := ok[repo.User](t)(admin.AddUser(ctx, newcomer, nil))
	is(t, failed(admin.DeleteUser(ctx, id, nil)), repo.ErrConflict, "deleting oneself")
	is(t, failed(manage.DeleteUser(ctx, w.ids["manage"], nil)), repo.ErrConflict, "deleting oneself")
	if _, err := w.try(w.token("manage"), "select set_first_password('new@epic.example', 64, 1, 1, $1, $2, false)",
		make([]byte, 16), make([]byte, 32)); sqlstate(err) != "42501" {
		t.Errorf("a manager gives an administrator a password: %v", err)
	}
	if _, err := w.try(w.token("manage"), "select set_first_password('sales1@epic.example', 64, 1, 1, $1, $2, false)",
		make([]byte, 16), make([]byte, 32)); sqlstate(err) != "23505" {
		t.Errorf("a password is replaced: %v", err)
	}
	is(t, failed(admin.DeleteUser(ctx, second.ID, nil)), nil, "one of two leaves")
	is(t, failed(manage.RestoreUser(ctx, second.ID)), repo.ErrDenied, "restored by a manager")
	is(t, failed(admin.RestoreUser(ctx, second.ID)), nil, "restored")
	is(t, failed(admin.UpdateUser(ctx, w.ids["sales1"], role("chief"), nil)), repo.ErrInvalid, "an unknown role")
}

// R26, S11: no two collaborators have the same email, regardless of case; a deleted collaborator's email can be used
// again, their employee number cannot.
func TestUnique(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	manage := w.as("manage")
	change := func(mail, number string) repo.Change {
		c := repo.Change{"first_name": text("New"), "last_name": text("New"), "email": mail, "role": text("sales")}
		if number != "" {
			c["employee_number"] = number
		}
		return c
	}
	is(t, failed(manage.AddUser(ctx, change("SALES1@Epic.Example", ""), nil)), repo.ErrConflict, "the email of another")
	ok[repo.User](t)(manage.DeleteUser(ctx, w.ids["sales1"], nil))
	u := ok[repo.User](t)(manage.AddUser(ctx, change("SALES1@Epic.Example", "X-1"), nil))
	is(t, failed(manage.RestoreUser(ctx, w.ids["sales1"])), repo.ErrConflict, "restored beside the new one")
	is(t, failed(manage.AddUser(ctx, change("a@b", "X-1"), nil)), repo.ErrConflict, "the number of another")
	is(t, failed(manage.AddUser(ctx, change("a@b", "no spaces"), nil)), repo.ErrInvalid, "a number with a space")
	if first := ok[repo.User](t)(manage.User(ctx, w.ids["admin"])); first.EmployeeNumber != fmt.Sprintf("E%04d",
		first.ID) || u.EmployeeNumber != "X-1" {
		t.Errorf("numbers %q and %q", first.EmployeeNumber, u.EmployeeNumber)
	}
	for _, c := range []repo.Change{
		change("no at", ""), change("a@b@c", ""), change(strings.Repeat("x", 255)+"@y", ""),
	} {
		if err := failed(manage.AddUser(ctx, c, nil)); err == nil {
			t.Errorf("email %q was taken", c["email"])
		}
	}
}

// handingTo returns a reassignment to a collaborator, nil for 0.
func handingTo(to int64) *repo.Reassignment {
	if to == 0 {
		return nil
	}
	return &repo.Reassignment{To: to}
}
