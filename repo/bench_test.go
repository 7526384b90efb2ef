package repo_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/repo"
)

// BenchmarkGuard measures the cost of the guard. Each op is a statement, through the program's functions or raw as the
// app role, and in turns the same statement as the superuser without the guard. x-raw is the ratio of their medians in
// one run.
func BenchmarkGuard(b *testing.B) {
	w, ctx := newWorld(b), context.Background()
	token, admin := w.token("admin"), w.as("admin")
	c, err := admin.AddCustomer(ctx, repo.Change{"company_name": text("A"), "full_name": text("B")})
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
	w.set(plainTwin)
	placeholders := "$1, $2, $3, $4, $5, $6, $7, $8"
	insert := "insert into plain (" + strings.Join(storedColumns, ", ") + ") values (" + placeholders + ")"
	if _, err := admin.AddCustomer(ctx, company(0)); err != nil {
		b.Fatal(err)
	}
	stored := w.stored(b, 1)[0]
	turn := 0
	for _, twin := range []struct {
		name           string
		guarded, plain func() error
	}{
		{
			"statement", raw(w.pool, columns+"users where id = $1", 1),
			raw(w.owner, columns+"collaborator where id = $1", 1),
		},
		{
			"get", func() error { _, err := admin.Customer(ctx, c.ID); return err },
			raw(w.owner, "select * from customer where id = $1", c.ID),
		},
		{
			"update", func() error {
				turn++ // another value each time: the same one is no change
				_, err := admin.UpdateCustomer(ctx, c.ID, repo.Change{"email": text("a%d@b.example", turn%10)})
				return err
			},
			raw(w.owner,
				"update customer set email = set_byte($2, 5, (extract(microseconds "+
					"from clock_timestamp())::int % 256)) "+
					"where id = $1", c.ID, w.forged("")),
		},
		{
			"add", func() error {
				turn++
				_, err := admin.AddCustomer(ctx, company(turn))
				return err
			},
			func() error { _, err := w.owner.Exec(ctx, insert, stored...); return err },
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

// BenchmarkShared measures the cost of a pooler: each op is one read on a server connection of its own and, in turns,
// behind a pooler, where statements are not prepared and every batch fixes the settings. x-direct is the ratio of the
// medians.
func BenchmarkShared(b *testing.B) {
	for name, start := range poolers {
		b.Run(name, func(b *testing.B) {
			w, ctx := newWorld(b), context.Background()
			c := w.customer("sales1").ID
			get := func(db *repo.DB) func() error { return func() error { _, err := db.Customer(ctx, c); return err } }
			own, shared := get(w.through(b, front{url: appURL(w.database)}).As(w.signers["sales1"].Token)),
				get(w.through(b, start(b, w, 2)).As(w.signers["sales1"].Token))
			_, _ = timed(b, own), timed(b, shared)
			var direct, pooled []time.Duration
			for b.Loop() {
				direct, pooled = append(direct, timed(b, own)), append(pooled, timed(b, shared))
			}
			d, p := median(direct), median(pooled)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(d.Microseconds()), "µs-direct")
			b.ReportMetric(float64(p.Microseconds()), "µs-pooled")
			b.ReportMetric(float64(p)/float64(d), "x-direct")
		})
	}
}

// BenchmarkConnect measures opening a connection, with its first read.
func BenchmarkConnect(b *testing.B) {
	w, ctx := newWorld(b), context.Background()
	w.as("sales1")
	var all []time.Duration
	for b.Loop() {
		all = append(all, timed(b, func() error {
			db, err := repo.Open(repo.Config{URL: appURL(w.database), Schema: "crm"})
			if err != nil {
				return err
			}
			defer db.Close()
			_, _, _, err = db.As(w.signers["sales1"].Token).Whoami(ctx)
			return err
		}))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(median(all).Microseconds()), "µs")
}
