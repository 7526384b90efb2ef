package repo_test

import (
	"fmt"
	"strings"
	"testing"

	"crm/commands"
	"crm/repo"
	"crm/security"
)

// A value that is not sealed with a key in use is refused in every column of the domain sealed, by insert, update and
// function, for users and for the owner. The error names both keys, and nothing is written.
func TestOnlyKnownKeys(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	w.contact(c)
	ok[repo.Note](t)(w.as("admin").AddNote(ctx, "customer", c, repo.Change{"text": "Noted"}))
	ok[repo.View](t)(w.as("admin").AddView(ctx, "kept", "customer list"))
	columns := strings.Fields(
		read[string](w,
			"select string_agg(attrelid::regclass || '.' || attname, ' ') from pg_attribute a "+
				"join pg_class k on k.oid = attrelid and relkind = 'r' where atttypid = 'crm.sealed'::regtype and "+
				"attnum > 0"))
	if len(columns) < 10 {
		t.Fatalf("sealed columns: %v", columns)
	}
	bad := map[string]string{
		"unknown key": `'\x01deadbeef` + strings.Repeat("00", 60) + "'",
		"no form":     `'\x02` + strings.Repeat("00", 60) + "'",
		"text":        "convert_to(repeat('x', 60), 'UTF8')", "key 0": `'\x0100000000` + strings.Repeat("00", 60) + "'",
	}
	w.token("admin")
	before, tried := w.checksums(), 0
	refused := func(sql string, args ...any) {
		t.Helper()
		tried++
		if _, err := w.try(w.token("admin"), sql, args...); constraint(err) != "customer_sealing_key" {
			t.Errorf("%s: %v", sql, err)
		}
		if !strings.HasPrefix(sql, "select") {
			if _, err := w.owner.Exec(ctx, "set role crm_owner; "+sql); constraint(err) != "customer_sealing_key" {
				t.Errorf("as the owner: %s: %v", sql, err)
			}
		}
	}
	good := w.forgedSQL()
	for _, v := range bad {
		for _, column := range columns {
			table, name, _ := strings.Cut(column, ".")
			refused(fmt.Sprintf("update %s set %s = %s where id > 0", table, name, v))
			needed := map[string]string{
				"customer": "company_name, full_name", "contact": "customer_id, full_name", "note": "customer_id, text",
				"saved_view": "name, command",
			}
			names, values := needed[table], strings.NewReplacer("company_name", good, "full_name", good, "text", good,
				"command", good, "name", "'named'", "customer_id", fmt.Sprint(c))
			if !strings.Contains(names, name) {
				names += ", " + name
			}
			list := strings.Replace(names, name, v, 1)
			refused(fmt.Sprintf("insert into %s (%s) values (%s)", table, names, values.Replace(list)))
		}
		for _, erased := range [][]any{{c, v, good}, {c, good, v}} {
			refused(fmt.Sprintf(`select erase_customer(%d,
				jsonb_build_object('customer.company_name', (%s)::text, 'customer.full_name', (%s)::text))`, erased...))
		}
	}
	t.Logf("%d columns, %d statements", len(columns), tried)
	if w.checksums() != before {
		t.Error("something was written")
	}
	other := newKeyring(t)
	used := fmt.Sprint(other.KeyID())
	w.openWith(vault{other})
	for name, err := range map[string]error{
		"add": failed(w.as("sales1").AddCustomer(ctx, repo.Change{
			"company_name": text("A"), "full_name": text("B"),
		})),
		"update": failed(w.as("sales1").UpdateCustomer(ctx, c, repo.Change{"phone": text("+33611111111")})),
		"erase":  failed(w.as("admin").EraseCustomer(ctx, c)),
	} {
		is(t, err, repo.ErrConflict, "%s with an old keyset", name)
		if text, hint := commands.Describe(err); !strings.Contains(text, used) || hint == "" {
			t.Errorf("%s: %s, %s", name, text, hint)
		}
	}
	w.set("insert into sealing_key (id, state) values ($1, 'next')", int64(other.KeyID()))
	ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c, repo.Change{"phone": text("+33611111111")}))
	w.set("update sealing_key set state = 'retired' where id = $1", int64(other.KeyID()))
	is(t, failed(w.as("sales1").UpdateCustomer(ctx, c, repo.Change{"phone": text("+33622222222")})), repo.ErrConflict,
		"a retired key")
	w.set("delete from sealing_key")
	is(t, failed(w.as("sales1").UpdateCustomer(ctx, c, repo.Change{"phone": text("+33622222222")})), repo.ErrConflict,
		"a database without keys")
}

