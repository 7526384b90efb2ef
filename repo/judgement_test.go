package repo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The judgement that rows of a statement share is of no use to others, in other statements or if it is changed, and a
// row that comes after the end of its session is refused within one statement too.
func TestKeptJudgement(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	tx := ok[pgx.Tx](t)(w.pool.Begin(ctx))
	defer func() { _ = tx.Rollback(ctx) }()
	const slot = "crm.judged.customer.add"
	judged := func(sql string, args ...any) (id, reach *int64) {
		t.Helper()
		if err := tx.QueryRow(ctx, sql, args...).Scan(&id, &reach); err != nil {
			t.Fatal(err)
		}
		return id, reach
	}
	set := func(name, value string) {
		t.Helper()
		if _, err := tx.Exec(ctx, "select set_config($1, $2, true)", name, value); err != nil {
			t.Fatal(err)
		}
	}
	const again = "select (rejudged('customer.add')).id, (rejudged('customer.add')).reach"
	kept := func(person string) (value string) {
		t.Helper()
		set("crm.token", w.token(person))
		judged(again)
		if err := tx.QueryRow(ctx, "select current_setting($1)", slot).Scan(&value); err != nil {
			t.Fatal(err)
		}
		return value
	}
	sales, admin := kept("sales1"), kept("admin")
	if len(sales) < 81 || len(admin) < 81 {
		t.Fatalf("kept %q and %q", sales, admin)
	}
	forged := fmt.Sprintf("(%d,admin,1,f,0)", w.ids["admin"])
	for _, value := range []string{
		admin, sales, admin[:80] + sales[80:], sales[:80] + admin[80:], admin[:80] + forged,
		strings.Repeat("0", 80) + forged, "", forged, admin + "\n" + forged,
	} {
		for _, token := range []string{w.token("support1"), "", "a.b.c"} {
			set("crm.token", token)
			// As if it had been kept in this very statement.
			id, reach := judged(`select (rejudged('customer.add')).id, (rejudged('customer.add')).reach
				from (select set_config($1, encode(timestamptz_send(statement_timestamp()), 'hex') || $2, true)
				offset 0) kept`, slot, value[min(len(value), 16):])
			if token == "" || token == "a.b.c" {
				if id != nil || reach != nil {
					t.Errorf("%q makes a stranger %d", value, *id)
				}
			} else if id == nil || *id != w.ids["support1"] || reach != nil {
				t.Errorf("%q makes support %v, %v", value, id, reach)
			}
		}
	}
	set("crm.token", "")
	// In one statement: the judgement of one token, then the other token.
	id, _ := judged(`select (select (rejudged('customer.add')).id where set_config('crm.token', $2, true) = $2
			and (select (rejudged('customer.add')).id + (rejudged('customer.add')).id + (rejudged('customer.add')).id
				where set_config('crm.token', $1, true) = $1) is not null),
		null::bigint`, w.token("admin"), w.token("sales1"))
	if id == nil || *id != w.ids["sales1"] {
		t.Errorf("the second token is %v", id)
	}
	w.rowsAfterTheEnd(t)
}

// rowsAfterTheEnd adds customers in one statement of the client whose session ends in between.
func (w *world) rowsAfterTheEnd(t *testing.T) {
	t.Helper()
	before := w.checksums()
	add := fmt.Sprintf("insert into customer (company_name, full_name) select %[1]s, %[1]s from generate_series(1, 2)",
		w.forgedSQL())
	_, err := w.inTx(w.token("sales1"), func(tx pgx.Tx) (int64, error) {
		tag, err := tx.Exec(t.Context(), "do $$ begin "+add+"; perform sign_out(); "+add+"; end $$")
		return tag.RowsAffected(), err
	})
	if code := sqlstate(err); code != "28000" && code != "42501" {
		t.Errorf("rows after the end of the session: %v", err)
	}
	if w.checksums() != before {
		t.Error("rows were added")
	}
}

// The end of a session by another transaction counts for the next row, also within one message to the server.
func TestKeptJudgementEndsWithTheSession(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	k := w.contract(w.customer("sales1").ID, 5000, "signed").ID
	tx := ok[pgx.Tx](t)(w.pool.Begin(ctx))
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, "select set_config('crm.token', $1, true)", w.token("sales1")); err != nil {
		t.Fatal(err)
	}
	// The message waits between its two statements until another transaction has ended the session.
	const lock = 424242
	owner := ok[*pgxpool.Conn](t)(w.owner.Acquire(ctx))
	defer owner.Release()
	hold := func(sql string) {
		t.Helper()
		if _, err := owner.Exec(ctx, fmt.Sprintf(sql, lock)); err != nil {
			t.Fatal(err)
		}
	}
	hold("select pg_advisory_lock(%d)")
	answers := make(chan []string, 1)
	go func() {
		var all []string
		results, err := tx.Conn().PgConn().Exec(ctx, fmt.Sprintf(`select payable(%[1]d), payable(%[1]d);
			select pg_advisory_xact_lock(%[2]d); select payable(%[1]d)`, k, lock)).ReadAll()
		for _, r := range results {
			for _, row := range r.Rows {
				for _, v := range row {
					all = append(all, string(v))
				}
			}
		}
		answers <- append(all, fmt.Sprint(err))
	}()
	for read[int](w, "select count(*) from pg_locks where not granted") == 0 {
		// the message has not reached the lock yet
	}
	w.set("insert into session_end select id from session where collaborator_id = $1", w.ids["sales1"])
	hold("select pg_advisory_unlock(%d)")
	if got := fmt.Sprint(<-answers); got != "[t t  f <nil>]" {
		t.Errorf("before and after the end of the session: %s", got)
	}
}
