package repo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// This file sends batches. A batch is the caller's token and some statements, in one round trip and one transaction.

// A step is one statement of a batch and what to do with its rows.
type step struct {
	query squirrel.Sqlizer
	read  func(pgx.Rows) error // nil: the rows are ignored
}

// A rereadable query is sent in its first form. If its batch was committed but the answer was lost, the second form
// reads the same rows.
type rereadable struct {
	squirrel.Sqlizer
	after squirrel.Sqlizer
}

// The rows of an unrepeatable query cannot be read again.
type unrepeatable struct{ squirrel.Sqlizer }

// A delivery defines what happens when the answer to a batch is lost.
type delivery int

const (
	reads  delivery = iota // the batch is sent again
	writes                 // the database is asked whether it was committed
	once                   // an error is returned
)

// run sends the caller's token and the steps in one round trip and one transaction. The identity lasts exactly as long
// as the transaction (set_config … true), also behind a transaction pooler.
func (db *DB) run(ctx context.Context, steps ...step) error { return db.exchange(ctx, writes, steps) }

// ask runs steps that change nothing or are idempotent. It sends them again if the answer is lost.
func (db *DB) ask(ctx context.Context, steps ...step) error { return db.exchange(ctx, reads, steps) }

// once runs steps whose commit cannot be queried later, such as signing in.
func (db *DB) once(ctx context.Context, steps ...step) error { return db.exchange(ctx, once, steps) }

func (db *DB) exchange(ctx context.Context, how delivery, steps []step) error {
	b, err := compile(steps)
	if err != nil {
		return err
	}
	if db.tx != nil {
		return db.send(ctx, b, db.tx.request).translated()
	}
	if mayAsk := db.token != nil && db.clock.IsZero() && !db.quiet; how == writes && mayAsk {
		return db.meeting.explain(ctx, db.pool, db.write(ctx, b))
	}
	out := db.send(ctx, b, "")
	if out.lost && (how == reads || !out.sent) && !out.late && ctx.Err() == nil {
		out = db.send(ctx, b, "")
	}
	return db.meeting.explain(ctx, db.pool, out.translated())
}

// A bundle is a list of steps in the form in which they are sent.
type bundle struct {
	steps     []step
	queries   []string
	arguments [][]any
}

func compile(steps []step) (bundle, error) {
	b := bundle{steps, make([]string, len(steps)), make([][]any, len(steps))}
	for i, s := range steps {
		var err error
		if b.queries[i], b.arguments[i], err = s.query.ToSql(); err != nil {
			return b, fmt.Errorf("%w: %v", ErrInternal, err)
		}
	}
	return b, nil
}

// An outcome is the result of one attempt to send a batch.
type outcome struct {
	err  error
	sent bool // the server may have received it
	lost bool // the result is unknown
	late bool // the timeout of the exchange was exceeded
	by   time.Duration
}

// translated returns the outcome's error with a text for users.
func (o outcome) translated() error {
	if o.late {
		return say(ErrUnavailable, "the database did not answer within %v: try again, or raise database.query_timeout",
			o.by)
	}
	return translate(o.err)
}

// send sends a batch. It retries once if the database refused it because the clock has jumped since the token was
// signed: a refused batch has changed nothing.
func (db *DB) send(ctx context.Context, b bundle, request string) outcome {
	out, moved := db.sendOnce(ctx, b, request)
	if moved && db.tx == nil && isCode(out.err, "28000") {
		out, _ = db.sendOnce(ctx, b, request)
	}
	return out
}

func (db *DB) sendOnce(ctx context.Context, b bundle, request string) (out outcome, moved bool) {
	token, err := db.sign(ctx)
	if err != nil {
		return outcome{err: err}, false
	}
	limited, stop := ctx, func() {}
	if db.link.limit > 0 {
		limited, stop = context.WithTimeout(ctx, db.link.limit)
	}
	now := time.Now().Unix()
	touches := db.used != nil && now-db.used.Load() > touchEvery
	to, shared, release, err := db.sender(ctx)
	if err != nil {
		stop()
		return outcome{err: err, lost: db.tx == nil && isLost(err)}, false
	}
	queued := db.queue(b, token, request, touches, shared, &moved)
	quit := db.reportBlockers(ctx, to.Conn(), shared)
	out.err = to.SendBatch(limited, queued).Close()
	quit()
	out.late, out.by = out.err != nil && limited.Err() != nil && ctx.Err() == nil, db.link.limit
	stop()
	broken := release()
	// On a shared connection pgx may report an error as safe to retry although the batch was sent. A retry could repeat
	// the write.
	out.sent = shared || !pgconn.SafeToRetry(out.err)
	out.lost = out.sent && isInDoubt(out.err, broken) || !out.sent && ctx.Err() == nil
	if out.lost && db.tx == nil {
		db.pool.Reset() // idle connections are most likely broken too
	}
	if touches && out.err == nil {
		db.used.Store(now)
	}
	return out, moved
}