// Only crm init makes a key the present one, once; another keyset's is refused and named.
func TestRegisterKey(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	w.set("delete from sealing_key")
	for i, want := range []bool{true, false} {
		if made, err := w.admin.RegisterKey(ctx, 7); made != want || err != nil {
			t.Errorf("time %d: %v, %v", i, made, err)
		}
	}
	made, err := w.admin.RegisterKey(ctx, 8)
	is(t, err, repo.ErrConflict, "another key")
	if made || !strings.Contains(err.Error(), "8") || !strings.Contains(err.Error(), "7") {
		t.Errorf("%v, %v", made, err)
	}
}

// One bad value breaks no answer: every read, by every user, returns everything else, and shows the value as
// unreadable.
func TestOneBadValue(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	content := ok[[]byte](t)(security.NewKeyset())
	foreign := ok[*security.Keyring](t)(security.NewKeyring(content))
	vaultOf := ok[repo.Vault](t)(commands.Unseal(content, ""))
	w.takeKey(foreign.KeyID())
	w.openWith(vaultOf)
	bad, good := w.customer("sales1").ID, w.customer("sales1").ID
	k := w.contract(bad, 5000, "signed").ID
	e := w.event(k, "support1").ID
	for _, try := range []struct{ name, sql, want string }{
		{"unknown key", `'\x0100000007` + strings.Repeat("00", 60) + "'::bytea", "‹sealed with key 7›"},
		{"damaged", fmt.Sprintf(`'\x%x'::bytea`, w.forged("x")), "‹unreadable›"},
		{"no form", `'\x02` + strings.Repeat("00", 60) + "'::bytea", "‹unreadable›"},
	} {
		w.set(
			"set session_replication_role = replica; update customer set phone = " + try.sql + ", full_name = " +
				try.sql + " where id = " + fmt.Sprint(bad) +
				"; set session_replication_role = origin")
		w.set(`set session_replication_role = replica;
			insert into audit (collaborator_id, session_id, entity, entity_id, action, before,
				after) select ` + fmt.Sprint(w.ids["sales1"]) +
			`, (select max(id) from session where collaborator_id = ` + fmt.Sprint(w.ids["sales1"]) +
			`), 'customer', ` + fmt.Sprint(bad) + `, 'update', jsonb_build_object('phone', (` + try.sql + `)::text),
			jsonb_build_object('phone', '\xZZ', 'deleted_at', 'never'); set session_replication_role = origin`)
		page := repo.Page{Limit: 50, Count: true}
		found := func(name string, n int, err error) {
			t.Helper()
			if err != nil || n == 0 {
				t.Errorf("%s, %s: %d found, %v", try.name, name, n, err)
			}
		}
		for _, person := range []string{"admin", "manage", "sales2", "support1"} {
			db := w.as(person)
			customers, err := db.Customers(ctx, repo.CustomerFilter{Page: page})
			found("list", len(customers.Rows), err)
			if len(customers.Rows) != 2 || customers.Rows[0].Phone != try.want ||
				customers.Rows[1].Phone != "+33612345678" {
				t.Errorf("%s: %+v", try.name, customers)
			}
			searched, err := db.Customers(ctx, repo.CustomerFilter{
				Page: repo.Page{Limit: 50, Search: "company sales1"},
			})
			found("search", len(searched.Rows), err)
			c, err := db.FindCustomers(ctx, "company", 5)
			found("find customers", len(c), err)
			all, err := db.Find(ctx, "company sales1", 5)
			found("find", len(all.Customers)*len(all.Events)*len(all.Contracts), err)
			contracts, err := db.Contracts(ctx, repo.ContractFilter{Page: page})
			found("contracts", len(contracts.Rows), err)
			events, err := db.Events(ctx, repo.EventFilter{Page: page})
			found("events", len(events.Rows), err)
			entries, err := db.History(ctx, "customer", bad)
			found("history", len(entries), err)
			if last := entries[len(entries)-1]; last.Before["phone"] != try.want ||
				last.After["phone"] != "‹unreadable›" || last.After["deleted_at"] != "never" {
				t.Errorf("%s, history: %+v", try.name, last)
			}
			for name, err := range map[string]error{
				"get": failed(db.Customer(ctx, bad)), "contract": failed(db.Contract(ctx, k)),
				"event": failed(db.Event(ctx, e)), "other": failed(db.Customer(ctx, good)),
			} {
				found(name, 1, err)
			}
		}
		audits, err := w.as("admin").Audits(ctx, repo.AuditFilter{Page: page})
		found("audits", len(audits.Rows), err)
		audits, err = w.as("admin").Audits(ctx, repo.AuditFilter{Page: repo.Page{Limit: 50, Search: "sales1"}})
		found("audits searched", len(audits.Rows), err)
		data, err := w.as("admin").ExportCustomer(ctx, bad)
		found("export", len(data.Trail), err)
		last, err := w.as("sales1").LastChange(ctx)
		found("last change", int(last.ID), err)
		changed, err := w.as("sales1").UpdateCustomer(ctx, bad, repo.Change{
			"email": text("new@%s.example", try.name[:2]),
		})
		found("a write beside it", int(changed.ID), err)
		if changed.Phone != try.want {
			t.Errorf("%s after a write: %+v", try.name, changed)
		}
	}
	repaired := ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, bad, repo.Change{
		"phone": text("+33611111111"), "full_name": text("Lou"),
	}))
	if repaired.Phone != "+33611111111" {
		t.Errorf("repaired: %+v", repaired)
	}
	ok[int64](t)(w.as("admin").EraseCustomer(ctx, w.customer("sales1").ID))
}

