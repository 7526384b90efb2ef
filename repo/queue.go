package repo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// This file writes records of several users in one transaction, many in a statement.

const (
	mostQueued   = 8000 // the writes that a queue holds, and as many that it is sending
	mostTogether = 1000 // the records in one statement
)

// A Queue collects writes of several users and sends them in the background, each with the token and time of its user.
// Writes of one user that are alike are one statement, in which PostgreSQL judges each row. A write waits for earlier
// ones of the records that it names. An error of one is an error of all. The queue belongs to the transaction of an
// atomic DB; all users must have come from that DB by As, once each. It is not safe for concurrent use.
type Queue struct {
	// AnyOrder lets records be written in another order than they came, so that more of them are alike. Their IDs
	// follow that order.
	AnyOrder bool

	writes        []queued
	written, read map[*int64]int // the last turns that write a record, and that name it in another one
	users         map[*atomic.Int64]int
	last          int
	sending       chan error // nil: nothing is being sent
}

// A queued write adds a record or changes one.
type queued struct {
	by     *DB
	user   int // in the order in which they came
	table  string
	values map[string]any // sealed; an ID that is not known yet is a *int64
	id     *int64
	change string // the columns of an update; empty: an addition
	turn   int    // the writes of a turn name no record of the same turn
}

// Add adds a record of a noun as the user of db. When it is sent, id gets its ID, unless id is nil. A value of c may
// point to the ID of a queued record.
func (q *Queue) Add(ctx context.Context, db *DB, noun string, c Change, id *int64) error {
	return q.queue(ctx, queued{by: db, id: id}, noun, c)
}

// Update changes the live record of a noun with the ID, which may be that of a queued record, as the user of db.
func (q *Queue) Update(ctx context.Context, db *DB, noun string, id *int64, c Change) error {
	return q.queue(ctx, queued{by: db, id: id, change: strings.Join(slices.Sorted(maps.Keys(c)), " ")}, noun, c)
}

// queue seals a write and adds it to the queue, which is sent when it is full.
func (q *Queue) queue(ctx context.Context, w queued, noun string, c Change) error {
	e := storeOf(noun)
	if e == nil {
		return say(ErrInvalid, "there are no records of %s", noun)
	}
	_, w.table = e.nounAndTable()
	w.values = map[string]any{}
	var named []*int64
	for column, v := range c {
		if id, isID := v.(*int64); isID && id != nil {
			w.values[column], named = id, append(named, id)
			continue
		}
		for _, v := range (Change{column: v}).given() {
			if err := e.write(w.by, w.values, column, v); err != nil {
				return err
			}
		}
	}
	q.place(&w, named)
	q.writes = append(q.writes, w)
	if len(q.writes) < mostQueued {
		return nil
	}
	return q.start(ctx)
}

// place sets the turn of a write: after those that add or change the records that it names and, if it changes a record,
// after those that name it.
func (q *Queue) place(w *queued, named []*int64) {
	if q.written == nil {
		q.written, q.read, q.users, q.last = map[*int64]int{}, map[*int64]int{}, map[*atomic.Int64]int{}, 1
	}
	if _, known := q.users[w.by.used]; !known {
		q.users[w.by.used] = len(q.users)
	}
	w.user, w.turn = q.users[w.by.used], 1
	for _, id := range named {
		w.turn = max(w.turn, q.written[id]+1)
	}
	if w.change != "" {
		w.turn = max(w.turn, q.written[w.id]+1, q.read[w.id]+1)
	}
	if !q.AnyOrder {
		w.turn = max(w.turn, q.last)
		q.last = w.turn
	}
	for _, id := range named {
		q.read[id] = max(q.read[id], w.turn)
	}
	if w.id != nil {
		q.written[w.id] = w.turn
	}
}

// Send sends all writes and waits for the answers.
func (q *Queue) Send(ctx context.Context) error {
	if err := q.start(ctx); err != nil {
		return err
	}
	return q.Wait()
}

// Wait waits for the answers to the writes that were sent. Until then the connection is in use.
func (q *Queue) Wait() error {
	if q.sending == nil {
		return nil
	}
	err := <-q.sending
	q.sending = nil
	return err
}

// start begins to send all writes when the ones before are answered.
func (q *Queue) start(ctx context.Context) error {
	if err := q.Wait(); err != nil {
		return err
	}
	writes := q.writes
	q.writes, q.written, q.sending = nil, nil, make(chan error, 1)
	compare := func(a, b queued) int { return cmp.Compare(a.turn, b.turn) }
	if q.AnyOrder {
		compare = queued.compare
	}
	slices.SortStableFunc(writes, compare)
	go func(answer chan<- error) { answer <- sendTurns(ctx, writes) }(q.sending)
	return nil
}

