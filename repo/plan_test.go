package repo_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

// Searching never scans a whole table, as the app role and under its policies: for rare and frequent words, in every
// list. PostgreSQL's statistics tell how a table was read.
func TestSearchesUseTheirIndexes(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), context.Background()
	stock(t, w, 20_000)
	w.set("select pg_stat_reset()")
	db := w.as("support1")
	for _, needle := range []string{
		"bouzin", "bo", "xylophone", "wy", "nowhere", "bouzin xylophone", "06 00 00 37 00",
	} {
		ok[repo.List[repo.Customer]](t)(
			db.Customers(ctx, repo.CustomerFilter{Page: repo.Page{Search: needle, Limit: 20}}))
		ok[repo.List[repo.Contract]](t)(
			db.Contracts(ctx, repo.ContractFilter{Page: repo.Page{Search: needle, Limit: 20}}))
		ok[repo.List[repo.Event]](t)(db.Events(ctx, repo.EventFilter{Page: repo.Page{Search: needle, Limit: 20}}))
		ok[[]int64](t)(findAll(ctx, db, needle))
	}
	w.db.Close() // a connection that ends hands in its statistics
	const scans = "select coalesce(sum(idx_scan), 0)::bigint from pg_stat_user_indexes where indexrelname = $1"
	patience, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	for _, index := range []string{"customer_search", "event_search"} {
		for read[int64](w, scans, index) == 0 {
			if patience.Err() != nil {
				t.Fatalf("%s is not used", index)
			}
		}
	}
	if whole := read[string](w,
		"select coalesce(string_agg(relname || ' ' || seq_scan, ', '), '') from pg_stat_user_tables "+
			"where relname in ('customer', 'contract', 'event') and seq_scan > 0"); whole != "" {
		t.Errorf("read from end to end: %s", whole)
	}
}

// The planner inlines search_tokens() for the app role: the plans of the views name the columns and call no function
// for them.
func TestSearchTokensAreInlined(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for sql, column := range map[string]string{
		"select keys from customers":          "phone_tokens",
		"select keys from contacts":           "role_tokens",
		"select keys from notes":              "text_tokens",
		"select tokens from contracts":        "phone_tokens",
		"select tokens from events":           "phone_tokens",
		"select own_tokens, keys from events": "comments_tokens",
		"select keys from own_events":         "comments_tokens",
		"select keys from own_customers":      "phone_tokens",
	} {
		rows := ok[pgx.Rows](t)(w.pool.Query(t.Context(), "explain (verbose, costs off) "+sql))
		plan := strings.Join(ok[[]string](t)(pgx.CollectRows(rows, pgx.RowTo[string])), "\n")
		if strings.Contains(plan, "search_tokens") || !strings.Contains(plan, column) {
			t.Errorf("%s is planned as\n%s", sql, plan)
		}
	}
}

// A database that prefers parallel plans returns the same: the guard is not parallel safe, so PostgreSQL makes no
// parallel plan.
func TestParallelPlans(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), context.Background()
	stock(t, w, 3000)
	for _, setting := range []string{
		"parallel_setup_cost = 0", "parallel_tuple_cost = 0", "min_parallel_table_scan_size = 0",
		"min_parallel_index_scan_size = 0",
	} {
		w.set("alter database " + w.database + " set " + setting)
	}
	for _, search := range []string{"", "bouzin", "xylophone"} {
		db, p := w.as("sales1"), repo.Page{Search: search, Limit: 20, Count: true}
		ok[repo.List[repo.Customer]](t)(db.Customers(ctx, repo.CustomerFilter{Page: p}))
		ok[repo.List[repo.Contract]](t)(db.Contracts(ctx, repo.ContractFilter{Page: p, Unpaid: true}))
		ok[repo.List[repo.Event]](t)(db.Events(ctx, repo.EventFilter{Page: p}))
	}
}
