package repo_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"crm/repo"
)

// firstOf returns the IDs of the first contacts of a customer: one, or none.
func (w *world) firstOf(customer int64) []int64 {
	w.t.Helper()
	found := ok[repo.List[repo.Contact]](w.t)(w.as("support1").Contacts(w.t.Context(), repo.ContactFilter{
		Page: repo.Page{Limit: 9}, CustomerID: customer, First: true,
	}))
	var ids []int64
	for _, c := range found.Rows {
		ids = append(ids, c.ID)
	}
	return ids
}

// One live contact of a customer is the first: the earliest, until another is made the first. Deleting, restoring and
// undoing change no other contact.
func TestFirstContact(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	a, b := w.contact(c), w.contact(c)
	first := func(when string, want int64) {
		t.Helper()
		if got := w.firstOf(c); !slices.Equal(got, []int64{want}) {
			t.Errorf("%s: the first contacts are %v, want %d", when, got, want)
		}
	}
	first("two added", a.ID)
	sales := w.as("sales1")
	same := ok[repo.Contact](t)(sales.UpdateContact(ctx, a.ID, repo.Change{"first": true}))
	if same.UpdatedAt != a.UpdatedAt {
		t.Error("making the first contact the first one changes it")
	}
	ok[repo.Contact](t)(sales.UpdateContact(ctx, b.ID, repo.Change{"first": true}))
	first("the second made first", b.ID)
	w.undone("sales1")
	first("that undone", a.ID)
	ok[repo.Contact](t)(sales.UpdateContact(ctx, b.ID, repo.Change{"first": true, "role": "chair"}))
	ok[repo.Contact](t)(sales.DeleteContact(ctx, b.ID))
	first("the first deleted", a.ID)
	w.undone("sales1")
	first("that undone", b.ID)
	third := ok[repo.Contact](t)(
		sales.AddContact(ctx, repo.Change{"customer_id": c, "full_name": "Third", "first": true}))
	first("one added as the first", third.ID)
	w.undone("sales1")
	first("that undone", b.ID)
	is(t, failed(w.as("sales2").UpdateContact(ctx, a.ID, repo.Change{"first": true})), repo.ErrDenied,
		"a contact of another's customer")
	is(t, failed(sales.AddContact(ctx, repo.Change{"customer_id": int64(999), "full_name": "X"})), repo.ErrNotFound,
		"a contact of no customer")
}

// No list, search or find has the contacts of a deleted customer, and all have them again when it is restored. A contact
// that is deleted itself is among the deleted ones, whatever its customer is.
func TestContactsOfADeletedCustomer(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	admin, reader := w.as("admin"), w.as("support1")
	c, other := w.customer("sales1").ID, w.customer("sales1").ID
	gone, a, foreign := w.contact(c).ID, w.contact(c).ID, w.contact(other).ID
	ok[repo.Contact](t)(admin.DeleteContact(ctx, gone))
	check := func(when string, want ...int64) {
		t.Helper()
		for what, page := range map[string]repo.Page{
			"listed": {Limit: 9}, "counted": {Limit: 9, Count: true}, "searched": {Limit: 9, Search: "plume"},
			"sorted": {Limit: 9, Sort: "full_name"},
		} {
			found := ok[repo.List[repo.Contact]](t)(reader.Contacts(ctx, repo.ContactFilter{Page: page}))
			if got := sortedIDs(found.Rows); !slices.Equal(got, want) || page.Count && found.Total != int64(len(want)) {
				t.Errorf("%s: %s are %v of %d, want %v", when, what, got, found.Total, want)
			}
		}
		if found := ok[[]repo.Found[repo.Contact]](t)(reader.FindContacts(ctx, "plume", 9)); len(found) != len(want) {
			t.Errorf("%s: found %d contacts", when, len(found))
		}
		deleted := ok[repo.List[repo.Contact]](t)(reader.Contacts(ctx, repo.ContactFilter{
			Page: repo.Page{Limit: 9, Deleted: true},
		}))
		if got := sortedIDs(deleted.Rows); !slices.Equal(got, []int64{gone}) {
			t.Errorf("%s: deleted are %v", when, got)
		}
	}
	check("before", a, foreign)
	ok[repo.Customer](t)(admin.DeleteCustomer(ctx, c))
	check("deleted", foreign)
	w.undone("admin")
	check("undone", a, foreign)
}

