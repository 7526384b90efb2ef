package repo_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"crm/repo"
)

// herd adds many records with equal and missing values, to page and filter.
func herd(t *testing.T, w *world) {
	ctx, admin := t.Context(), w.as("admin")
	start := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	for i := range 12 {
		name := fmt.Sprint("user", i)
		w.add(name, []string{"sales", "support", "manage"}[i%3])
		change := repo.Change{"company_name": text("C%d", i), "full_name": text("F")}
		if i%3 != 0 {
			change["sales_id"] = w.ids[fmt.Sprint("sales", 1+i%2)]
		}
		c := ok[repo.Customer](t)(admin.AddCustomer(ctx, change)).ID
		total := repo.Money((1 + i%4) * 1000)
		k := ok[repo.Contract](t)(
			admin.AddContract(ctx, repo.Change{
				"customer_id": &c, "total_amount": &total, "status": ptr(repo.ContractStatuses()[i%3]),
			})).ID
		if i%3 != 2 {
			continue
		}
		if i%2 == 0 {
			ok[repo.Contract](t)(admin.UpdateContract(ctx, k, repo.Change{"remaining_amount": ptr(repo.Money(0))}))
		}
		for j := range 3 {
			e := repo.Change{
				"contract_id": &k, "name": text("Event %d%%_\\", i), "start_date": start.AddDate(0, 0, i),
				"end_date": start.AddDate(0, 0, i+j).Add(time.Hour),
			}
			if j > 0 {
				e["attendees"], e["location"] = j, "Lyon"
			}
			id := ok[repo.Event](t)(admin.AddEvent(ctx, e)).ID
			if j == 2 {
				ok[repo.Event](t)(
					admin.UpdateEvent(ctx, id, repo.Change{"support_id": ptr(w.ids[fmt.Sprint("support", 1+i%2)])}))
			}
		}
	}
}

// pages reads a list to its end, two rows at a time, and returns the IDs.
func pages[T any](
	t *testing.T, p repo.Page, id func(T) int64, list func(repo.Page) (repo.List[T], error),
) (ids []int64) {
	t.Helper()
	p.Limit = 2
	for range 100 {
		rows := ok[repo.List[T]](t)(list(p)).Rows
		for _, r := range rows[:min(len(rows), 2)] {
			ids = append(ids, id(r))
		}
		if len(rows) <= 2 {
			return ids
		}
		p.After = ids[len(ids)-1]
	}
	t.Fatalf("by %s the list has no end", p.Sort)
	return nil
}

// D12: by every column, ascending and descending, the pages hold each row exactly once, and descending is ascending
// reversed.
func TestPages(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	herd(t, w)
	for i := range 5 {
		c := w.customer(fmt.Sprint("sales", 1+i%2)).ID
		w.contact(c)
		note := repo.Change{"text": "Noted"}
		if i > 1 {
			note["due"] = fmt.Sprintf("2030-06-0%d", 1+i%3)
		}
		n := w.noteOf(people[i], "customer", c, note)
		if i > 2 {
			ok[repo.Note](t)(w.as(people[i]).DoneNote(ctx, n.ID))
		}
	}
	db := w.as("support1")
	lists := map[string]struct {
		sorts map[string]string
		pages func(repo.Page) []int64
	}{
		"users": {repo.SortKeys[repo.User](), func(p repo.Page) []int64 {
			return pages(t, p, func(u repo.User) int64 { return u.ID },
				func(p repo.Page) (repo.List[repo.User], error) { return db.Users(ctx, repo.UserFilter{Page: p}) })
		}},
		"customers": {repo.SortKeys[repo.Customer](), func(p repo.Page) []int64 {
			return pages(t, p, func(c repo.Customer) int64 { return c.ID },
				func(p repo.Page) (repo.List[repo.Customer], error) {
					return db.Customers(ctx, repo.CustomerFilter{Page: p})
				})
		}},
		"contracts": {repo.SortKeys[repo.Contract](), func(p repo.Page) []int64 {
			return pages(t, p, func(k repo.Contract) int64 { return k.ID },
				func(p repo.Page) (repo.List[repo.Contract], error) {
					return db.Contracts(ctx, repo.ContractFilter{Page: p})
				})
		}},
		"contacts": {repo.SortKeys[repo.Contact](), func(p repo.Page) []int64 {
			return pages(t, p, func(c repo.Contact) int64 { return c.ID },
				func(p repo.Page) (repo.List[repo.Contact], error) {
					return db.Contacts(ctx, repo.ContactFilter{Page: p})
				})
		}},
		"notes": {repo.SortKeys[repo.Note](), func(p repo.Page) []int64 {
			return pages(t, p, func(n repo.Note) int64 { return n.ID },
				func(p repo.Page) (repo.List[repo.Note], error) { return db.Notes(ctx, repo.NoteFilter{Page: p}) })
		}},
		"events": {repo.SortKeys[repo.Event](), func(p repo.Page) []int64 {
			return pages(t, p, func(e repo.Event) int64 { return e.ID },
				func(p repo.Page) (repo.List[repo.Event], error) { return db.Events(ctx, repo.EventFilter{Page: p}) })
		}},
	}
	for view, l := range lists {
		for sort, sql := range l.sorts {
			want := read[[]int64](w,
				fmt.Sprintf(
					"with all_rows as materialized (select * from (%s) v) select array_agg(id order by %s, id) "+
						"from all_rows where deleted_at is null", viewSQL(w, view), sql))
			up := l.pages(repo.Page{Sort: sort})
			down := l.pages(repo.Page{Sort: sort, Desc: true})
			slices.Reverse(down)
			if !slices.Equal(up, want) || !slices.Equal(down, want) {
				t.Errorf("%s by %s:\nup   %v\ndown %v\nwant %v", view, sort, up, down, want)
			}
		}
	}
}