// HandOver needs its own permission, moves all open work and returns the numbers; the trail records it.
func TestHandOver(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	w.contract(c, 5000, "signed")
	w.contract(c, 0, "pending")
	for _, person := range []string{"sales1", "support1"} {
		is(t, failed(w.as(person).HandOver(ctx, w.ids["sales1"], w.ids["sales2"])), repo.ErrDenied, "%s hands over",
			person)
	}
	is(t, failed(w.as("manage").HandOver(ctx, 999, w.ids["sales2"])), repo.ErrNotFound, "an unknown user's work")
	is(t, failed(w.as("manage").HandOver(ctx, w.ids["sales1"], w.ids["support1"])), repo.ErrInvalid,
		"to a user who is not in sales")
	moved := ok[repo.Handed](t)(w.as("manage").HandOver(ctx, w.ids["sales1"], w.ids["sales2"]))
	if moved != (repo.Handed{Customers: 1, Contracts: 2}) {
		t.Errorf("moved %+v", moved)
	}
	entries := w.audits(repo.AuditFilter{Action: "hand-over"})
	if len(entries) != 1 || entries[0].EntityID != w.ids["sales1"] || *entries[0].UserID != w.ids["manage"] ||
		fmt.Sprint(entries[0].After["to"]) != fmt.Sprint(w.ids["sales2"]) {
		t.Errorf("on the trail: %+v", entries)
	}
	if got := ok[repo.Customer](t)(w.as("sales2").Customer(ctx, c)); *got.SalesID != w.ids["sales2"] {
		t.Errorf("%+v", got)
	}
	if n := read[int](w,
		"select count(*) from audit where id > (select min(id) from audit where action = 'hand-over') - 10 and "+
			"action = "+
			"'update' and entity in ('customer', 'contract') and collaborator_id is distinct from $1",
		w.ids["manage"]); n != 0 {
		t.Errorf("%d moves name somebody else", n)
	}
}
