package repo_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"crm/repo"
)

// PostgreSQL selects the rows for which the program finds the condition true, also under not, with missing values, and
// with texts that only the program can compare.
func TestWhereAgrees(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	admin := w.as("admin")
	c := w.customer("sales1").ID
	for i := range 12 {
		k := w.contract(c, repo.Money(100*(i+1)), []string{"to_send", "pending", "signed"}[i%3])
		if i%3 == 2 {
			e := w.event(k.ID, []string{"", "support1"}[i%2])
			if i%2 == 0 {
				ok[repo.Event](t)(admin.UpdateEvent(ctx, e.ID, repo.Change{"attendees": nil, "location": ""}))
			}
		}
	}
	contracts := ok[repo.List[repo.Contract]](t)(admin.Contracts(ctx, repo.ContractFilter{Page: repo.Page{Limit: 99}})).
		Rows
	events := ok[repo.List[repo.Event]](t)(admin.Events(ctx, repo.EventFilter{Page: repo.Page{Limit: 99}})).Rows
	conditions := conditions{rand.New(rand.NewPCG(1, 2)), time.Now().Truncate(24 * time.Hour)}
	for range 150 {
		where := conditions.of("contract", 3)
		page := repo.Page{Limit: 99, Where: &where}
		got := idsOf(ok[repo.List[repo.Contract]](t)(admin.Contracts(ctx, repo.ContractFilter{Page: page})).Rows,
			contractID)
		want := idsOf(
			slices.DeleteFunc(slices.Clone(contracts),
				func(c repo.Contract) bool { return !admin.ContractHolds(where, c) }), contractID)
		if got != want {
			t.Fatalf("contracts %+v: %s, want %s", where, got, want)
		}
		where = conditions.of("event", 3)
		got = idsOf(ok[repo.List[repo.Event]](t)(admin.Events(ctx, repo.EventFilter{Page: page})).Rows, eventID)
		want = idsOf(
			slices.DeleteFunc(slices.Clone(events), func(e repo.Event) bool { return !admin.EventHolds(where, e) }),
			eventID)
		if got != want {
			t.Fatalf("events %+v: %s, want %s", where, got, want)
		}
	}
}

// conditions makes random conditions.
type conditions struct {
	*rand.Rand
	day time.Time
}

func (r conditions) of(noun string, depth int) repo.Where {
	switch n := r.IntN(4); {
	case depth == 0 || n == 0:
		return r.leaf(noun)
	case n == 1:
		return repo.Where{Op: "not", Parts: []repo.Where{r.of(noun, depth-1)}}
	default:
		return repo.Where{Op: []string{"and", "or"}[n-2], Parts: []repo.Where{r.of(noun, depth-1), r.of(noun, depth-1)}}
	}
}

func (r conditions) leaf(noun string) repo.Where {
	op, until := []string{"=", "<", "<=", ">", ">="}[r.IntN(5)], r.day.AddDate(0, 0, 1)
	all := []repo.Where{
		{Op: op, Column: "created_at", Value: r.day, Until: until},
		{Op: op, Column: "id", Value: int64(r.IntN(12))},
		{Op: "~", Column: "customer", Value: "company"},
		{Op: "=", Column: "customer_contact", Value: "LOU of sales1"},
		{Op: "empty", Column: "customer_contact"},
	}
	if noun == "event" {
		all = append(all, repo.Where{Op: op, Column: "attendees", Value: int64(10)},
			repo.Where{Op: "empty", Column: "location"},
			repo.Where{Op: "=", Column: "location", Value: "paris"}, repo.Where{Op: "empty", Column: "support_id"},
			repo.Where{Op: "~", Column: "name", Value: "par"}, repo.Where{
				Op: "=", Column: "status", Value: "confirmed",
			})
	} else {
		all = append(all, repo.Where{Op: op, Column: "total_amount", Value: repo.Money(100 * r.IntN(12))},
			repo.Where{Op: "=", Column: "status", Value: "signed"},
			repo.Where{Op: "empty", Column: "signed_at"}, repo.Where{
				Op: op, Column: "signed_at", Value: r.day, Until: until,
			})
	}
	return all[r.IntN(len(all))]
}

