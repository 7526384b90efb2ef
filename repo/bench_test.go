package repo_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/repo"
)

// What the guard costs: each op is a statement through the program's own functions, or raw as the app role, and its twin as the
// superuser without the guard, in turns. Compare the medians of one run: x-raw is their ratio.
func BenchmarkGuard(b *testing.B) {
	w, ctx := newWorld(b), context.Background()
	token, admin := w.token("admin"), w.as("admin")
	c, err := admin.AddCustomer(ctx, repo.CustomerChange{CompanyName: text("A"), FullName: text("B")})
	if err != nil {
		b.Fatal(err)
	}
	raw := func(pool *pgxpool.Pool, sql string, args ...any) func() error {
		return func() error {
			batch := &pgx.Batch{}
			batch.Queue("select set_config('crm.token', $1, true)", token)
			batch.Queue(sql, args...)
			return pool.SendBatch(ctx, batch).Close()
		}
	}
	const columns = "select id, email from "
	turn := 0
	for _, twin := range []struct {
		name           string
		guarded, plain func() error
	}{
		{"statement", raw(w.pool, columns+"users where id = $1", 1), raw(w.owner, columns+"collaborator where id = $1", 1)},
		{"get", func() error { _, err := admin.Customer(ctx, c.ID); return err }, raw(w.owner, "select * from customer where id = $1", c.ID)},
		{
			"update", func() error {
				turn++ // another value each time: the same one is no change
				_, err := admin.UpdateCustomer(ctx, c.ID, repo.CustomerChange{Email: text("a%d@b.example", turn%10)})
				return err
			},
			raw(w.owner, "update customer set email = set_byte($2, 5, (extract(microseconds from clock_timestamp())::int % 256)) where id = $1", c.ID, w.forged("")),
		},
	} {
		b.Run(twin.name, func(b *testing.B) {
			var guarded, plain []time.Duration
			for b.Loop() {
				guarded = append(guarded, timed(b, twin.guarded))
				plain = append(plain, timed(b, twin.plain))
			}
			g, p := median(guarded), median(plain)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(g.Microseconds()), "µs-guarded")
			b.ReportMetric(float64(p.Microseconds()), "µs-raw")
			b.ReportMetric(float64(g)/float64(p), "x-raw")
		})
	}
}

func timed(b *testing.B, do func() error) time.Duration {
	begin := time.Now()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	return time.Since(begin)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
