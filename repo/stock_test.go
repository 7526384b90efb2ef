package repo_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// stock fills the tables with n customers of a few thousand different names, a contract for each and an event for every
// second one, as the superuser and without triggers.
func stock(b testing.TB, w *world, n int) {
	ctx := context.Background()
	keyring := newKeyring(b)
	w.openWith(vault{keyring})
	conn := ok[*pgx.Conn](b)(pgx.ConnectConfig(ctx, w.owner.Config().ConnConfig))
	defer conn.Close(ctx)
	index := read[string](w, "select pg_get_indexdef('crm.customer_search'::regclass)")
	if _, err := conn.Exec(ctx,
		"set session_replication_role = replica; set maintenance_work_mem = '256MB'; drop index "+
			"crm.customer_search"); err != nil {
		b.Fatal(err)
	}
	names := []string{"company_name", "full_name", "email", "phone"}
	columns := slices.Clone(names)
	for _, c := range names {
		columns = append(columns, c+"_tokens")
	}
	syllables := []string{
		"ba", "ron", "mi", "chel", "tou", "le", "gar", "nier", "pa", "vi", "dor", "sen", "ka", "zel", "quin", "lo",
		"fre", "mont", "bel", "ri",
	}
	word := func(i int) string { return syllables[i%20] + syllables[i/20%20] + syllables[i/400%20] }
	row := func(i int) ([]any, error) {
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
	if _, err := conn.Exec(ctx, "set search_path = crm; "+index); err != nil {
		b.Fatal(err)
	}
	if _, err := conn.Exec(ctx, `insert into contract (customer_id, sales_id, total_amount, remaining_amount, status,
		signed_at)
		select id, null, id % 10000, 0, 'signed', now() from customer`); err != nil {
		b.Fatal(err)
	}
	event := func(i int) ([]any, error) {
		name, location := word(i*13)+" "+word(i*3571), word(i*57)
		if i%10 == 0 {
			name = "Bouzin " + name
		}
		return []any{
			int64(2*i + 1), name, location, keyring.PlainTokens(name), keyring.PlainTokens(location), time.Now(),
		}, nil
	}
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"crm", "event"},
		[]string{"contract_id", "name", "location", "name_tokens", "location_tokens", "start_date"},
		pgx.CopyFromSlice(n/2, event)); err != nil {
		b.Fatal(err)
	}
	for _, table := range []string{"customer", "contract", "event"} {
		if _, err := conn.Exec(ctx, "vacuum analyze crm."+table); err != nil {
			b.Fatal(err)
		}
	}
}
