package repo_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

// A sized is one command's queries and their twin: what the superuser asks of the plain tables for the same rows, in one
// exchange, with statistics of what they hold but without token, views and policies.
type sized struct {
	name string
	ask  func(context.Context, *repo.DB) error
	twin []string
}

// grow fills the tables with n customers, as many contracts and half as many events in the states of a company, as many
// entries of the trail as there are customers, and a due note for one in a hundred.
func grow(b *testing.B, w *world, n int) {
	ctx := context.Background()
	fill(b, w, n, true)
	conn := ok[*pgx.Conn](b)(pgx.ConnectConfig(ctx, w.owner.Config().ConnConfig))
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "set session_replication_role = replica"); err != nil {
		b.Fatal(err)
	}
	text, tokens, err := w.vault.Seal("note.text", "call them before the season begins")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := conn.Exec(ctx, `insert into note (customer_id, text, text_tokens, author_id, due)
		select i * 100, $1, $2, $3, current_date - 500 + i % 1000 from generate_series(1, $4::integer) i`,
		text, tokens, w.ids["manage"], n/100); err != nil {
		b.Fatal(err)
	}
	for _, sql := range []string{
		"vacuum (freeze, analyze) note",
		fmt.Sprintf(`insert into audit (at, collaborator_id, entity, entity_id, action, after)
			select now() - (%d - i) * interval '1 minute', case when i %% 100 = 0 then %d else %d end,
				(array['customer', 'contract', 'event'])[1 + i %% 3], i, case when i %% 2 = 0 then 'add' else 'update' end,
				'{"language": "fr"}'
			from generate_series(1, %d) i`, n, w.ids["sales1"], w.ids["manage"], n),
		"vacuum (freeze, analyze) audit",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			b.Fatalf("%s: %v", sql, err)
		}
	}
}

// listTwins returns the twin of a list: a page of its table and the count of up to 10,000 rows.
func listTwins(table, where, order string) []string {
	if where != "" {
		where = " and " + where
	}
	where = " where deleted_at is null" + where
	if strings.Contains(where, "deleted_at is not null") {
		where = " where deleted_at is not null"
	}
	return []string{
		"select * from " + table + where + " order by " + order + " limit 50",
		"select count(*) from (select from " + table + where + " limit 10001) rows",
	}
}

// plainLists are the twins of [listings], in their order: table, condition and order.
func plainLists(w *world) [][3]string {
	sales, support := fmt.Sprint(w.ids["sales1"]), fmt.Sprint(w.ids["support1"])
	return [][3]string{
		{"customer", "", "id"},
		{"customer", "id > 100000", "id"},
		{"customer", "deleted_at is not null", "id"},
		{"customer", "sales_id = " + sales, "id"},
		{"customer", "", "sales_id, id"},
		{"customer", "", "created_at desc, id desc"},
		{"customer", "", "updated_at desc, id desc"},
		{"contract", "", "id"},
		{"contract", "id > 100000", "id"},
		{"contract", "deleted_at is not null", "id"},
		{"contract", "sales_id = " + sales, "id"},
		{"contract", fmt.Sprint("sales_id = ", w.ids["sales2"]), "id"},
		{"contract", "customer_id = 4000", "id"},
		{"contract", "status = 'signed'", "id"},
		{"contract", "status in ('to_send', 'pending')", "id"},
		{"contract", "remaining_amount > 0", "id"},
		{"contract", "", "total_amount desc, id desc"},
		{"event", "", "id"},
		{"event", "id > 100000", "id"},
		{"event", "deleted_at is not null", "id"},
		{"event", "support_id = " + support, "id"},
		{"event", fmt.Sprint("support_id = ", w.ids["support2"]), "id"},
		{"event", "support_id is null", "id"},
		{"event", "contract_id in (select id from contract where customer_id = 4000)", "id"},
		{"event", "contract_id = 4000", "id"},
		{"event", "end_date > now()", "start_date, id"},
		{"event", "end_date > now() and start_date < now() + interval '1 day'", "start_date, id"},
		{"event", "", "start_date, id"},
	}
}

// sizedWork is what is measured at each size: every list with each filter and order, the queries of inbox, the trail,
// single records, completion, searches of a frequent, a rare and two frequent words, and find.
func sizedWork(w *world, n int) []sized {
	var work []sized
	plain := plainLists(w)
	for i, l := range listings(w) {
		work = append(work, sized{"list/" + l.name, l.ask, listTwins(plain[i][0], plain[i][1], plain[i][2])})
	}
	now, today := time.Now(), time.Now()
	first := func(by string) repo.Page { return repo.Page{Limit: 10, Sort: by, Count: true} }
	contracts := func(f repo.ContractFilter) func(context.Context, *repo.DB) error {
		return func(ctx context.Context, db *repo.DB) error { return failed(db.Contracts(ctx, f)) }
	}
	events := func(f repo.EventFilter) func(context.Context, *repo.DB) error {
		return func(ctx context.Context, db *repo.DB) error { return failed(db.Events(ctx, f)) }
	}
	work = append(work,
		sized{"inbox/notes", func(ctx context.Context, db *repo.DB) error {
			return failed(db.Notes(ctx, repo.NoteFilter{Page: first("due"), AuthorID: w.ids["manage"], Due: &today}))
		}, listTwins("note", fmt.Sprint("author_id = ", w.ids["manage"]), "due, id")},
		sized{
			"inbox/coming", events(repo.EventFilter{Page: first("start_date"), SupportID: w.ids["support1"], From: &now}),
			listTwins("event", fmt.Sprint("end_date > now() and support_id = ", w.ids["support1"]), "start_date, id"),
		},
		sized{
			"inbox/unassigned", events(repo.EventFilter{Page: first("start_date"), NoSupport: true, From: &now}),
			listTwins("event", "end_date > now() and support_id is null", "start_date, id"),
		},
		sized{
			"inbox/unpaid", contracts(repo.ContractFilter{Page: first("signed_at"), Status: "signed", Unpaid: true}),
			listTwins("contract", "status = 'signed' and remaining_amount > 0", "signed_at, id"),
		},
		sized{
			"inbox/unsigned", contracts(repo.ContractFilter{Page: first("id"), Unsigned: true}),
			listTwins("contract", "status in ('to_send', 'pending')", "id"),
		},
	)
	work = append(work, sizedTrail(w)...)
	return append(work, sizedRecords(n)...)
}

