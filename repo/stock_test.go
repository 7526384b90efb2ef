package repo_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/security"
)

// stock fills the tables with n customers of a few thousand different names, a contract for each and an event for every
// second one, as the superuser and without triggers.
func stock(b testing.TB, w *world, n int) { fill(b, w, n, false) }

// fill is stock. With worked, the records have the states of a company: few contracts are open, few records are deleted,
// few events need support. It makes the indexes behind the rows, which ten million customers need.
func fill(b testing.TB, w *world, n int, worked bool) {
	ctx := context.Background()
	keyring := newKeyring(b)
	w.openWith(vault{keyring})
	conn := ok[*pgx.Conn](b)(pgx.ConnectConfig(ctx, w.owner.Config().ConnConfig))
	defer conn.Close(ctx)
	run := func(statements ...string) {
		for _, sql := range statements {
			if _, err := conn.Exec(ctx, sql); err != nil {
				b.Fatalf("%s: %v", sql, err)
			}
		}
	}
	const theirs = `from pg_index where indrelid = any ('{crm.customer,crm.contract,crm.event}'::regclass[])
		and not indisprimary`
	create := read[string](w, "select string_agg(pg_get_indexdef(indexrelid), ';' order by indexrelid) "+theirs)
	run("set search_path = crm", "set session_replication_role = replica",
		fmt.Sprintf("set maintenance_work_mem = '%dMB'", min(max(256, n/2500), 4096)),
		read[string](w, "select 'drop index ' || string_agg(indexrelid::regclass::text, ', ') "+theirs))
	stockCustomers(b, w, conn, keyring, n, worked)
	states := "null, id % 10000, 0, 'signed', now(), null from customer order by id"
	if worked {
		states = fmt.Sprintf(`case when id %% 100 = 0 then %d else %d end, id %% 10000,
			case when id %% 20 = 2 then id %% 10000 else 0 end,
			case id %% 1000 when 0 then 'to_send' when 1 then 'pending' else 'signed' end,
			case when id %% 1000 > 1 then now() - id %% 1000 * interval '1 day' end,
			case when id %% 50 = 7 then now() end from customer order by id`, w.ids["sales1"], w.ids["sales2"])
	}
	run("insert into contract (customer_id, sales_id, total_amount, remaining_amount, status, signed_at, deleted_at) " +
		"select id, " + states)
	stockEvents(b, w, conn, keyring, n/2, worked)
	run(create, "vacuum (freeze, analyze) customer", "vacuum (freeze, analyze) contract",
		"vacuum (freeze, analyze) event")
}

// stockWord is one of 8,000 words of three syllables.
func stockWord(i int) string {
	syllables := []string{
		"ba", "ron", "mi", "chel", "tou", "le", "gar", "nier", "pa", "vi", "dor", "sen", "ka", "zel", "quin", "lo",
		"fre", "mont", "bel", "ri",
	}
	return syllables[i%20] + syllables[i/20%20] + syllables[i/400%20]
}

// copyRows copies the rows 0 to n-1, which two goroutines make in chunks.
func copyRows(
	b testing.TB, conn *pgx.Conn, table string, columns []string, n int, row func(i int) ([]any, error),
) {
	const size = 1000
	type chunk struct {
		rows [][]any
		err  error
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	chunks := make(chan chan chunk, 1) // one waits, one is copied from, so at most three are being made
	go func() {
		defer close(chunks)
		for start := 0; start < n; start += size {
			made := make(chan chunk, 1)
			go func() {
				var c chunk
				for i := start; i < min(start+size, n) && c.err == nil; i++ {
					var one []any
					one, c.err = row(i)
					c.rows = append(c.rows, one)
				}
				made <- c
			}()
			select {
			case chunks <- made:
			case <-ctx.Done():
				return
			}
		}
	}()
	var now chunk
	next := func() ([]any, error) {
		for len(now.rows) == 0 {
			made, more := <-chunks
			if !more {
				return nil, nil
			}
			if now = <-made; now.err != nil {
				return nil, now.err
			}
		}
		one := now.rows[0]
		now.rows = now.rows[1:]
		return one, nil
	}
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"crm", table}, columns, pgx.CopyFromFunc(next)); err != nil {
		b.Fatal(err)
	}
}

// stockCustomers copies n sealed customers; those that worked have contacts, times and deletions.
func stockCustomers(b testing.TB, w *world, conn *pgx.Conn, keyring *security.Keyring, n int, worked bool) {
	names := []string{"company_name", "full_name", "email", "phone"}
	columns := slices.Clone(names)
	for _, c := range names {
		columns = append(columns, c+"_tokens")
	}
	columns = append(columns, "sales_id", "deleted_at", "created_at", "updated_at")
	word, now := stockWord, time.Now()
	copyRows(b, conn, "customer", columns, n, func(i int) ([]any, error) {
		company, name := word(i*7919)+" "+word(i*104729+i/8000), word(i*31)+" "+word(i*1299709+i/400)
		if i%10 == 0 {
			company = "Bouzin " + company // a tenth of the table
		}
		if i == n-2 {
			company = "Xylophone Wyxz"
		}
		texts := []string{
			company, name, fmt.Sprintf("c%d@%s.example", i, word(i*17)), fmt.Sprintf("+336%08d", i*37%100_000_000),
		}
		values := make([]any, 8, 12)
		for c, text := range texts {
			var err error
			if values[c], values[4+c], err = keyring.Seal("customer."+names[c], text); err != nil {
				return nil, err
			}
		}
		if !worked {
			return append(values, nil, nil, now, now), nil
		}
		id := i + 1
		return append(values, w.share(id, "sales"), deleted(id, now),
			now.Add(-time.Duration(id)*time.Minute), now.Add(-time.Duration(id)*time.Second)), nil
	})
}

// stockEvents copies n events of every second contract; those that worked have supporters, times and deletions.
func stockEvents(b testing.TB, w *world, conn *pgx.Conn, keyring *security.Keyring, n int, worked bool) {
	columns := []string{
		"contract_id", "name", "location", "name_tokens", "location_tokens", "start_date", "end_date", "support_id",
		"deleted_at",
	}
	word, now := stockWord, time.Now()
	copyRows(b, conn, "event", columns, n, func(i int) ([]any, error) {
		name, location := word(i*13)+" "+word(i*3571), word(i*57)
		if i%10 == 0 {
			name = "Bouzin " + name
		}
		values := []any{int64(2*i + 1), name, location, keyring.PlainTokens(name), keyring.PlainTokens(location)}
		if !worked {
			return append(values, now, nil, nil, nil), nil
		}
		id := i + 1
		start := now.Add(time.Duration(float64(id)-0.9*float64(n)) * 10 * time.Minute)
		support := w.share(id-1, "support")
		if id%1000 == 0 {
			support = nil
		}
		return append(values, start, start.Add(5*time.Hour), support, deleted(id, now)), nil
	})
}

// share returns the first collaborator with the role for one record in a hundred, the second for the others.
func (w *world) share(id int, role string) any {
	if id%100 == 0 {
		return w.ids[role+"1"]
	}
	return w.ids[role+"2"]
}

// deleted returns a time of deletion for one record in fifty.
func deleted(id int, now time.Time) any {
	if id%50 == 7 {
		return now
	}
	return nil
}
