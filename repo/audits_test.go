package repo_test

import (
	"encoding/json"
	"testing"
	"time"

	"crm/repo"
)

// audits returns a page of the trail as the administrator sees it.
func (w *world) audits(f repo.AuditFilter) []repo.AuditEntry {
	w.t.Helper()
	f.Page.Limit = 100
	return ok[repo.List[repo.AuditEntry]](w.t)(w.as("admin").Audits(w.t.Context(), f)).Rows
}

// The whole trail needs audit.view. Every filter works, and sealed values are decrypted, re-encrypted ones too.
func TestAudits(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	begun := time.Now()
	ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c, repo.Change{"full_name": text("Lou Two")}))
	w.contract(c, 12050, "to_send")
	for _, person := range []string{"manage", "sales1", "support1"} {
		if found, err := w.as(person).Audits(ctx, repo.AuditFilter{
			Page: repo.Page{Limit: 9},
		}); err != nil || len(found.Rows) != 0 {
			t.Errorf("%s sees %d entries, %v", person, len(found.Rows), err)
		}
	}
	for name, f := range map[string]struct {
		repo.AuditFilter
		want int
	}{
		"all of one record": {repo.AuditFilter{Entity: "customer", EntityID: c}, 2},
		"one action":        {repo.AuditFilter{Entity: "customer", Action: "update"}, 1},
		"one person":        {repo.AuditFilter{UserID: w.ids["manage"], Entity: "contract"}, 1},
		"since":             {repo.AuditFilter{Since: &begun, Entity: "customer"}, 1},
		"until":             {repo.AuditFilter{Until: &begun, Entity: "customer"}, 1},
		"nothing":           {repo.AuditFilter{Entity: "nothing"}, 0},
	} {
		if found := w.audits(f.AuditFilter); len(found) != f.want {
			t.Errorf("%s: %d entries, want %d", name, len(found), f.want)
		}
	}
	added := w.audits(repo.AuditFilter{Entity: "contract"})[0]
	if added.After["total_amount"] != repo.Money(12050) || added.After["customer_id"] != json.Number("1") ||
		*added.UserName != "manage Test" || added.SessionID == nil {
		t.Errorf("the contract's entry is %+v", added)
	}
	// Re-encrypted: another sealed form of the same text, with the digest of the first.
	ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c, repo.Change{"full_name": text("Lou of sales1")}))
	w.set(`update audit set after = jsonb_set(after, '{full_name}',
		to_jsonb((select full_name::text from customer where id = $1) || ' ' || sealed_digest(after->>'full_name')))
		where entity = 'customer' and entity_id = $1 and action = 'add'`, c)
	if name := ok[[]repo.Entry](t)(
		w.as("support1").History(ctx, "customer", c))[0].After["full_name"]; name != "Lou of sales1" {
		t.Errorf("re-encrypted it reads %v", name)
	}
	w.verify()
}

// Refusals and exports are recorded in the caller's name, even if the script around them is rolled back. A stranger
// records nothing.
func TestNotes(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	db, _, rollback, err := w.as("sales1").Atomic(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.NoteRefusal(ctx, "customer delete", "customer", 7); err != nil {
		t.Fatal(err)
	}
	if err := db.NoteExport(ctx, "event", 12, "csv"); err != nil {
		t.Fatal(err)
	}
	if err := rollback(ctx); err != nil {
		t.Fatal(err)
	}
	refused, exported := w.audits(repo.AuditFilter{Action: "refuse"}), w.audits(repo.AuditFilter{Action: "export"})
	if len(refused) != 1 || *refused[0].UserID != w.ids["sales1"] || refused[0].EntityID != 7 ||
		refused[0].After["action"] != "customer delete" {
		t.Errorf("refused: %+v", refused)
	}
	if len(exported) != 1 || exported[0].Entity != "event" || exported[0].After["rows"] != json.Number("12") {
		t.Errorf("exported: %+v", exported)
	}
	is(t, w.db.NoteRefusal(ctx, "x", "customer", 1), repo.ErrSignedOut, "a stranger's refusal")
	is(t, w.db.NoteExport(ctx, "customer", 1, "csv"), repo.ErrSignedOut, "a stranger's export")
}

// A failed sign-in is recorded; the fifth with the end of the lockout.
func TestFailuresOnTheTrail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 5 {
		is(t, failed(w.db.SignIn(t.Context(), claim("sales1@epic.example", key("wrong"), ""), time.Hour, nil)),
			repo.ErrCredentials, "a wrong password")
	}
	found := w.audits(repo.AuditFilter{Entity: "user", EntityID: w.ids["sales1"], Action: "sign-in-failed"})
	if len(found) != 5 || found[3].After != nil || found[4].After["locked_until"] == nil || found[4].UserID != nil {
		t.Errorf("%+v", found)
	}
}
