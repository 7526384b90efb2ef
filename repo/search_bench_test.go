package repo_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo"
	"crm/security"
)

// stock fills the table with n customers of a few hundred different names, as the superuser and without triggers.
func stock(b *testing.B, w *world, n int) {
	ctx := context.Background()
	content, err := security.NewKeyset()
	if err != nil {
		b.Fatal(err)
	}
	keyring := ok[*security.Keyring](b)(security.NewKeyring(content))
	w.db = ok[*repo.DB](b)(repo.Open(repo.Config{URL: appURL(w.database), Schema: "crm", Vault: keyring}))
	b.Cleanup(w.db.Close)
	conn := ok[*pgx.Conn](b)(pgx.ConnectConfig(ctx, w.owner.Config().ConnConfig))
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "set session_replication_role = replica; set maintenance_work_mem = '256MB'; drop index crm.customer_search"); err != nil {
		b.Fatal(err)
	}
	names := []string{"company_name", "full_name", "email", "phone"}
	columns := slices.Clone(names)
	for _, c := range names {
		columns = append(columns, c+"_tokens")
	}
	syllables := []string{"ba", "ron", "mi", "chel", "tou", "le", "gar", "nier", "pa", "vi", "dor", "sen", "ka", "zel", "quin", "lo", "fre", "mont", "bel", "ri"}
	word := func(i int) string { return syllables[i%20] + syllables[i/20%20] + syllables[i/400%20] }
	row := func(i int) ([]any, error) {
		company, name := word(i*7919)+" "+word(i*104729+i/8000), word(i*31)+" "+word(i*1299709+i/400)
		if i%10 == 0 {
			company = "Bouzin " + company // a tenth of the table
		}
		if i == n-2 {
			company = "Xylophone Wyxz"
		}
		texts := []string{company, name, fmt.Sprintf("c%d@%s.example", i, word(i*17)), fmt.Sprintf("+336%08d", i*37%100_000_000)}
		values := make([]any, 8)
		for c, text := range texts {
			var err error
			if values[c], values[4+c], err = keyring.Seal("customer."+names[c], text); err != nil {
				return nil, err
			}
		}
		return values, nil
	}
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"crm", "customer"}, columns, pgx.CopyFromSlice(n, row)); err != nil {
		b.Fatal(err)
	}
	if _, err := conn.Exec(ctx, `set search_path = crm; create index customer_search on customer using gin (
		search_keys(company_name_tokens || full_name_tokens || email_tokens || phone_tokens, id)) with (fastupdate = off)`); err != nil {
		b.Fatal(err)
	}
	if _, err := conn.Exec(ctx, "vacuum analyze crm.customer"); err != nil {
		b.Fatal(err)
	}
}

// What a search costs: the first 20 answers through the program, opened and checked, beside the same rows fetched raw by their ids.
// CRM_BENCH_CUSTOMERS is how many customers there are, 100 thousand if it is not set.
func BenchmarkSearch(b *testing.B) {
	n := 100_000
	if given, err := strconv.Atoi(os.Getenv("CRM_BENCH_CUSTOMERS")); err == nil {
		n = given
	}
	w, ctx := newWorld(b), context.Background()
	stock(b, w, n)
	db := w.as("support1")
	size := func(of string) float64 {
		return float64(read[int64](w, "select "+of+"('crm.customer'::regclass)"))
	}
	index := float64(read[int64](w, "select pg_relation_size('crm.customer_search'::regclass)"))
	for _, needle := range []string{"bo", "wy", "bou", "wyx", "bouzi", "xylop", "bouzin b", "xylophon", "nowhere"} {
		b.Run(needle, func(b *testing.B) {
			var program, plain []time.Duration
			for b.Loop() {
				var found []repo.Customer
				program = append(program, timed(b, func() (err error) {
					found, err = db.Customers(ctx, repo.CustomerFilter{Page: repo.Page{Search: needle, Limit: 20}})
					return err
				}))
				rows := ids(found)
				plain = append(plain, timed(b, func() error {
					_, err := w.owner.Exec(ctx, "select * from customer where id = any($1)", rows)
					return err
				}))
			}
			p, raw := median(program), median(plain)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(p.Microseconds()), "µs-p50")
			b.ReportMetric(float64(program[len(program)*99/100].Microseconds()), "µs-p99")
			b.ReportMetric(float64(p)/float64(raw), "x-raw")
			b.ReportMetric(index/size("pg_table_size"), "x-table")
		})
	}
}