// viewSQL returns a view's query without its gate, for the superuser.
func viewSQL(w *world, view string) string {
	return read[string](w,
		"select regexp_replace(regexp_replace(pg_get_viewdef($1::text::regclass), '(.*)WHERE .*', '\\1'), ';$', '')",
		"crm."+view)
}

// R14, R19, R21: filters return exactly the matching records, and several combine with AND.
func TestFilters(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	herd(t, w)
	db, page := w.as("sales1"), repo.Page{Limit: 1000}
	contracts := ok[repo.List[repo.Contract]](t)(db.Contracts(ctx, repo.ContractFilter{Page: page})).Rows
	events := ok[repo.List[repo.Event]](t)(db.Events(ctx, repo.EventFilter{Page: page})).Rows
	unsigned := func(k repo.Contract) bool { return k.Status == "to_send" || k.Status == "pending" }
	unpaid := func(k repo.Contract) bool { return k.RemainingAmount > 0 && k.Status != "canceled" }
	mine := func(k repo.Contract) bool { return k.SalesID != nil && *k.SalesID == w.ids["sales1"] }
	for _, c := range []struct {
		f    repo.ContractFilter
		want func(repo.Contract) bool
	}{
		{repo.ContractFilter{Unsigned: true}, unsigned},
		{repo.ContractFilter{Unpaid: true}, unpaid},
		{repo.ContractFilter{Mine: w.ids["sales1"]}, mine},
		{repo.ContractFilter{Status: "signed", Unpaid: true}, func(k repo.Contract) bool {
			return k.Status == "signed" && unpaid(k)
		}},
		{repo.ContractFilter{Unsigned: true, Unpaid: true, Mine: w.ids["sales1"]}, func(k repo.Contract) bool {
			return unsigned(k) && unpaid(k) && mine(k)
		}},
		{repo.ContractFilter{CustomerID: 3, Unsigned: true}, func(k repo.Contract) bool {
			return k.CustomerID == 3 && unsigned(k)
		}},
		{repo.ContractFilter{Unsigned: true, Status: "signed"}, func(repo.Contract) bool { return false }},
		{repo.ContractFilter{Page: repo.Page{Search: "20.00 SIGNED"}}, func(k repo.Contract) bool {
			return k.Status == "signed" && k.TotalAmount == 2000
		}},
	} {
		c.f.Limit = 1000
		same(t, fmt.Sprintf("%+v", c.f), ok[repo.List[repo.Contract]](t)(db.Contracts(ctx, c.f)).Rows, contracts,
			c.want, func(k repo.Contract) int64 { return k.ID })
	}
	from, to := time.Date(2030, 1, 3, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 7, 0, 0, 0, 0, time.UTC)
	none := func(e repo.Event) bool { return e.SupportID == nil }
	between := func(e repo.Event) bool {
		return e.StartDate != nil && !e.StartDate.After(to) && !e.EndDate.Before(from)
	}
	for _, c := range []struct {
		f    repo.EventFilter
		want func(repo.Event) bool
	}{
		{repo.EventFilter{NoSupport: true}, none},
		{repo.EventFilter{SupportID: w.ids["support1"]}, func(e repo.Event) bool {
			return e.SupportID != nil && *e.SupportID == w.ids["support1"]
		}},
		{repo.EventFilter{From: &from, To: &to}, between},
		{repo.EventFilter{From: &from, To: &to, NoSupport: true, ContractID: 3}, func(e repo.Event) bool {
			return between(e) && none(e) && e.ContractID == 3
		}},
		{repo.EventFilter{NoSupport: true, SupportID: w.ids["support1"]}, func(repo.Event) bool { return false }},
		{repo.EventFilter{CustomerID: 3}, func(e repo.Event) bool { return e.CustomerID == 3 }},
		{repo.EventFilter{Page: repo.Page{Search: "%"}}, func(repo.Event) bool { return false }}, // nothing to look for

		{repo.EventFilter{Page: repo.Page{Search: `2%_\`}}, func(e repo.Event) bool { return *e.Name == `Event 2%_\` }},
		{repo.EventFilter{Page: repo.Page{Search: "e%nt"}}, func(repo.Event) bool { return false }},
		// punctuation does not matter
		{repo.EventFilter{Page: repo.Page{Search: "_vent"}}, func(repo.Event) bool { return true }},
		{repo.EventFilter{Page: repo.Page{Search: `\E`}}, func(repo.Event) bool { return true }},
		{repo.EventFilter{Page: repo.Page{Search: "lyon EVENT"}}, func(e repo.Event) bool { return e.Location != nil }},
	} {
		c.f.Limit = 1000
		same(t, fmt.Sprintf("%+v", c.f), ok[repo.List[repo.Event]](t)(db.Events(ctx, c.f)).Rows, events, c.want,
			func(e repo.Event) int64 { return e.ID })
	}
}

// same compares a filtered list with the whole one.
func same[T any](t *testing.T, what string, got, all []T, want func(T) bool, id func(T) int64) {
	t.Helper()
	ids := func(rows []T) []int64 {
		list := []int64{}
		for _, r := range rows {
			list = append(list, id(r))
		}
		slices.SortFunc(list, cmp.Compare)
		return list
	}
	all = slices.DeleteFunc(slices.Clone(all), func(r T) bool { return !want(r) })
	if !slices.Equal(ids(got), ids(all)) {
		t.Errorf("%s: %v, want %v", what, ids(got), ids(all))
	}
}