func contractID(c repo.Contract) int64 { return c.ID }
func eventID(e repo.Event) int64       { return e.ID }

func idsOf[T any](rows []T, id func(T) int64) string {
	var ids []int64
	for _, r := range rows {
		ids = append(ids, id(r))
	}
	return fmt.Sprint(ids)
}

// change_many() needs the caller's own permissions: for every table, column and record, it changes only what the caller
// may change.
func TestChangeManyHostile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.customer("sales1").ID
	k := w.contract(c, 5000, "to_send").ID
	tokens := map[string]string{"": "", "support1": w.token("support1"), "sales2": w.token("sales2")}
	before := w.checksums()
	for person, token := range tokens {
		for _, try := range [][2]string{
			{"customer", fmt.Sprintf(`{"%d": {"sales_id": %d}}`, c, w.ids["sales2"])},
			{"customer", fmt.Sprintf(`{"%d": {"deleted_at": "now"}}`, c)},
			{"contract", fmt.Sprintf(`{"%d": {"remaining_amount": 0}}`, k)},
			{"contract", fmt.Sprintf(`{"%d": {"status\" = 'signed' --": 0}}`, k)},
			{"collaborator", fmt.Sprintf(`{"%d": {"role": "admin"}}`, w.ids["sales2"])},
			{"session", `{"1": {"collaborator_id": 1}}`},
			{"credential", `{"1": {"must_change": false}}`},
			{"audit", `{"1": {"action": "x"}}`},
			{"contract", `{"x": {"status": "signed"}}`},
			{"contract", `[]`},
			{"contract", `{"1": 3}`},
			{"pg_authid", `{"10": {"rolsuper": true}}`},
			{"no_table", `{}`},
		} {
			_, err := w.try(token, "select change_many('contract', $1::text::regclass, $2::jsonb, true, true)", try[0],
				try[1])
			if now := w.checksums(); now != before {
				t.Errorf("%s: %s %s: %v", person, try[0], try[1], err)
				before = now
			}
		}
	}
}

// Many records are changed in one transaction, all or none unless partly is set; a trial changes nothing; one undo
// reverts all of it.
func TestChangeMany(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	admin := w.as("admin")
	mine, theirs := w.customer("sales1").ID, w.customer("sales2").ID
	changes := map[int64]repo.Change{mine: {"email": "new@a.example"}, theirs: {"email": "new@b.example"}}
	state := func() string { return w.rowOf("customer", mine) + w.rowOf("customer", theirs) }
	before := state()
	for _, how := range []repo.Many{repo.Trial, repo.All} {
		got := ok[repo.Changed](t)(w.as("sales1").ChangeMany(ctx, "customer", changes, how))
		if got.Records != 1 || len(got.Refused) != 1 || got.Refused[0].ID != theirs || state() != before {
			t.Errorf("%d: %+v", how, got)
		}
	}
	if got := ok[repo.Changed](t)(w.as("sales1").ChangeMany(ctx, "customer", changes, repo.Partly)); got.Records != 1 ||
		len(got.Refused) != 1 || state() == before {
		t.Errorf("partly: %+v", got)
	}
	w.undone("sales1")
	if got := ok[repo.Changed](t)(admin.ChangeMany(ctx, "customer", changes, repo.All)); got.Records != 2 ||
		got.Refused != nil {
		t.Errorf("all: %+v", got)
	}
	found := func(text string) int {
		return len(
			ok[repo.List[repo.Customer]](t)(admin.Customers(ctx, repo.CustomerFilter{
				Page: repo.Page{Limit: 9, Search: text},
			})).Rows)
	}
	if n := found("new@a.example"); n != 1 {
		t.Errorf("%d are found with the new address", n)
	}
	w.undone("admin")
	if state() != before || found("new@a.example") != 0 {
		t.Error("undone is not as before")
	}
}
