package repo_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"crm/repo"
)

// dump returns the content of every table, as the superuser.
func (w *world) dump() string {
	w.t.Helper()
	var parts []string
	for _, table := range strings.Fields(
		read[string](w,
			"select string_agg(relname, ' ') from pg_class where relnamespace = 'crm'::regnamespace and "+
				"relkind = 'r'")) {
		parts = append(parts, fmt.Sprintf("select x::text as line from %s x", table))
	}
	return read[string](w, "select string_agg(line, e'\\n') from ("+strings.Join(parts, " union all ")+") all_tables")
}

// An export has all data about a customer, decrypted, and adds an entry to the trail.
func TestExportCustomer(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	k := w.contract(c, 120050, "signed").ID
	ok[repo.Contract](t)(w.as("manage").PayContract(ctx, k, 1010, nil))
	e := w.event(k, "support1").ID
	ok[repo.Event](t)(w.as("manage").DeleteEvent(ctx, e))
	ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c, repo.Change{"phone": text("+33699999999")}))
	w.contract(w.customer("sales2").ID, 5, "to_send")
	data := ok[repo.PersonalData](t)(w.as("manage").ExportCustomer(ctx, c))
	if data.Customer["company_name"] != "Company of sales1" || data.Customer["phone"] != "+33699999999" ||
		data.Customer["id"] != json.Number(fmt.Sprint(c)) {
		t.Errorf("the customer: %v", data.Customer)
	}
	contracts, payments, events := data.Records["contract"], data.Records["payment"], data.Records["event"]
	if len(contracts) != 1 || fmt.Sprint(contracts[0]["remaining_amount"]) != "1190.40" || len(payments) != 1 ||
		fmt.Sprint(payments[0]["amount"]) != "10.10" ||
		len(events) != 1 || events[0]["comments"] != "none" || data.SalesContact["email"] != "sales1@epic.example" {
		t.Errorf("the rest: %+v", data)
	}
	var trail []string
	for _, entry := range data.Trail {
		trail = append(trail, fmt.Sprint(entry["entity"], " ", entry["action"]))
		if before, ok := entry["before"].(map[string]any); ok && entry["entity"] == "customer" &&
			before["phone"] != "+33612345678" {
			t.Errorf("before: %v", before)
		}
	}
	if want := []string{
		"customer add", "contract add", "contract update", "payment add", "event add", "event update", "event delete",
		"customer update", "customer export",
	}; !reflect.DeepEqual(trail, want) {
		t.Errorf("the trail: %q, want %q", trail, want)
	}
	if text := string(ok[[]byte](t)(json.Marshal(data))); strings.Contains(text, `\\x`) ||
		strings.Contains(text, "tokens") {
		t.Error("something is not opened, or a token is told")
	}
	exports := w.audits(repo.AuditFilter{Action: "export", Entity: "customer", EntityID: c})
	if len(exports) != 1 || *exports[0].UserID != w.ids["manage"] {
		t.Errorf("exports on the trail: %+v", exports)
	}
	is(t, failed(w.as("manage").ExportCustomer(ctx, 999)), repo.ErrNotFound, "an unknown customer")
	for _, person := range []string{"sales1", "support1"} {
		is(t, failed(w.as(person).ExportCustomer(ctx, c)), repo.ErrDenied, "%s exports", person)
	}
	if n := len(w.audits(repo.AuditFilter{Action: "export"})); n != 1 {
		t.Errorf("%d exports on the trail", n)
	}
}

