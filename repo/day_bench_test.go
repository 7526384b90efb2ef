//go:build pgbouncer

package repo_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"crm/repo"
)

// A shellOfDay is one of the shells of BenchmarkDay, with a customer of its own and the time of each command.
type shellOfDay struct {
	db       *repo.DB
	customer int64
	turn     int
	took     map[string][]time.Duration // by kind: read, search, write
}

// BenchmarkDay runs fifty shells at once over PgBouncer's twenty server connections, each with a session of its own.
// An op is a day's mix in each: ten reads, two searches, one write. Any error ends it.
func BenchmarkDay(b *testing.B) {
	const shells = 50
	w, ctx := newWorld(b), context.Background()
	stock(b, w, benchCustomers())
	w.takeKey(w.vault.(vault).KeyID())
	all := make([]*shellOfDay, shells)
	for i := range all {
		db := w.through(b, front{url: frontURL(w.database)}).As(w.signIn("sales1").Token)
		c := ok[repo.Customer](b)(db.AddCustomer(ctx, company(i)))
		all[i] = &shellOfDay{db: db, customer: c.ID, took: map[string][]time.Duration{}}
	}
	began := time.Now()
	for b.Loop() {
		var group sync.WaitGroup
		for _, s := range all {
			group.Go(func() {
				if err := s.mix(ctx); err != nil {
					b.Error(err)
				}
			})
		}
		group.Wait()
		if b.Failed() {
			b.FailNow()
		}
	}
	elapsed, commands := time.Since(began), 0
	for _, kind := range []string{"read", "search", "write"} {
		var took []time.Duration
		for _, s := range all {
			took = append(took, s.took[kind]...)
		}
		slices.Sort(took)
		commands += len(took)
		at := func(share float64) float64 {
			return float64(took[int(share*float64(len(took)-1))].Microseconds()) / 1000
		}
		b.ReportMetric(at(0.5), "ms/"+kind+"-p50")
		b.ReportMetric(at(0.99), "ms/"+kind+"-p99")
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(commands)/elapsed.Seconds(), "commands/s")
}

// mix runs a day's mix once.
func (s *shellOfDay) mix(ctx context.Context) error {
	s.turn++
	page := repo.Page{Limit: 20}
	get := func() error { _, err := s.db.Customer(ctx, s.customer); return err }
	contract := func() error { _, err := s.db.Contract(ctx, s.customer%1000+1); return err }
	customers := func() error { _, err := s.db.Customers(ctx, repo.CustomerFilter{Page: page}); return err }
	contracts := func() error { _, err := s.db.Contracts(ctx, repo.ContractFilter{Page: page}); return err }
	events := func() error { _, err := s.db.Events(ctx, repo.EventFilter{Page: page}); return err }
	search := func() error {
		_, err := s.db.Customers(ctx, repo.CustomerFilter{Page: repo.Page{Search: "bou", Limit: 20}})
		return err
	}
	find := func() error { _, err := s.db.Find(ctx, fmt.Sprintf("martin %d", s.turn), 20); return err }
	write := func() error {
		_, err := s.db.UpdateCustomer(ctx, s.customer, repo.Change{"email": text("day%d@b.example", s.turn)})
		return err
	}
	for _, step := range []struct {
		kind string
		do   func() error
	}{
		{"read", get},
		{"read", contract},
		{"read", customers},
		{"search", search},
		{"read", contracts},
		{"read", get},
		{"read", events},
		{"write", write},
		{"read", get},
		{"read", contract},
		{"search", find},
		{"read", customers},
		{"read", events},
	} {
		began := time.Now()
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.kind, err)
		}
		s.took[step.kind] = append(s.took[step.kind], time.Since(began))
	}
	return nil
}