// compare orders writes so that those that are alike follow each other.
func (w queued) compare(v queued) int {
	return cmp.Or(cmp.Compare(w.turn, v.turn), cmp.Compare(w.change, v.change), cmp.Compare(w.table, v.table),
		cmp.Compare(w.user, v.user))
}

// sendTurns sends sorted writes, turn by turn.
func sendTurns(ctx context.Context, writes []queued) error {
	for len(writes) > 0 {
		n := 1
		for n < len(writes) && writes[n].turn == writes[0].turn {
			n++
		}
		if err := sendTogether(ctx, writes[:n]); err != nil {
			return err
		}
		writes = writes[n:]
	}
	return nil
}

// sendTogether sends the writes of a turn with one exchange.
func sendTogether(ctx context.Context, writes []queued) error {
	first, many := writes[0].by, len(writes)
	to, shared, release, err := first.sender(ctx)
	if err != nil {
		return err
	}
	defer release()
	all, moved := &pgx.Batch{}, false
	plan, _, err := inOrder().query.ToSql() // updates look up each record, and do not judge all that the table has
	if err != nil {
		return err
	}
	all.Queue(plan)
	for len(writes) > 0 {
		n := 1
		for n < min(len(writes), mostTogether) && writes[n].compare(writes[0]) == 0 {
			n++
		}
		one, err := statement(ctx, writes[:n], shared, &moved)
		if err != nil {
			return err
		}
		all.QueuedQueries = append(all.QueuedQueries, one.QueuedQueries...)
		writes = writes[n:]
	}
	all.Queue("select set_config('crm.clock', '', true)")
	limited, stop := ctx, func() {}
	if first.link.limit > 0 {
		limited, stop = context.WithTimeout(ctx, first.link.limit+time.Duration(many)*time.Millisecond)
	}
	defer stop()
	out := outcome{err: to.SendBatch(limited, all).Close()}
	out.late, out.by = out.err != nil && limited.Err() != nil && ctx.Err() == nil, first.link.limit
	return out.translated()
}

// statement returns the batch of writes that are alike.
func statement(ctx context.Context, writes []queued, shared bool, moved *bool) (*pgx.Batch, error) {
	by := *writes[0].by
	by.clock = time.Time{} // each row has its own
	token, err := by.sign(ctx)
	if err != nil {
		return nil, err
	}
	rows, clocks := make([]string, len(writes)), make([]string, len(writes))
	for i, w := range writes {
		if !w.by.clock.IsZero() {
			clocks[i] = w.by.clock.Format(time.RFC3339Nano)
		}
		for column, v := range w.values {
			if id, isID := v.(*int64); isID {
				w.values[column] = *id
			}
		}
		text, err := json.Marshal(asJSON(w.values))
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrInternal, err)
		}
		rows[i] = string(text)
	}
	all := adding(writes, rows, clocks)
	if writes[0].change != "" {
		all = updating(writes, rows, clocks)
	}
	b, err := compile([]step{all})
	if err != nil {
		return nil, err
	}
	return by.queue(b, token, by.tx.request, false, shared, moved), nil
}

// adding returns the step that adds records, and sets their IDs when they are known.
func adding(writes []queued, rows, clocks []string) step {
	query := squirrel.Expr("select add_many($1::regclass, $2, $3)::text", writes[0].table,
		"["+strings.Join(rows, ",")+"]", clocks)
	return step{query, func(answer pgx.Rows) error {
		text, err := pgx.CollectRows(answer, pgx.RowTo[string])
		if err != nil {
			return err
		}
		new, err := added(text, len(writes))
		for _, refused := range new.Refused {
			err = errors.Join(err, refused)
		}
		for i, w := range writes {
			if w.id != nil {
				*w.id = new.IDs[i]
			}
		}
		return err
	}}
}

// updating returns the step that changes records in the same columns, each at its time: a condition sets crm.clock when
// a row is found, immediately before it is written.
func updating(writes []queued, rows, clocks []string) step {
	ids := make([]int64, len(writes))
	changes, times := map[int64]json.RawMessage{}, map[int64]string{}
	for i, w := range writes {
		ids[i], changes[*w.id], times[*w.id] = *w.id, json.RawMessage(rows[i]), clocks[i]
	}
	columns := slices.Sorted(maps.Keys(writes[0].values))
	query := squirrel.Expr(fmt.Sprintf(`update %[1]s t set (%[2]s) = (select r.%[3]s
			from jsonb_populate_record(null::%[1]s, $1::jsonb->t.id::text) r)
		where t.id = any ($2::bigint[]) and t.deleted_at is null
			and set_config('crm.clock', $3::jsonb->>t.id::text, true) is not null`,
		writes[0].table, strings.Join(columns, ", "), strings.Join(columns, ", r.")), changes, ids, times)
	return step{query, func(answer pgx.Rows) error {
		answer.Close()
		if err := answer.Err(); err != nil || answer.CommandTag().RowsAffected() == int64(len(writes)) {
			return err
		}
		return ErrDenied
	}}
}
