package repo_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

// crowd fills the tables with n customers that all have the texts of one, n contracts and n events, as the superuser
// and without triggers. States, contacts and deletions are skewed as a company's are: few are open, few are deleted.
func crowd(t testing.TB, w *world, n int) {
	t.Helper()
	ctx := context.Background()
	w.customer("sales1")
	conn := ok[*pgx.Conn](t)(pgx.ConnectConfig(ctx, w.owner.Config().ConnConfig))
	defer conn.Close(ctx)
	for _, sql := range []string{
		"set session_replication_role = replica",
		`insert into customer (company_name, full_name, email, phone, sales_id, deleted_at, created_at, updated_at)
			select c.company_name, c.full_name, c.email, c.phone, case when i % 100 = 0 then $2::bigint else $3 end,
				case when i % 50 = 7 then now() end,
				now() - i * interval '1 minute', now() - i * interval '1 second'
			from customer c, generate_series(1, $1::integer) i`,
		`insert into contract (customer_id, sales_id, total_amount, remaining_amount, status, signed_at, deleted_at)
			select i, case when i % 100 = 0 then $2::bigint else $3 end, i % 10000 + 1,
				case when i % 20 = 2 then 1 else 0 end,
				case when i % 1000 = 0 then 'to_send' when i % 1000 = 1 then 'pending' when i % 10 = 2 then 'signed'
					when i % 10 = 3 then 'canceled' else 'finished' end,
				now(), case when i % 50 = 7 then now() end
			from generate_series(1, $1::integer) i`,
		`insert into event (name, contract_id, start_date, end_date, location, attendees, support_id, deleted_at)
			select 'Event ' || i, i, now() + (i - 0.9 * $1) * interval '10 minutes',
				now() + (i - 0.9 * $1) * interval '10 minutes' + interval '5 hours', 'Place ' || i % 100, i % 300,
				case when i % 1000 = 0 then null when i % 100 = 1 then $2::bigint else $3 end,
					case when i % 50 = 7 then now() end
			from generate_series(1, $1::integer) i`,
		"vacuum analyze customer", "vacuum analyze contract", "vacuum analyze event",
	} {
		args := []any{n, w.ids["sales1"], w.ids["sales2"]}
		if strings.HasPrefix(sql, "insert into event") {
			args = []any{n, w.ids["support1"], w.ids["support2"]}
		}
		if len(sql) < 60 {
			args = nil
		}
		if _, err := conn.Exec(ctx, sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// A listing is one list that the program can request.
type listing struct {
	name string
	ask  func(context.Context, *repo.DB) error
}

// listings are the lists with each filter and some orders, pages and counts.
func listings(w *world) []listing {
	page := repo.Page{Limit: 50, Count: true}
	with := func(change func(*repo.Page)) repo.Page { p := page; change(&p); return p }
	customers := func(f repo.CustomerFilter) func(context.Context, *repo.DB) error {
		return func(ctx context.Context, db *repo.DB) error { return failed(db.Customers(ctx, f)) }
	}
	contracts := func(f repo.ContractFilter) func(context.Context, *repo.DB) error {
		return func(ctx context.Context, db *repo.DB) error { return failed(db.Contracts(ctx, f)) }
	}
	events := func(f repo.EventFilter) func(context.Context, *repo.DB) error {
		return func(ctx context.Context, db *repo.DB) error { return failed(db.Events(ctx, f)) }
	}
	sorted := func(by string, desc bool) repo.Page { return with(func(p *repo.Page) { p.Sort, p.Desc = by, desc }) }
	coming := sorted("start_date", false)
	deleted := with(func(p *repo.Page) { p.Deleted = true })
	after := with(func(p *repo.Page) { p.After = 100_000 })
	now := time.Now()
	return []listing{
		{"customers", customers(repo.CustomerFilter{Page: page})},
		{"customers/after", customers(repo.CustomerFilter{Page: after})},
		{"customers/deleted", customers(repo.CustomerFilter{Page: deleted})},
		{"customers/mine", customers(repo.CustomerFilter{Page: page, SalesID: w.ids["sales1"]})},
		{"customers/by-contact", customers(repo.CustomerFilter{Page: sorted("sales_contact", false)})},
		{"customers/by-created", customers(repo.CustomerFilter{Page: sorted("created_at", true)})},
		{"customers/by-updated", customers(repo.CustomerFilter{Page: sorted("updated_at", true)})},
		{"contracts", contracts(repo.ContractFilter{Page: page})},
		{"contracts/after", contracts(repo.ContractFilter{Page: after})},
		{"contracts/deleted", contracts(repo.ContractFilter{Page: deleted})},
		{"contracts/mine", contracts(repo.ContractFilter{Page: page, Mine: w.ids["sales1"]})},
		{"contracts/theirs", contracts(repo.ContractFilter{Page: page, Mine: w.ids["sales2"]})},
		{"contracts/customer", contracts(repo.ContractFilter{Page: page, CustomerID: 4000})},
		{"contracts/status", contracts(repo.ContractFilter{Page: page, Status: "signed"})},
		{"contracts/unsigned", contracts(repo.ContractFilter{Page: page, Unsigned: true})},
		{"contracts/unpaid", contracts(repo.ContractFilter{Page: page, Unpaid: true})},
		{"contracts/by-total", contracts(repo.ContractFilter{Page: sorted("total_amount", true)})},
		{"events", events(repo.EventFilter{Page: page})},
		{"events/after", events(repo.EventFilter{Page: after})},
		{"events/deleted", events(repo.EventFilter{Page: deleted})},
		{"events/mine", events(repo.EventFilter{Page: page, SupportID: w.ids["support1"]})},
		{"events/theirs", events(repo.EventFilter{Page: page, SupportID: w.ids["support2"]})},
		{"events/no-support", events(repo.EventFilter{Page: page, NoSupport: true})},
		{"events/customer", events(repo.EventFilter{Page: page, CustomerID: 4000})},
		{"events/contract", events(repo.EventFilter{Page: page, ContractID: 4000})},
		{"events/from", events(repo.EventFilter{Page: coming, From: &now})},
		{"events/day", events(repo.EventFilter{Page: coming, From: &now, To: ptr(now.Add(24 * time.Hour))})},
		{"events/by-start", events(repo.EventFilter{Page: sorted("start_date", false)})},
	}
}

// The cost of a list at CRM_BENCH_CUSTOMERS rows a table, with its count, compared with the same in a database that
// keeps statistics: medians, in turns.
func BenchmarkList(b *testing.B) {
	ctx, w, twin := context.Background(), newWorld(b), newWorld(b)
	for _, in := range []*world{w, twin} {
		crowd(b, in, benchCustomers())
	}
	twin.keepStatistics()
	db, with, others := w.as("manage"), twin.as("manage"), listings(twin)
	for i, l := range listings(w) {
		b.Run(l.name, func(b *testing.B) {
			inTurns(b, func() error { return l.ask(ctx, db) }, func() error { return others[i].ask(ctx, with) })
		})
	}
}

// The cost of a search compared with the same in a database that keeps statistics: medians, in turns.
func BenchmarkSearchPlans(b *testing.B) {
	ctx, w, twin := context.Background(), newWorld(b), newWorld(b)
	for _, in := range []*world{w, twin} {
		stock(b, in, benchCustomers())
	}
	twin.keepStatistics()
	for _, needle := range []string{"bo", "wyx", "bouzi", "bouzin b", "xylophon", "nowhere"} {
		p := repo.Page{Search: needle, Limit: 20}
		for name, ask := range map[string]func(*repo.DB) error{
			"customers": func(db *repo.DB) error { return failed(db.Customers(ctx, repo.CustomerFilter{Page: p})) },
			"contracts": func(db *repo.DB) error { return failed(db.Contracts(ctx, repo.ContractFilter{Page: p})) },
			"events":    func(db *repo.DB) error { return failed(db.Events(ctx, repo.EventFilter{Page: p})) },
			"complete":  func(db *repo.DB) error { return failed(db.FindCustomers(ctx, needle, 20)) },
			"find":      func(db *repo.DB) error { return failed(findAll(ctx, db, needle)) },
		} {
			b.Run(name+"/"+needle, func(b *testing.B) {
				inTurns(b, func() error { return ask(w.as("support1")) },
					func() error { return ask(twin.as("support1")) })
			})
		}
	}
}

// keepStatistics lets the planner keep all statistics of the tables again.
func (w *world) keepStatistics() {
	w.set(`do $$ declare a record; begin
		for a in select attrelid::regclass as relation, attname from pg_attribute a join pg_class c on c.oid = attrelid
			where relnamespace = 'crm'::regnamespace and relkind = 'r' and attnum > 0 loop
			execute format('alter table %s alter %I set statistics -1', a.relation, a.attname);
		end loop; end $$`)
	w.set("alter index crm.customer_search alter 1 set statistics -1")
	w.set("alter index crm.event_search alter 1 set statistics -1")
	w.set("analyze")
}

// inTurns reports the median of do, and its ratio to that of twin.
func inTurns(b *testing.B, do, twin func() error) {
	var took, twins []time.Duration
	for b.Loop() {
		took, twins = append(took, timed(b, do)), append(twins, timed(b, twin))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(median(took).Microseconds()), "µs-p50")
	b.ReportMetric(float64(median(took))/float64(median(twins)), "x-statistics")
}