// A batchSender is a connection or a transaction.
type batchSender interface {
	SendBatch(context.Context, *pgx.Batch) pgx.BatchResults
	Conn() *pgx.Conn
}

// sender returns the target of a batch: the transaction of an atomic script, which begins with its first batch, or a
// connection of the pool. shared reports whether other clients may use the connection, see isShared. release returns it
// to the pool and reports whether it is broken.
func (db *DB) sender(ctx context.Context) (to batchSender, shared bool, release func() (broken bool), err error) {
	if s := db.tx; s != nil {
		s.db = db.outsideScript()
		if s.tx == nil {
			if err := s.begin(ctx); err != nil {
				return nil, false, nil, err
			}
		}
		return s.tx, isShared(s.conn.Conn()), func() bool { return false }, nil
	}
	conn, err := db.acquire(ctx)
	if err != nil {
		return nil, false, nil, err
	}
	return conn, isShared(conn.Conn()), func() bool {
		broken := conn.Conn().IsClosed()
		conn.Release()
		return broken
	}, nil
}

// touchEvery is the interval, in seconds, at which a session's use is recorded in the database.
const touchEvery = 60

// queue builds the batch: identity and request first, then the record of the session's use, then the steps. On a shared
// connection the first statement also fixes the settings; the server parses later statements after it has run.
func (db *DB) queue(b bundle, token, request string, touches, shared bool, moved *bool) *pgx.Batch {
	queued := &pgx.Batch{}
	hear := func(time.Time) bool { return false }
	if db.heard != nil {
		hear = db.heard()
	}
	first := func(rows pgx.Rows) (err error) {
		*moved, err = readFirst(rows, hear, db.meeting.met)
		return err
	}
	if shared {
		names, values := splitSettings(append(db.fixed[:len(db.fixed):len(db.fixed)], setting{"crm.token", token},
			setting{"crm.request", request}))
		queued.Queue(db.meeting.shared, SchemaVersion, names, values).Query(first)
	} else {
		queued.Queue(db.meeting.own, SchemaVersion, token, request).Query(first)
	}
	if touches {
		queued.Queue("select touch()")
	}
	if !db.clock.IsZero() {
		queued.Queue("select set_config('crm.clock', $1, true)", db.clock.Format(time.RFC3339Nano))
	}
	for i, s := range b.steps {
		q := queued.Queue(b.queries[i], b.arguments[i]...)
		if s.read != nil {
			q.Query(s.read)
		}
	}
	return queued
}

// sign returns the caller's token. If the session seems to have ended, sign asks for the database's time first: the
// local clock may have jumped.
func (db *DB) sign(ctx context.Context) (string, error) {
	if db.token == nil {
		return "", nil
	}
	token, err := db.token()
	if err != nil && db.heard != nil && db.tx == nil {
		apart := *db
		apart.token, apart.used = nil, nil
		if apart.ask(ctx) == nil {
			token, err = db.token()
		}
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrSignedOut, err)
	}
	return token, nil
}

// isInDoubt reports whether the batch of an error may have been committed. It may if the connection broke, was closed
// by the server, or was given up. An ERROR from the server means that the transaction was rolled back.
func isInDoubt(err error, broken bool) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Severity == "FATAL" || pg.Severity == "PANIC" || pg.SeverityUnlocalized == "FATAL" ||
			pg.SeverityUnlocalized == "PANIC" || isCode(err, "40003") || isClass(pg.Code, "08", "57P")
	}
	return err != nil && (broken || isLost(translate(err)) || errors.Is(err, context.Canceled))
}
