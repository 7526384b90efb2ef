package repo_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"crm/repo"
)

// indexedKeys returns the sort keys of an entity whose lists walk an index.
func indexedKeys[T any]() (keys []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if sort := f.Tag.Get("sort"); sort == "index" || strings.HasPrefix(sort, "by ") {
			keys = append(keys, f.Tag.Get("db"))
		}
	}
	return keys
}

// A page in the order of an indexed sort key reads about its own rows, in both directions and from any row on.
// PostgreSQL's statistics tell how many rows were read.
func TestSortedListsWalkIndexes(t *testing.T) {
	t.Parallel()
	const rows = 20_000
	w, ctx := newWorld(t), context.Background()
	crowd(t, w, rows)
	w.set("select pg_stat_reset()")
	db, lists := w.as("manage"), 0
	each := func(keys []string, list func(repo.Page) error) {
		for _, key := range keys {
			for _, after := range []int64{0, 77} {
				for _, desc := range []bool{false, true} {
					lists++
					if err := list(repo.Page{Limit: 20, Sort: key, Desc: desc, After: after}); err != nil {
						t.Fatalf("%s: %v", key, err)
					}
				}
			}
		}
	}
	each(indexedKeys[repo.Customer](), func(p repo.Page) error {
		return failed(db.Customers(ctx, repo.CustomerFilter{Page: p}))
	})
	each(indexedKeys[repo.Contract](), func(p repo.Page) error {
		return failed(db.Contracts(ctx, repo.ContractFilter{Page: p}))
	})
	each(indexedKeys[repo.Event](), func(p repo.Page) error {
		return failed(db.Events(ctx, repo.EventFilter{Page: p}))
	})
	w.db.Close() // a connection that ends hands in its statistics
	for _, table := range []string{"customer", "contract", "event"} {
		n := w.rowsRead(table)
		t.Logf("%d lists read %d rows of %s", lists, n, table)
		if n == 0 || n > rows/2 {
			t.Errorf("%d lists read %d rows of %s, which has %d", lists, n, table, rows)
		}
	}
}

// Lists in the order of the names of contacts have all records once, in both directions, whatever the length of a page:
// also those without a contact and those of two contacts with the same name.
func TestListsInTheOrderOfContacts(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), context.Background()
	crowd(t, w, 60)
	w.set(fmt.Sprintf("update collaborator set (first_name, last_name) = (select first_name, last_name from collaborator "+
		"where id = %d) where id in (%d, %d)", w.ids["sales2"], w.ids["admin"], w.ids["support1"]))
	w.set(fmt.Sprintf(`set session_replication_role = replica; update customer set sales_id = (array[null, %d, %d, %d])
		[id %% 4 + 1]; update contract set sales_id = (array[null, %[1]d, %d, %d])[id %% 4 + 1]; update event
		set support_id = (array[null, %d, %[4]d])[id %% 3 + 1]; reset session_replication_role`,
		w.ids["sales1"], w.ids["sales2"], w.ids["admin"], w.ids["support1"]))
	db := w.as("support1")
	for noun, list := range map[string]func(repo.Page) ([]string, error){
		"customer": func(p repo.Page) ([]string, error) {
			p.Sort = "sales_contact"
			l, err := db.Customers(ctx, repo.CustomerFilter{Page: p})
			return named(l.Rows, func(c repo.Customer) (*string, int64) { return c.SalesContact, c.ID }), err
		},
		"contract": func(p repo.Page) ([]string, error) {
			p.Sort = "sales_contact"
			l, err := db.Contracts(ctx, repo.ContractFilter{Page: p})
			return named(l.Rows, func(c repo.Contract) (*string, int64) { return c.SalesContact, c.ID }), err
		},
		"event": func(p repo.Page) ([]string, error) {
			p.Sort = "support_contact"
			l, err := db.Events(ctx, repo.EventFilter{Page: p})
			return named(l.Rows, func(e repo.Event) (*string, int64) { return e.SupportContact, e.ID }), err
		},
	} {
		contact := map[bool]string{true: "support_id", false: "sales_id"}[noun == "event"]
		want := read[[]string](w, `select array_agg(coalesce(u.first_name || ' ' || u.last_name, '') || ' ' || r.id
			order by coalesce(u.first_name || ' ' || u.last_name, ''), r.id)
			from `+noun+` r left join collaborator u on u.id = r.`+contact+` where r.deleted_at is null`)
		for _, desc := range []bool{false, true} {
			for _, limit := range []int{1, 7, 1000} {
				var got []string
				for after := int64(0); ; {
					rows, err := list(repo.Page{Limit: limit, Desc: desc, After: after})
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, rows[:min(limit, len(rows))]...)
					if len(rows) <= limit {
						break
					}
					last := rows[limit-1]
					after = ok[int64](t)(strconv.ParseInt(last[strings.LastIndex(last, " ")+1:], 10, 64))
				}
				if desc {
					slices.Reverse(got)
				}
				if !slices.Equal(got, want) {
					t.Errorf("%ss, descending %t, %d a page:\n%q\nwant\n%q", noun, desc, limit, got, want)
				}
			}
		}
	}
}

