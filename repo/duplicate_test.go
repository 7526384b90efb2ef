package repo_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

// Customers are alike if they have the same email or phone, or the same company and person apart from spelling, legal
// form and one typo. The blind index finds the same pairs as a comparison of all.
func TestLikeCustomer(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	db := w.as("admin")
	add := func(company, person, email, phone string) int64 {
		return ok[repo.Customer](t)(db.AddCustomer(ctx, repo.Change{
			"company_name": company, "full_name": person, "email": email, "phone": phone,
		})).ID
	}
	bouzin := add("Bouzin SARL", "Lou Bouzin", "lou@bouzin.example", "+33612345678")
	add("Bouzin SARL", "Ada Byron", "", "")
	add("Other", "Lou Bouzin", "", "")
	gone := add("Bouzin", "Lou Bouzin", "lou@bouzin.example", "")
	ok[repo.Customer](t)(db.DeleteCustomer(ctx, gone))
	all := ok[*repo.CustomerIndex](t)(db.CustomerIndex(ctx))
	for _, try := range []struct {
		company, person, email, phone string
		want                          repo.Likeness
	}{
		{"Zebra", "Nobody", "LOU@Bouzin.example", "", repo.Likeness{Email: true}},
		{"Zebra", "Nobody", "", "+33612345678", repo.Likeness{Phone: true}},
		{"bouzin s.a.s.", "Bouzin Lou", "", "", repo.Likeness{Names: true}},
		{"Bouzin", "Lou Bouzim", "", "", repo.Likeness{Typo: true}},
		{"Bouzni GmbH", "Lou Bouzin", "", "", repo.Likeness{Typo: true}},
		{
			"Bouzin", "Lou Bouzin", "lou@bouzin.example", "+33612345678",
			repo.Likeness{Email: true, Phone: true, Names: true},
		},
		{"Bouzni", "Lou Bouzim", "", "", repo.Likeness{}},
		{"Bouzin", "Zoe Nobody", "zoe@bouzin.example", "+33612345679", repo.Likeness{}},
		{"Bouzin", "", "", "", repo.Likeness{}},
	} {
		c := repo.Customer{CompanyName: try.company, FullName: try.person, Email: try.email, Phone: try.phone}
		for how, found := range map[string][]repo.Likeness{
			"the blind index": ok[[]repo.Likeness](t)(db.LikeCustomer(ctx, c)), "all": all.Like(c),
		} {
			none := !try.want.IsStrong() && !try.want.Names && !try.want.Typo
			if none && len(found) > 0 || !none && (len(found) != 1 || found[0].Customer.ID != bouzin) {
				t.Errorf("%+v by %s: %+v", try, how, found)
				continue
			}
			if !none {
				if found[0].Customer = (repo.Customer{}); fmt.Sprint(found[0]) != fmt.Sprint(try.want) {
					t.Errorf("%+v by %s: %+v", try, how, found[0])
				}
			}
		}
	}
	if pairs := ok[[]repo.Pair](t)(db.CustomerPairs(ctx)); len(pairs) != 0 {
		t.Errorf("pairs are %+v", pairs)
	}
	twin := add("Bouzin", "Lou Bouzin", "", "")
	pairs := ok[[]repo.Pair](t)(db.CustomerPairs(ctx))
	if len(pairs) != 1 || pairs[0].First.ID != bouzin || pairs[0].Customer.ID != twin || !pairs[0].Names {
		t.Errorf("pairs are %+v", pairs)
	}
}

// BenchmarkCustomerPairs lists the pairs among 100,000 customers, and checks one.
func BenchmarkCustomerPairs(b *testing.B) {
	w := newWorld(b)
	db := w.as("admin")
	w.manyCustomers(100_000)
	for name, do := range map[string]func() error{
		"all pairs": func() error { return failed(db.CustomerPairs(b.Context())) },
		"one": func() error {
			return failed(db.LikeCustomer(b.Context(), repo.Customer{
				CompanyName: "Company 77 GmbH", FullName: "Ada77 Byron78",
				Email: "a77@b.example", Phone: "+33600000077",
			}))
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				begun := time.Now()
				if err := do(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(time.Since(begun).Seconds(), "s")
			}
		})
	}
}

// manyCustomers inserts customers without triggers.
func (w *world) manyCustomers(n int) {
	w.t.Helper()
	ctx := context.Background()
	for from := 0; from < n; from += 1000 {
		err := pgx.BeginFunc(ctx, w.owner, func(tx pgx.Tx) error {
			batch := &pgx.Batch{}
			batch.Queue("set local session_replication_role = replica")
			for i := from; i < min(from+1000, n); i++ {
				var values []any
				for _, column := range [][2]string{
					{"company_name", fmt.Sprintf("Company %d SARL", i%70000)},
					{"full_name", fmt.Sprintf("Ada%d Byron%d", i%3000, i%5000)},
					{"email", fmt.Sprintf("a%d@b.example", i)},
					{"phone", fmt.Sprintf("+336%08d", i)},
				} {
					sealed, tokens, err := w.vault.Seal("customer."+column[0], column[1])
					if err != nil {
						return err
					}
					values = append(values, sealed, tokens)
				}
				batch.Queue(`insert into customer (company_name, company_name_tokens, full_name, full_name_tokens,
					email, email_tokens, phone, phone_tokens)
					values ($1::bytea, $2, $3::bytea, $4, $5::bytea, $6, $7::bytea, $8)`, values...)
			}
			return tx.SendBatch(ctx, batch).Close()
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}
