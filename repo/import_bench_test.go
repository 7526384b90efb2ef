package repo_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/repo"
)

// company returns the texts of the i-th fictional customer.
func company(i int) map[string]any {
	return map[string]any{
		"company_name": fmt.Sprintf("Maison %c%c%d SARL", 'A'+i%26, 'a'+i/26%26, i),
		"full_name":    fmt.Sprintf("Jean Martin %d", i),
		"email":        fmt.Sprintf("jean.martin%d@maison%d.example", i, i), "phone": fmt.Sprintf("+336%08d", i),
	}
}

// importCustomers adds customers in one transaction, as an import does: it seals the next 1,000 while the database adds
// those before.
func importCustomers(ctx context.Context, db *repo.DB, records []repo.Change) error {
	to, commit, rollback, err := db.Import(ctx, "customer")
	if err != nil {
		return err
	}
	adding := make(chan error, 1)
	adding <- nil
	for batch := range slices.Chunk(records, 1000) {
		sealed, err := to.Addition("customer", batch)
		if err = errors.Join(<-adding, err); err != nil {
			return errors.Join(err, rollback(ctx))
		}
		go func() {
			added, err := to.AddMany(ctx, sealed)
			if err == nil && len(added.Refused) > 0 {
				err = fmt.Errorf("%d customers are refused", len(added.Refused))
			}
			adding <- err
		}()
	}
	if err = errors.Join(<-adding, to.EndImport(ctx)); err != nil {
		return errors.Join(err, rollback(ctx))
	}
	return commit(ctx)
}

// plainTwin is a table with the columns and indexes of customer and with a trigger that writes an entry of a trail for
// each row. Its search index has no pending list, as that of customer has none after a statement.
const plainTwin = `create table plain (like crm.customer including all);
	do $$ declare i regclass; begin
		for i in select x.indexrelid from pg_index x join pg_class c on c.oid = x.indexrelid
			join pg_am m on m.oid = c.relam where x.indrelid = 'plain'::regclass and m.amname = 'gin' loop
			execute format('alter index %s set (fastupdate = off)', i);
		end loop;
	end $$;
	create table plain_audit (id bigint generated always as identity primary key, at timestamptz default now(),
		entity text, entity_id bigint, after jsonb);
	create index on plain_audit (entity, entity_id, id);
	create function plain_trail() returns trigger language plpgsql as $$ begin
		insert into plain_audit (entity, entity_id, after) values (tg_table_name, new.id, to_jsonb(new));
		return null; end $$;
	create trigger plain_trail after insert on plain for each row execute function plain_trail()`

var storedColumns = []string{
	"company_name", "full_name", "email", "phone", "company_name_tokens", "full_name_tokens", "email_tokens",
	"phone_tokens",
}

// stored returns the last customers, sealed, with their tokens.
func (w *world) stored(t testing.TB, n int) [][]any {
	t.Helper()
	rows, err := w.owner.Query(context.Background(), "select "+strings.Join(storedColumns, ", ")+
		" from crm.customer order by id desc limit $1", n)
	if err != nil {
		t.Fatal(err)
	}
	return ok[[][]any](t)(pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]any, error) { return row.Values() }))
}

// BenchmarkImport adds 5,000 customers, as an import does, and in turns copies the same texts and tokens, sealed already,
// into plainTwin. x-copy is the ratio of their speeds.
func BenchmarkImport(b *testing.B) {
	const rows = 5000
	w, ctx := newWorld(b), context.Background()
	db := w.as("sales1")
	w.set(plainTwin)
	next := 0
	var ours, copied []time.Duration
	for b.Loop() {
		records := make([]repo.Change, rows)
		for i := range records {
			records[i] = company(next)
			next++
		}
		ours = append(ours, timed(b, func() error { return importCustomers(ctx, db, records) }))
		texts := w.stored(b, rows)
		copied = append(copied, timed(b, func() error {
			_, err := w.owner.CopyFrom(ctx, pgx.Identifier{"plain"}, storedColumns, pgx.CopyFromRows(texts))
			return err
		}))
	}
	o, c := median(ours), median(copied)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rows/o.Seconds(), "rows/s")
	b.ReportMetric(rows/c.Seconds(), "rows/s-copied")
	b.ReportMetric(float64(c)/float64(o), "x-copy")
}

// BenchmarkExport reads 20,000 customers in pages of 1,000, decrypted, as an export does, and in turns copies the same
// sealed rows out of the table with COPY. x-copy is the ratio of their speeds.
func BenchmarkExport(b *testing.B) {
	const rows, page = 20_000, 1000
	w, ctx := newWorld(b), context.Background()
	stock(b, w, rows)
	db := w.as("sales1")
	owner := ok[*pgxpool.Conn](b)(w.owner.Acquire(ctx))
	defer owner.Release()
	const plain = "copy (select id, company_name, full_name, email, phone, sales_id, created_at, updated_at " +
		"from crm.customer order by id) to stdout"
	var ours, copied []time.Duration
	for b.Loop() {
		ours = append(ours, timed(b, func() error { return readCustomers(ctx, db, page, rows) }))
		copied = append(copied, timed(b, func() error {
			_, err := owner.Conn().PgConn().CopyTo(ctx, io.Discard, plain)
			return err
		}))
	}
	o, c := median(ours), median(copied)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rows/o.Seconds(), "rows/s")
	b.ReportMetric(rows/c.Seconds(), "rows/s-copied")
	b.ReportMetric(float64(c)/float64(o), "x-copy")
}

// readCustomers reads all customers page by page, and returns an error if there are fewer than want.
func readCustomers(ctx context.Context, db *repo.DB, page, want int) error {
	read := 0
	p := repo.Page{Limit: page}
	for {
		found, err := db.Customers(ctx, repo.CustomerFilter{Page: p})
		if err != nil {
			return err
		}
		if len(found.Rows) <= page {
			if read += len(found.Rows); read < want {
				return fmt.Errorf("%d customers were read, want %d", read, want)
			}
			return nil
		}
		read += page
		p.After = found.Rows[page-1].ID
	}
}
