package repo_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"crm/repo"
	"crm/security/finding"
)

// S9: a deleted record is in no list, returned by no get and changed by no update. Restoring it restores all its
// values.
func TestSoftDelete(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	customer, _, event := w.records()
	free, leaver, db := w.customer("sales1").ID, w.ids["sales2"], w.as("admin")
	page, gone := repo.Page{Limit: 100}, repo.Page{Limit: 100, Deleted: true}
	ids := func(p repo.Page) map[string][]int64 {
		all := map[string][]int64{}
		for _, u := range ok[repo.List[repo.User]](t)(db.Users(ctx, repo.UserFilter{Page: p})).Rows {
			all["user"] = append(all["user"], u.ID)
		}
		for _, c := range ok[repo.List[repo.Customer]](t)(db.Customers(ctx, repo.CustomerFilter{Page: p})).Rows {
			all["customer"] = append(all["customer"], c.ID)
		}
		for _, e := range ok[repo.List[repo.Event]](t)(db.Events(ctx, repo.EventFilter{Page: p})).Rows {
			all["event"] = append(all["event"], e.ID)
		}
		return all
	}
	if got := ids(gone); len(got) != 0 {
		t.Errorf("deleted before: %v", got)
	}
	is(t, failed(db.DeleteCustomer(ctx, customer)), repo.ErrConflict, "a customer with an unfinished contract")
	before := ids(page)
	for _, n := range []struct {
		noun                         string
		id                           int64
		remove, restore, get, update func() error
	}{
		{
			"user", leaver, func() error { return failed(db.DeleteUser(ctx, leaver, nil)) },
			func() error { return failed(db.RestoreUser(ctx, leaver)) },
			func() error { return failed(db.User(ctx, leaver)) },
			func() error { return failed(db.UpdateUser(ctx, leaver, repo.Change{"last_name": text("x")}, nil)) },
		},
		{
			"customer", free, func() error { return failed(db.DeleteCustomer(ctx, free)) },
			func() error { return failed(db.RestoreCustomer(ctx, free)) },
			func() error { return failed(db.Customer(ctx, free)) },
			func() error { return failed(db.UpdateCustomer(ctx, free, repo.Change{"phone": text("")})) },
		},
		{
			"event", event, func() error { return failed(db.DeleteEvent(ctx, event)) },
			func() error { return failed(db.RestoreEvent(ctx, event)) },
			func() error { return failed(db.Event(ctx, event)) },
			func() error { return failed(db.UpdateEvent(ctx, event, repo.Change{"name": text("x")})) },
		},
	} {
		is(t, n.restore(), repo.ErrConflict, "restore a live %s", n.noun)
		is(t, n.remove(), nil, "delete %s", n.noun)
		is(t, n.get(), repo.ErrNotFound, "get a deleted %s", n.noun)
		is(t, n.update(), repo.ErrNotFound, "update a deleted %s", n.noun)
		is(t, n.remove(), repo.ErrNotFound, "delete a deleted %s", n.noun)
		if slices.Contains(ids(page)[n.noun], n.id) || !slices.Equal(ids(gone)[n.noun], []int64{n.id}) {
			t.Errorf("lists after the %s was deleted: %v, %v", n.noun, ids(page), ids(gone))
		}
		table := strings.Replace(n.noun, "user", "collaborator", 1)
		if _, err := w.try(w.token("admin"), "update "+table+" set deleted_at = '1999-01-01' where id = $1",
			n.id); sqlstate(err) != "23514" {
			t.Errorf("a deleted %s is changed: %v", n.noun, err)
		}
		is(t, n.restore(), nil, "restore %s", n.noun)
	}
	if after := ids(page); !reflect.DeepEqual(after, before) {
		t.Errorf("at last %v, want %v", after, before)
	}
	for _, err := range []error{
		failed(db.DeleteUser(ctx, 999999, nil)), failed(db.DeleteCustomer(ctx, 999999)),
		failed(db.DeleteEvent(ctx, 999999)), failed(db.UpdateEvent(ctx, 999999, repo.Change{"name": text("x")})),
	} {
		is(t, err, repo.ErrNotFound, "a missing record")
	}
	if _, err := w.try(w.token("admin"), "update customer set deleted_at = now(), phone = null where id = $1",
		free); sqlstate(err) != "42501" {
		t.Errorf("deleting changes something else: %v", err)
	}
}

// row returns a record as the table stores it, byte by byte.
func (w *world) row(table string, id int64) map[string]any {
	w.t.Helper()
	return read[map[string]any](w, "select to_jsonb(x) from "+table+" x where id = $1", id)
}