// sortedIDs returns the IDs of contacts in ascending order.
func sortedIDs(contacts []repo.Contact) (ids []int64) {
	for _, c := range contacts {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	return ids
}

// A customer has at most 100 live contacts, however they come to it: added, restored, by an undo, or by a merge.
func TestMostContacts(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	sales := w.as("sales1")
	c, other := w.customer("sales1").ID, w.customer("sales1").ID
	n := w.contact(other).ID
	for range 99 {
		w.contact(c)
	}
	deleted := w.contact(c).ID
	ok[repo.Contact](t)(sales.DeleteContact(ctx, deleted))
	last := ok[repo.Contact](t)(w.as("admin").AddContact(ctx, repo.Change{"customer_id": c, "full_name": "Bo"})).ID
	_, _, merged := sales.MergeCustomers(ctx, c, other, nil)
	is(t, merged, repo.ErrConflict, "merged")
	if !strings.Contains(fmt.Sprint(merged), "together they have 101 contacts, and no more than 100 are possible") {
		t.Errorf("merged: %v", merged)
	}
	for what, err := range map[string]error{
		"added":    failed(sales.AddContact(ctx, repo.Change{"customer_id": c, "full_name": "Ada"})),
		"restored": failed(sales.RestoreContact(ctx, deleted)),
		"undone":   w.undo("sales1"),
	} {
		is(t, err, repo.ErrConflict, what)
		if !strings.Contains(fmt.Sprint(err), "has 100 contacts, and no more are possible: delete some") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if of := ok[repo.Contact](t)(sales.Contact(ctx, n)).CustomerID; of != other {
		t.Errorf("the contact is of customer %d, want %d", of, other)
	}
	ok[repo.Contact](t)(sales.DeleteContact(ctx, last))
	ok[repo.Contact](t)(sales.RestoreContact(ctx, deleted))
}

// A customer is found by its live contacts: with words of both, after a key rotation, and with two contacts that were
// added concurrently. The customer's row does not change.
func TestCustomerIsFoundByContacts(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	customer := w.customer("sales1")
	other := w.customer("sales2").ID
	n := w.contact(customer.ID)
	finds := func(when, needle string, want bool) {
		t.Helper()
		db := w.as("support1")
		listed := ok[repo.List[repo.Customer]](t)(
			db.Customers(ctx, repo.CustomerFilter{Page: repo.Page{Search: needle, Limit: 9}})).Rows
		found := records(ok[[]repo.Found[repo.Customer]](t)(db.FindCustomers(ctx, needle, 9)))
		for name, rows := range map[string][]repo.Customer{"list": listed, "find": found} {
			has := slices.ContainsFunc(rows, func(c repo.Customer) bool { return c.ID == customer.ID })
			if has != want || slices.ContainsFunc(rows, func(c repo.Customer) bool { return c.ID == other }) {
				t.Errorf("%s: %s %q finds %v", when, name, needle, rows)
			}
		}
	}
	for _, needle := range []string{
		"plume", "jane@plume.example", "0698765432", "buyer", "plume company", "sales1 jane",
	} {
		finds("added", needle, true)
	}
	if now := ok[repo.Customer](t)(w.as("sales1").Customer(ctx, customer.ID)); now.UpdatedAt != customer.UpdatedAt {
		t.Error("adding a contact changes the customer")
	}
	if contracts := ok[repo.List[repo.Contact]](t)(w.as("support1").Contacts(ctx, repo.ContactFilter{
		Page: repo.Page{Search: "jane", Limit: 9},
	})); len(contracts.Rows) != 1 {
		t.Errorf("contact list finds %+v", contracts.Rows)
	}
	ok[repo.Contact](t)(w.as("sales1").UpdateContact(ctx, n.ID, repo.Change{"full_name": "Joan Feather"}))
	finds("renamed", "plume", true) // by the address
	finds("renamed", "jane plume", true)
	finds("renamed", "feather", true)
	ok[repo.Contact](t)(w.as("sales1").DeleteContact(ctx, n.ID))
	finds("deleted", "feather", false)
	ok[repo.Contact](t)(w.as("sales1").RestoreContact(ctx, n.ID))
	finds("restored", "feather", true)
	done := make(chan error)
	for _, name := range []string{"Alpha Primus", "Omega Ultimus"} {
		go func() {
			_, err := w.as("admin").AddContact(ctx, repo.Change{"customer_id": customer.ID, "full_name": name})
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	finds("two at once", "primus", true)
	finds("two at once", "ultimus", true)
	ok[repo.Contract](t)(w.as("manage").AddContract(ctx, repo.Change{"customer_id": customer.ID}))
	if found := ok[repo.List[repo.Contract]](t)(w.as("manage").Contracts(ctx, repo.ContractFilter{
		Page: repo.Page{Search: "company sales1", Limit: 9},
	})); len(found.Rows) != 1 {
		t.Errorf("contracts of the customer: %+v", found.Rows)
	}
}

// R11: an event shows its contact instead of the customer's person, and is found by both. The contact must belong to
// the event's customer.
func TestEventContact(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c, other := w.customer("sales1").ID, w.customer("sales2").ID
	n, foreign := w.contact(c).ID, w.contact(other).ID
	k := w.contract(c, 1000, "signed").ID
	change := newEvent(&k)
	change["contact_id"] = n
	e := ok[repo.Event](t)(w.as("sales1").AddEvent(ctx, change))
	if e.CustomerContact != "Jane Plume" || e.CustomerEmail != "jane@plume.example" ||
		e.CustomerPhone != "+33698765432" || *e.ContactID != n {
		t.Errorf("the event shows %+v", e)
	}
	for _, needle := range []string{"plume", "lou of sales1", "jane@plume.example"} {
		if found := ok[repo.List[repo.Event]](t)(w.as("sales1").Events(ctx, repo.EventFilter{
			Page: repo.Page{Search: needle, Limit: 9},
		})); len(found.Rows) != 1 {
			t.Errorf("%q finds %+v", needle, found.Rows)
		}
	}
	is(t, failed(w.as("admin").UpdateEvent(ctx, e.ID, repo.Change{"contact_id": foreign})), repo.ErrInvalid,
		"another customer's contact")
	is(t, failed(w.as("admin").UpdateEvent(ctx, e.ID, repo.Change{"contact_id": int64(999)})), repo.ErrNotFound,
		"no contact")
	moved := ok[repo.Event](t)(w.as("admin").UpdateEvent(ctx, e.ID,
		repo.Change{"contract_id": w.contract(other, 5, "signed").ID}))
	if moved.ContactID != nil || moved.CustomerContact != "Lou of sales2" {
		t.Errorf("with a contract of another customer the event shows %+v", moved)
	}
	w.undone("admin")
	if e := ok[repo.Event](t)(w.as("admin").Event(ctx, e.ID)); e.ContactID == nil || *e.ContactID != n {
		t.Errorf("undone: %+v", e)
	}
	own := func(when string) {
		t.Helper()
		if e := ok[repo.Event](t)(w.as("admin").Event(ctx, e.ID)); e.CustomerContact != "Lou of sales1" ||
			e.ContactID != nil {
			t.Errorf("%s: %+v", when, e)
		}
	}
	ok[repo.Event](t)(w.as("admin").UpdateEvent(ctx, e.ID, repo.Change{"contact_id": nil}))
	own("without a contact")
	w.undone("admin")
	if e := ok[repo.Event](t)(w.as("admin").Event(ctx, e.ID)); e.CustomerContact != "Jane Plume" {
		t.Errorf("undone: %+v", e)
	}
	ok[repo.Contact](t)(w.as("sales1").DeleteContact(ctx, n))
	own("with a deleted contact")
}

// The data about contacts is exported with the customer and erased with it: from records, search tokens and trail.
func TestContactsArePersonalData(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := ok[repo.Customer](t)(w.as("sales1").AddCustomer(ctx, repo.Change{
		"company_name": "Zorblax", "full_name": "Zebulon Quux", "address": "5 Rue du Quux, 75001 Paris",
		"language": "fr",
	})).ID
	n, gone := w.contact(c).ID, w.contact(c).ID
	ok[repo.Contact](t)(w.as("sales1").UpdateContact(ctx, gone, repo.Change{"full_name": "Gone Girl"}))
	ok[repo.Contact](t)(w.as("sales1").DeleteContact(ctx, gone))
	data := ok[repo.PersonalData](t)(w.as("manage").ExportCustomer(ctx, c))
	if got := data.Records["contact"]; len(got) != 2 || got[0]["full_name"] != "Jane Plume" ||
		got[1]["full_name"] != "Gone Girl" || got[0]["phone"] != "+33698765432" {
		t.Errorf("exported contacts: %v", got)
	}
	if data.Customer["address"] != "5 Rue du Quux, 75001 Paris" || data.Customer["language"] != "fr" {
		t.Errorf("the customer: %v", data.Customer)
	}
	if !slices.ContainsFunc(data.Trail,
		func(e map[string]any) bool { return e["entity"] == "contact" && e["action"] == "delete" }) {
		t.Errorf("the trail: %v", data.Trail)
	}
	sealed := strings.Fields(read[string](w, `select string_agg(substr(v, 3), ' ') from (
		select unnest(array[full_name::text, role::text, email::text, phone::text]) from contact
		union all select a.after ->> s from audit a, unnest(sealed_in('contact')) s where a.entity = 'contact'
		union all select a.before ->> s from audit a, unnest(sealed_in('contact')) s where a.entity = 'contact') x (v)
		where v is not null`))
	ok[int64](t)(w.as("admin").EraseCustomer(ctx, c))
	dump := w.dump()
	if len(sealed) < 16 || slices.ContainsFunc(sealed, func(s string) bool { return strings.Contains(dump, s) }) {
		t.Errorf("of %d sealed values some are still there", len(sealed))
	}
	got := ok[repo.Contact](t)(w.as("admin").Contact(ctx, n))
	if got.FullName != repo.Erased || got.Role+got.Email+got.Phone != "" {
		t.Errorf("the contact: %+v", got)
	}
	if n := read[int](w, "select cardinality(contact_tokens) + cardinality(address_tokens) from customer where id = $1",
		c); n != 0 {
		t.Errorf("%d tokens are left", n)
	}
	if again := ok[repo.Customer](t)(w.as("admin").Customer(ctx, c)); again.Address+again.Language != "" {
		t.Errorf("the customer: %+v", again)
	}
	w.verify()
}
