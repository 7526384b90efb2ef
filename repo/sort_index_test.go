package repo_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"crm/repo"
)

// indexedKeys returns the sort keys of an entity that have an index.
func indexedKeys[T any]() (keys []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if f.Tag.Get("sort") == "index" {
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