// named returns a text for each row: the name and the ID.
func named[T any](rows []T, of func(T) (*string, int64)) (texts []string) {
	for _, r := range rows {
		name, id := of(r)
		if name == nil {
			name = new(string)
		}
		texts = append(texts, fmt.Sprint(*name, " ", id))
	}
	return texts
}

// The lists of coming and of deleted records read few others: neither the past events nor the live records.
func TestComingAndDeletedAreFound(t *testing.T) {
	t.Parallel()
	const rows = 20_000
	w, ctx, now := newWorld(t), context.Background(), time.Now()
	crowd(t, w, rows)
	w.set("select pg_stat_reset()")
	db, page := w.as("manage"), repo.Page{Limit: 20, Deleted: true}
	for _, list := range []error{
		failed(db.Customers(ctx, repo.CustomerFilter{Page: page})),
		failed(db.Contracts(ctx, repo.ContractFilter{Page: page})),
		failed(db.Events(ctx, repo.EventFilter{Page: page})),
	} {
		if list != nil {
			t.Fatal(list)
		}
	}
	page = repo.Page{Limit: 20, Sort: "start_date"}
	for _, filter := range []repo.EventFilter{
		{From: &now},
		{From: &now, To: ptr(now.Add(time.Hour))},
		{From: &now, SupportID: w.ids["support2"]},
		{From: &now, NoSupport: true},
	} {
		filter.Page = page
		if list := ok[repo.List[repo.Event]](t)(db.Events(ctx, filter)); len(list.Rows) == 0 {
			t.Errorf("no event of %+v", filter)
		}
	}
	w.db.Close()
	for _, table := range []string{"customer", "contract", "event"} {
		if n := w.rowsRead(table); n == 0 || n > rows/20 {
			t.Errorf("the lists read %d rows of %s, which has %d", n, table, rows)
		}
	}
}

// rowsRead returns how many rows of a table were read by connections that have ended. It waits for the first.
func (w *world) rowsRead(table string) (n int64) {
	w.t.Helper()
	patience, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	for n == 0 && patience.Err() == nil {
		n = read[int64](w, `select coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint
			from pg_stat_user_tables where relname = $1`, table)
	}
	return n
}

// The contracts of a collaborator are complete and counted, whether they or their customers are few or many, in every
// order.
func TestContractsOfACollaborator(t *testing.T) {
	t.Parallel()
	const rows = 12_000
	w, ctx := newWorld(t), context.Background()
	crowd(t, w, rows)
	db, contact := w.as("support1"), w.ids["sales1"]
	theirs := fmt.Sprintf("(k.sales_id = %d or c.sales_id = %[1]d)", contact)
	for name, every := range map[string][2]int{"few": {500, 300}, "many": {3, 2}, "many customers'": {700, 1}} {
		w.set(fmt.Sprintf(`set session_replication_role = replica;
			update contract set sales_id = case when id %% %d = 0 then %d when id %% 2 = 0 then %d end, total_amount = id %% 90,
				deleted_at = case when id %% 50 = 7 then now() end;
			update customer set sales_id = case when id %% %d = 0 then %[2]d end; reset session_replication_role`,
			every[0], contact, w.ids["sales2"], every[1]))
		for _, f := range []repo.ContractFilter{
			{},
			{Page: repo.Page{Desc: true}},
			{Page: repo.Page{Sort: "total_amount"}},
			{Page: repo.Page{Deleted: true}},
			{Page: repo.Page{Sort: "sales_contact", Desc: true}},
			{Status: "to_send"},
			{Status: "canceled"},
			{Page: repo.Page{Whole: true}},
		} {
			f.Mine, f.Limit, f.Count = contact, 40, true
			sort := map[string]string{
				"": "k.id", "total_amount": "k.total_amount", "sales_contact": "coalesce(u.first_name || ' ' || u.last_name, '')",
			}[f.Sort]
			direction := map[bool]string{true: " desc"}[f.Desc]
			from := " from contract k join customer c on c.id = k.customer_id left join collaborator u on u.id = k.sales_id " +
				"where " + theirs + " and (k.deleted_at is null) <> " + fmt.Sprint(f.Deleted)
			if f.Status != "" {
				from += " and k.status = '" + f.Status + "'"
			}
			want := read[[]int64](w, "select array(select k.id"+from+" order by "+sort+direction+", k.id"+direction+" limit 120)")
			total := read[int64](w, "select count(*)"+from)
			if !f.Whole {
				total = min(total, repo.MostCounted+1)
			}
			var got []int64
			for len(got) < len(want) {
				found := ok[repo.List[repo.Contract]](t)(db.Contracts(ctx, f))
				if found.Total != total {
					t.Errorf("%s %+v: %d are counted, want %d", name, f, found.Total, total)
				}
				if len(found.Rows) == 0 {
					break
				}
				for _, k := range found.Rows[:min(f.Limit, len(found.Rows))] {
					got = append(got, k.ID)
				}
				f.After = got[len(got)-1]
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s %+v:\n%v\nwant\n%v", name, f, got, want)
			}
		}
	}
}
