package repo_test

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"crm/repo"
)

// benchCustomers is CRM_BENCH_CUSTOMERS, 100 thousand if it is not set.
func benchCustomers() int {
	if given, err := strconv.Atoi(os.Getenv("CRM_BENCH_CUSTOMERS")); err == nil {
		return given
	}
	return 100_000
}

// The cost of a search, for needles of 2, 3, 5 and 8 letters that a tenth of the table contains, that one row contains,
// or none: the first 20 results through the program, decrypted and checked, compared with the same rows fetched by ID.
// First customer list --search, then the query of completion for each noun, then find.
func BenchmarkSearch(b *testing.B) {
	w, ctx := newWorld(b), context.Background()
	stock(b, w, benchCustomers())
	db := w.as("support1")
	index := float64(read[int64](w, "select pg_relation_size('crm.customer_search'::regclass)"))
	b.Logf("%d customers; the index takes %.2f times the table", benchCustomers(),
		index/float64(read[int64](w, "select pg_table_size('crm.customer'::regclass)")))
	for _, ask := range []struct {
		what string
		ids  func(needle string) ([]int64, error)
		twin string
	}{
		{"list", func(needle string) ([]int64, error) {
			found, err := db.Customers(ctx, repo.CustomerFilter{Page: repo.Page{Search: needle, Limit: 20}})
			return ids(found.Rows), err
		}, "customer"},
		{"contracts", func(needle string) ([]int64, error) {
			found, err := db.Contracts(ctx, repo.ContractFilter{Page: repo.Page{Search: needle, Limit: 20}})
			return idsBy(found.Rows, func(c repo.Contract) int64 { return c.ID }), err
		}, "contract"},
		{"events", func(needle string) ([]int64, error) {
			found, err := db.Events(ctx, repo.EventFilter{Page: repo.Page{Search: needle, Limit: 20}})
			return idsBy(found.Rows, func(e repo.Event) int64 { return e.ID }), err
		}, "event"},
		{"complete-customer", func(needle string) ([]int64, error) {
			found, err := db.FindCustomers(ctx, needle, 20)
			return ids(records(found)), err
		}, "customer"},
		{"find", func(needle string) ([]int64, error) { return findAll(ctx, db, needle) }, "customer"},
	} {
		for _, needle := range []string{"bo", "wy", "bou", "wyx", "bouzi", "xylop", "bouzin b", "xylophon", "nowhere"} {
			b.Run(ask.what+"/"+needle, func(b *testing.B) { benchSearch(b, w, needle, ask.ids, ask.twin) })
		}
	}
}

func benchSearch(b *testing.B, w *world, needle string, search func(string) ([]int64, error), twin string) {
	var program, plain []time.Duration
	var rows []int64
	for b.Loop() {
		program = append(program, timed(b, func() (err error) {
			rows, err = search(needle)
			return err
		}))
		plain = append(plain, timed(b, func() error {
			_, err := w.owner.Exec(context.Background(), "select * from "+twin+" where id = any($1)", rows)
			return err
		}))
	}
	p, raw := median(program), median(plain)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(p.Microseconds()), "µs-p50")
	b.ReportMetric(float64(program[len(program)*99/100].Microseconds()), "µs-p99")
	b.ReportMetric(float64(p)/float64(raw), "x-raw")
}

// findAll makes the query of the command find; it returns the customers.
func findAll(ctx context.Context, db *repo.DB, needle string) ([]int64, error) {
	all, err := db.Find(ctx, needle, 20)
	return ids(records(all.Customers)), err
}

func idsBy[T any](found []T, id func(T) int64) []int64 {
	list := []int64{}
	for _, r := range found {
		list = append(list, id(r))
	}
	return list
}