func sizedTrail(w *world) (work []sized) {
	hour := time.Now().Add(-time.Hour)
	latest := repo.Page{Limit: 50, Sort: "id", Desc: true, Count: true}
	for _, a := range []struct {
		name, where string
		filter      repo.AuditFilter
	}{
		{"all", "true", repo.AuditFilter{Page: latest}},
		{"user", fmt.Sprint("collaborator_id = ", w.ids["sales1"]), repo.AuditFilter{Page: latest, UserID: w.ids["sales1"]}},
		{"entity", "entity = 'event'", repo.AuditFilter{Page: latest, Entity: "event"}},
		{
			"record", "entity = 'event' and entity_id = 5000",
			repo.AuditFilter{Page: latest, Entity: "event", EntityID: 5000},
		},
		{"action", "action = 'update'", repo.AuditFilter{Page: latest, Action: "update"}},
		{"since", "at >= now() - interval '1 hour'", repo.AuditFilter{Page: latest, Since: &hour}},
	} {
		work = append(work, sized{"audit/" + a.name, func(ctx context.Context, db *repo.DB) error {
			return failed(db.Audits(ctx, a.filter))
		}, []string{
			"select * from audit where " + a.where + " order by id desc limit 50",
			"select count(*) from (select from audit where " + a.where + " limit 10001) rows",
		}})
	}
	return work
}

// sizedRecords are reads of random single records, and searches.
func sizedRecords(n int) []sized {
	r := rand.New(rand.NewPCG(1, 2))
	id := func(n int) int64 { return r.Int64N(int64(n-1)) + 1 }
	known := func(err error) error { // some are deleted
		if errors.Is(err, repo.ErrNotFound) {
			return nil
		}
		return err
	}
	work := []sized{
		{"get/customer", func(ctx context.Context, db *repo.DB) error {
			return known(failed(db.Customer(ctx, id(n))))
		}, []string{"select * from customer where id = 4000"}},
		{"get/contract", func(ctx context.Context, db *repo.DB) error {
			return known(failed(db.Contract(ctx, id(n))))
		}, []string{"select * from contract where id = 4000"}},
		{"get/event", func(ctx context.Context, db *repo.DB) error {
			return known(failed(db.Event(ctx, id(n/2))))
		}, []string{"select * from event where id = 4000"}},
	}
	page := func(needle string) repo.Page { return repo.Page{Search: needle, Limit: 20} }
	for _, needle := range []string{"bou", "bouzin b", "xylophon", "wy", "nowhere"} {
		for _, s := range []struct {
			name, table string
			ask         func(context.Context, *repo.DB) error
		}{
			{"search/customers", "customer", func(ctx context.Context, db *repo.DB) error {
				return failed(db.Customers(ctx, repo.CustomerFilter{Page: page(needle)}))
			}},
			{"search/contracts", "contract", func(ctx context.Context, db *repo.DB) error {
				return failed(db.Contracts(ctx, repo.ContractFilter{Page: page(needle)}))
			}},
			{"search/events", "event", func(ctx context.Context, db *repo.DB) error {
				return failed(db.Events(ctx, repo.EventFilter{Page: page(needle)}))
			}},
			{"complete/customer", "customer", func(ctx context.Context, db *repo.DB) error {
				return failed(db.FindCustomers(ctx, needle, 20))
			}},
			{"find", "customer", func(ctx context.Context, db *repo.DB) error {
				return failed(db.Find(ctx, needle, 20))
			}},
		} {
			work = append(work, sized{
				s.name + "/" + needle, s.ask,
				[]string{"select * from " + s.table + " where id % 10 = 1 order by id limit 20"},
			})
		}
	}
	return work
}

// BenchmarkSize measures reads among CRM_BENCH_CUSTOMERS customers, as many contracts and entries of the trail, and half
// as many events: p50 and p99 of each and of its twin, in turns. Run it with -benchtime 100x or more.
func BenchmarkSize(b *testing.B) {
	ctx, w, n := context.Background(), newWorld(b), benchCustomers()
	grow(b, w, n)
	db := w.as("admin")
	for _, s := range sizedWork(w, n) {
		b.Run(s.name, func(b *testing.B) {
			twin := func() error {
				batch := &pgx.Batch{}
				for _, sql := range s.twin {
					batch.Queue(sql)
				}
				return w.owner.SendBatch(ctx, batch).Close()
			}
			var took, raw []time.Duration
			for b.Loop() {
				took = append(took, timed(b, func() error { return s.ask(ctx, db) }))
				raw = append(raw, timed(b, twin))
			}
			slices.Sort(took)
			slices.Sort(raw)
			ms := func(all []time.Duration, percent int) float64 {
				return float64(all[len(all)*percent/100].Microseconds()) / 1000
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(ms(took, 50), "ms-p50")
			b.ReportMetric(ms(took, 99), "ms-p99")
			b.ReportMetric(ms(raw, 50), "ms-raw-p50")
			b.ReportMetric(ms(raw, 99), "ms-raw-p99")
			b.ReportMetric(float64(median(took))/float64(median(raw)), "x-raw")
		})
	}
}