// R7, R29: an update writes exactly the given columns, sealed ones included.
func TestUpdateOnlyWhatIsGiven(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	customer, contract, event := w.records()
	db, other := w.as("admin"), w.contract(customer, 5, "signed").ID
	second, start := w.customer("sales2").ID, time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		table   string
		id      int64
		changed func() error
		columns string
	}{
		{"customer", customer, func() error {
			return failed(db.UpdateCustomer(ctx, customer, repo.Change{"company_name": text("N")}))
		}, "company_name"},
		{"customer", customer, func() error {
			return failed(db.UpdateCustomer(ctx, customer, repo.Change{"full_name": text("N")}))
		}, "full_name"},
		{"customer", customer, func() error {
			return failed(db.UpdateCustomer(ctx, customer, repo.Change{"email": text("")}))
		}, "email"},
		{"customer", customer, func() error {
			return failed(db.UpdateCustomer(ctx, customer, repo.Change{"phone": text("+331")}))
		}, "phone"},
		{"customer", second, func() error {
			return failed(db.UpdateCustomer(ctx, second, repo.Change{"sales_id": ptr(w.ids["sales1"])}))
		}, "sales_id"},
		{"contract", contract, func() error {
			return failed(db.UpdateContract(ctx, contract, repo.Change{"total_amount": ptr(repo.Money(99900))}))
		}, "remaining_amount total_amount"},
		{"contract", contract, func() error {
			return failed(db.UpdateContract(ctx, contract, repo.Change{"remaining_amount": ptr(repo.Money(0))}))
		}, "remaining_amount"},
		{"contract", contract, func() error {
			return failed(db.UpdateContract(ctx, contract, repo.Change{"sales_id": ptr(w.ids["sales2"])}))
		}, "sales_id"},
		{"contract", contract, func() error {
			return failed(db.UpdateContract(ctx, contract, repo.Change{"customer_id": &second}))
		}, "customer_id"},
		{"contract", contract, func() error {
			return failed(db.UpdateContract(ctx, contract, repo.Change{"status": text("finished")}))
		}, "status"},
		{
			"event", event, func() error { return failed(db.UpdateEvent(ctx, event, repo.Change{"name": text("N")})) },
			"name",
		},
		{
			"event", event,
			func() error { return failed(db.UpdateEvent(ctx, event, repo.Change{"location": text("N")})) }, "location",
		},
		{
			"event", event,
			func() error { return failed(db.UpdateEvent(ctx, event, repo.Change{"comments": text("")})) }, "comments",
		},
		{
			"event", event,
			func() error { return failed(db.UpdateEvent(ctx, event, repo.Change{"attendees": ptr(int64(0))})) },
			"attendees",
		},
		{"event", event, func() error {
			return failed(db.UpdateEvent(ctx, event, repo.Change{"end_date": ptr(start.Add(time.Hour))}))
		}, "end_date"},
		{
			"event", event,
			func() error { return failed(db.UpdateEvent(ctx, event, repo.Change{"start_date": &start})) }, "start_date",
		},
		{"event", event, func() error {
			return failed(db.UpdateEvent(ctx, event, repo.Change{"support_id": ptr(w.ids["support2"])}))
		}, "support_id"},
		{
			"event", event,
			func() error { return failed(db.UpdateEvent(ctx, event, repo.Change{"contract_id": &other})) },
			"contract_id",
		},
		{"collaborator", second, func() error {
			return failed(db.UpdateUser(ctx, second, repo.Change{"first_name": text("N")}, nil))
		}, "first_name"},
		{"collaborator", second, func() error {
			return failed(db.UpdateUser(ctx, second, repo.Change{"last_name": text("N")}, nil))
		}, "last_name"},
		{"collaborator", second, func() error {
			return failed(db.UpdateUser(ctx, second, repo.Change{"employee_number": text("N")}, nil))
		}, "employee_number"},
		{"collaborator", w.ids["manage"], func() error {
			return failed(
				db.UpdateUser(ctx, w.ids["manage"], repo.Change{"email": text("n@x"), "role": text("support")}, nil))
		}, "email role"},
	} {
		before := w.row(c.table, c.id)
		is(t, c.changed(), nil, "%s of %s", c.columns, c.table)
		after := w.row(c.table, c.id)
		var changed []string
		for column, value := range after {
			if !reflect.DeepEqual(value, before[column]) && column != "updated_at" && column != "changed_in" &&
				!strings.HasSuffix(column, "_tokens") {
				changed = append(changed, column)
			}
		}
		slices.Sort(changed)
		if got := strings.Join(changed, " "); got != c.columns || after["updated_at"] == before["updated_at"] {
			t.Errorf("%s: changed %q, want %q and the stamp", c.table, got, c.columns)
		}
	}
}

