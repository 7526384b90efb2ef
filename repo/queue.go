package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// This file writes records of several users in one transaction without waiting for each answer.

// mostQueued is the maximum number of writes that a queue sends together.
const mostQueued = 500

// A Queue collects writes and sends them together, in their order, each with the token and time of its user. An error
// of one is an error of all. It belongs to the transaction of an atomic DB; all users must have come from that DB.
type Queue struct {
	writes []queued
	unset  map[*int64]bool // the IDs of records that are not sent yet
}

// A queued write is a batch of one user.
type queued struct {
	by *DB
	bundle
}

// Add adds a record of a noun as the user of db. When it is sent, id gets its ID, unless id is nil. A value of c that
// points to the ID of a queued record sends the queue first.
func (q *Queue) Add(ctx context.Context, db *DB, noun string, c Change, id *int64) error {
	table, values, err := q.values(ctx, db, noun, c)
	if err != nil {
		return err
	}
	steps := []step{{query: sq().Insert(table).SetMap(values)}}
	if id != nil {
		if q.unset == nil {
			q.unset = map[*int64]bool{}
		}
		q.unset[id] = true
		last := built{"select currval(pg_get_serial_sequence($1, 'id'))", []any{table}}
		steps = append(steps, step{last, func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{id}, func() error { return nil })
			return err
		}})
	}
	return q.queue(ctx, db, steps)
}

// Update changes the live record of a noun with the ID as the user of db. If that is the ID of a queued record, the
// queue is sent first.
func (q *Queue) Update(ctx context.Context, db *DB, noun string, id *int64, c Change) error {
	if q.unset[id] {
		if err := q.Send(ctx); err != nil {
			return err
		}
	}
	table, values, err := q.values(ctx, db, noun, c)
	if err != nil {
		return err
	}
	update := sq().Update(table).SetMap(values).Where(squirrel.Eq{"id": *id, "deleted_at": nil})
	return q.queue(ctx, db, []step{{update, func(rows pgx.Rows) error {
		rows.Close()
		if err := rows.Err(); err != nil || rows.CommandTag().RowsAffected() > 0 {
			return err
		}
		return ErrDenied
	}}})
}

// values returns the table of a noun and the columns to write. It sends the queue if they name a record in it.
func (q *Queue) values(ctx context.Context, db *DB, noun string, c Change) (string, map[string]any, error) {
	for _, v := range c {
		if id, isID := v.(*int64); isID && q.unset[id] {
			if err := q.Send(ctx); err != nil {
				return "", nil, err
			}
		}
	}
	e, values := storeOf(noun), map[string]any{}
	if e == nil {
		return "", nil, say(ErrInvalid, "there are no records of %s", noun)
	}
	for column, v := range c.given() {
		if err := e.write(db, values, column, v); err != nil {
			return "", nil, err
		}
	}
	_, table := e.nounAndTable()
	return table, values, nil
}

func (q *Queue) queue(ctx context.Context, db *DB, steps []step) error {
	b, err := compile(steps)
	if err != nil {
		return err
	}
	q.writes = append(q.writes, queued{db, b})
	if len(q.writes) < mostQueued {
		return nil
	}
	return q.Send(ctx)
}

// Send sends all writes and waits for the answer.
func (q *Queue) Send(ctx context.Context) error {
	writes := q.writes
	q.writes, q.unset = nil, nil
	if len(writes) == 0 {
		return nil
	}
	first := writes[0].by
	to, shared, release, err := first.sender(ctx)
	if err != nil {
		return err
	}
	defer release()
	all, moved := &pgx.Batch{}, false
	for _, w := range writes {
		token, err := w.by.sign(ctx)
		if err != nil {
			return err
		}
		one := w.by.queue(w.bundle, token, w.by.tx.request, false, shared, &moved)
		all.QueuedQueries = append(all.QueuedQueries, one.QueuedQueries...)
	}
	limited, stop := ctx, func() {}
	if first.link.limit > 0 {
		limited, stop = context.WithTimeout(ctx, first.link.limit+time.Duration(len(writes))*time.Millisecond)
	}
	defer stop()
	out := outcome{err: to.SendBatch(limited, all).Close()}
	out.late, out.by = out.err != nil && limited.Err() != nil && ctx.Err() == nil, first.link.limit
	return out.translated()
}