// An erased person is nowhere in the database: not in a record, a list, a search or the trail, nor sealed in any table.
// Amounts stay, and the chain is intact.
func TestEraseCustomer(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c, other := w.customer("sales1").ID, w.customer("sales1").ID
	ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c, repo.Change{
		"full_name": text("Zebulon Quux"), "email": text("zebulon@quux.example"), "phone": text("+33655443322"),
	}))
	k := w.contract(c, 1000, "signed").ID
	e := w.event(k, "").ID
	// One of the trail's values is re-encrypted already.
	w.set(`update audit set after = jsonb_set(after, '{full_name}',
		to_jsonb((select full_name::text from customer where id = $1) || ' ' || sealed_digest(after->>'full_name')))
		where entity = 'customer' and entity_id = $1 and action = 'add'`, c)
	sealed := strings.Fields(read[string](w, `select string_agg(substr(v, 3), ' ')
		from audit a, lateral (select value #>> '{}' from jsonb_each(coalesce(a.before, '{}'))
			union all select value #>> '{}' from jsonb_each(a.after)) x (v)
		where a.entity = 'customer' and a.entity_id = $1 and v like '\\x%'`, c))
	sealed = append(sealed,
		strings.Fields(
			read[string](w,
				"select concat_ws(' ', substr(company_name::text, 3), substr(full_name::text, 3), substr(email::text, "+
					"3), substr(phone::text, 3)) from customer where id = $1", c))...)
	sealed = slices.DeleteFunc(sealed, func(s string) bool { return strings.HasPrefix(s, "sha256:") })
	before := w.dump()
	if len(sealed) < 10 || slices.ContainsFunc(sealed, func(s string) bool { return !strings.Contains(before, s) }) {
		t.Fatalf("what there is to be erased: %q", sealed)
	}
	head := w.verify()

	is(t, failed(w.as("admin").EraseCustomer(ctx, c)), repo.ErrConflict, "erasing while a contract is unfinished")
	for _, person := range []string{"manage", "sales1", "support1"} {
		is(t, failed(w.as(person).EraseCustomer(ctx, c)), repo.ErrDenied, "%s erases", person)
	}
	is(t, failed(w.as("admin").EraseCustomer(ctx, 999)), repo.ErrNotFound, "erasing an unknown customer")
	ok[repo.Contract](t)(w.as("manage").PayContract(ctx, k, 1000, nil))
	ok[repo.Contract](t)(w.as("manage").UpdateContract(ctx, k, repo.Change{"status": text("finished")}))
	if n := ok[int64](t)(w.as("admin").EraseCustomer(ctx, c)); n != 3 { // added, updated, and updated by erasing
		t.Errorf("%d entries were changed, want 3", n)
	}

	dump := w.dump()
	for _, s := range sealed {
		if strings.Contains(dump, s) {
			t.Errorf("%s… is still there", s[:20])
		}
	}
	if n := read[int](w,
		"select cardinality(company_name_tokens) + cardinality(full_name_tokens) + cardinality(email_tokens) + "+
			"cardinality(phone_tokens) from customer where id = $1", c); n != 0 {
		t.Errorf("%d tokens are left", n)
	}
	admin := w.as("admin")
	if got := ok[repo.Customer](t)(admin.Customer(ctx, c)); got.CompanyName != repo.Erased ||
		got.FullName != repo.Erased || got.Email != "" || got.Phone != "" {
		t.Errorf("the record: %+v", got)
	}
	for _, needle := range []string{"zebulon", "company of sales1", "zebulon@quux.example", "55443322", "erased"} {
		found := append(
			ok[repo.List[repo.Customer]](t)(admin.Customers(ctx, repo.CustomerFilter{
				Page: repo.Page{Limit: 9, Search: needle},
			})).Rows, records(ok[[]repo.Found[repo.Customer]](t)(admin.FindCustomers(ctx, needle, 9)))...)
		if slices.ContainsFunc(found, func(f repo.Customer) bool { return f.ID == c }) {
			t.Errorf("%s is found", needle)
		}
	}
	for _, h := range ok[[]repo.Entry](t)(admin.History(ctx, "customer", c)) {
		for column, v := range h.After {
			if v != repo.Erased && column != "sales_id" {
				t.Errorf("the history tells %s: %v", column, v)
			}
		}
	}
	if got := ok[repo.Event](t)(admin.Event(ctx, e)); got.Customer != repo.Erased || got.CustomerEmail != "" {
		t.Errorf("the event: %+v", got)
	}
	if got := ok[repo.Contract](t)(admin.Contract(ctx, k)); got.TotalAmount != 1000 || got.Customer != repo.Erased {
		t.Errorf("the contract: %+v", got)
	}
	if n := len(w.audits(repo.AuditFilter{Entity: "customer", EntityID: c, Action: "erase"})); n != 1 {
		t.Errorf("%d entries tell of it", n)
	}
	if again, _, err := w.admin.VerifyChain(ctx, &head); err != nil || again.Position <= head.Position {
		t.Errorf("the chain: %v, %v", again, err)
	}
	if got := ok[repo.Customer](t)(admin.Customer(ctx, other)); got.FullName != "Lou of sales1" {
		t.Errorf("the other customer: %+v", got)
	}
	ok[repo.PersonalData](t)(admin.ExportCustomer(ctx, c))
}

// A deleted customer can be erased too, and stays deleted.
func TestEraseDeleted(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	ok[repo.Customer](t)(w.as("admin").DeleteCustomer(ctx, c))
	ok[int64](t)(w.as("admin").EraseCustomer(ctx, c))
	is(t, failed(w.as("admin").Customer(ctx, c)), repo.ErrNotFound, "an erased customer who was deleted")
	if got := ok[repo.Customer](t)(w.as("admin").RestoreCustomer(ctx, c)); got.FullName != repo.Erased {
		t.Errorf("restored: %+v", got)
	}
	w.verify()
}