// S10: no text of a customer is anywhere in the database, in plain, hexadecimal or base64, the trail included.
func TestSealed(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	secrets := []string{
		"Zyxwvut Industries", "Quentin Oddname", "quentin@oddname.example", "+33698765432", "Renamed Zyxwvut",
	}
	c := ok[repo.Customer](t)(w.as("sales1").AddCustomer(ctx, repo.Change{
		"company_name": &secrets[0], "full_name": &secrets[1], "email": &secrets[2], "phone": &secrets[3],
	}))
	ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c.ID, repo.Change{"company_name": &secrets[4]}))
	dump := strings.ToLower(read[string](w, `select string_agg(row, e'\n') from (
		select x::text as row from customer x union all select x::text from audit x union all select x::text
			from contract x) everything`))
	for _, secret := range secrets {
		raw := []byte(secret)
		for _, form := range []string{
			secret, hex.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw[:len(raw)/3*3]),
			base64.RawURLEncoding.EncodeToString(raw[:len(raw)/3*3]),
		} {
			if strings.Contains(dump, strings.ToLower(form)) {
				t.Errorf("%q stands there as %q", secret, form)
			}
		}
	}
	if c := ok[repo.Customer](t)(w.as("support1").Customer(ctx, c.ID)); c.CompanyName != secrets[4] ||
		c.FullName != secrets[1] || c.Email != secrets[2] || c.Phone != secrets[3] {
		t.Errorf("read back: %+v", c)
	}
	// Each value is sealed for its column: it cannot be decrypted in another.
	w.set("update customer set full_name = company_name where id = $1", c.ID)
	if c, err := w.as("admin").Customer(ctx, c.ID); err == nil && c.FullName == secrets[4] {
		t.Errorf("a company's name opens as a person's")
	}
}

// hostile returns a text with meaning to SQL, LIKE, JSON, shells, terminals or formats, or random letters.
func hostile(i int) string {
	known := []string{
		"'; drop table customer; --", "Robert'); DROP TABLE event;--", `\x41`, `\'`, `"`, "%", "_", "%s%n", "$1",
		"${jndi}", "{{.}}", "<script>", "NULL", "null", "-1", "1e9", "0x10",
		"a\tb\nc\r", "\x1b[31mred", "\u202eright to left", "\u200b", "e\u0301", "\U0001F600", "\ufeff", "ﷺ", "İ", "ß",
		" leading", "trailing ", "a;b|c&d`e`$(f)", "\x7f", "\u0085", "\uffff",
	}
	if i < len(known) {
		return known[i]
	}
	random := rand.New(rand.NewPCG(1, uint64(i)))
	var b strings.Builder
	for range 1 + random.IntN(60) {
		r := rune(1 + random.IntN(unicode.MaxRune))
		for r >= 0xd800 && r <= 0xdfff {
			r = rune(1 + random.IntN(unicode.MaxRune))
		}
		b.WriteRune(r)
	}
	return b.String()
}

// R2: texts are read exactly as they were written, hostile ones included, and every table still exists.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	customer, _, event := w.records()
	db := w.as("admin")
	tables := func() int {
		return read[int](w, "select count(*) from pg_class where relnamespace = 'crm'::regnamespace and relkind = 'r'")
	}
	before := tables()
	for i := range 120 {
		s := hostile(i)
		c := ok[repo.Customer](t)(db.UpdateCustomer(ctx, customer, repo.Change{
			"company_name": &s, "full_name": &s, "email": &s, "phone": &s,
		}))
		e := ok[repo.Event](t)(db.UpdateEvent(ctx, event, repo.Change{"name": &s, "location": &s, "comments": &s}))
		u := ok[repo.User](t)(db.UpdateUser(ctx, w.ids["sales2"], repo.Change{"first_name": &s, "last_name": &s}, nil))
		for _, got := range []string{
			c.CompanyName, c.FullName, c.Email, c.Phone, *e.Name, *e.Location, *e.Comments, u.FirstName, u.LastName,
			e.Customer, e.CustomerPhone,
		} {
			if got != s {
				t.Fatalf("stored %q, read %q", s, got)
			}
		}
		if found := ok[repo.List[repo.Event]](t)(
			db.Events(ctx, repo.EventFilter{Page: repo.Page{Limit: 5, Search: s}})).
			Rows; (len(found) == 1) != (len(finding.Readings(s)) > 0) {
			t.Errorf("search for %q finds %d events", s, len(found))
		}
		for _, f := range []error{
			listed(db.Users(ctx, repo.UserFilter{Role: s, Page: repo.Page{Limit: 5}})),
			listed(db.Contracts(ctx, repo.ContractFilter{Status: s, Page: repo.Page{Limit: 5}})),
			failed(db.Events(ctx, repo.EventFilter{Page: repo.Page{Limit: 5, Sort: s}})),
			failed(db.UpdateUser(ctx, w.ids["sales2"], repo.Change{"role": &s}, nil)), failed(db.History(ctx, s, 1)),
			w.signInAs(s, []byte(s)),
		} {
			if f != nil && f.Error() == "" || strings.Contains(fmt.Sprint(f), "SQLSTATE") {
				t.Errorf("%q: %v", s, f)
			}
		}
	}
	if n := tables(); n != before {
		t.Errorf("%d tables are left of %d", n, before)
	}
}
