package repo

import (
	"context"
	"errors"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// This file finds out whether a write whose answer was lost was committed. Every write has a key, its request, which is
// stored with its changes (schema.sql, part 7). After a lost answer the program asks the database for the key. If the
// write was not committed, the database refuses it from then on, so it is safe to send it again with another key.

const (
	mostSent     = 3                      // attempts to send a write
	farewell     = 500 * time.Millisecond // time to query the result after Ctrl-C
	lockPatience = "5s"                   // lock timeout for a write that still runs
)

// Uncertain is the error of a write that may or may not have been committed. It is an ErrUnavailable.
type Uncertain struct{ Request string }

func (u Uncertain) Error() string {
	return "the connection was lost, and whether the change was made could not be found out"
}

// Unwrap makes errors.Is(err, ErrUnavailable) true.
func (u Uncertain) Unwrap() error { return ErrUnavailable }

// ErrUnanswered is the error of a committed write whose answer was lost with the connection and cannot be read again.
var ErrUnanswered error = said{"the change was made, but its answer was lost with the connection", ErrUnavailable}

// ErrRepeated is the error of a write that an earlier run of the script has committed.
var ErrRepeated error = said{"an earlier run with this ID has made the change already", ErrConflict}

// write sends a batch that changes something. If the answer is lost, it finds out whether the batch was committed.
func (db *DB) write(ctx context.Context, b bundle) error {
	newRequest := db.link.requests()
	sent := 0
	for try := 0; ; try++ {
		request := newRequest(try)
		if db.link.run != nil {
			switch made, err := db.knownFate(ctx, request); {
			case err != nil:
				return err
			case made == nil:
			case *made:
				db.link.run.skipped.Add(1)
				return db.reread(ctx, b, request)
			default:
				continue // the database refuses this key now
			}
		}
		sent++
		out := db.send(ctx, b, request)
		switch {
		case !out.lost && out.late: // the server has cancelled the statement
			return notMade(out.by)
		case !out.lost:
			return out.translated()
		}
		if out.sent {
			made, err := db.askFate(ctx, request)
			switch {
			case errors.Is(err, ErrSignedOut):
				return err
			case err != nil:
				return Uncertain{request}
			case made:
				return db.reread(ctx, b, request)
			}
		}
		switch {
		case ctx.Err() != nil:
			return context.Canceled
		case !out.sent && isLost(out.err):
			return out.err // unreachable, and acquire has waited already
		case out.late:
			return notMade(out.by)
		case sent == mostSent:
			return say(ErrUnavailable, "the connection was lost %d times: the change was not made", sent)
		}
	}
}

// notMade returns the error of a write that was cancelled at the timeout and was not committed.
func notMade(limit time.Duration) error {
	return say(ErrUnavailable, "the database did not answer within %v: the change was not made", limit)
}

// Fate reports whether the caller's request was committed. It waits for a request that still runs. False is final: from
// then on the database refuses the request.
func (db *DB) Fate(ctx context.Context, request string) (made bool, err error) {
	return made, db.outsideScript().ask(ctx,
		step{query: squirrel.Expr("select set_config('lock_timeout', $1, true)", lockPatience)},
		step{squirrel.Expr("select fate($1)", request), value(&made)})
}

// askFate calls Fate in the middle of a command. If the context has ended, it still takes a short time.
func (db *DB) askFate(ctx context.Context, request string) (made bool, err error) {
	for range mostSent {
		if ctx.Err() != nil {
			break
		}
		if made, err = db.Fate(ctx, request); !isLost(err) && ctx.Err() == nil {
			return made, err
		}
	}
	if ctx.Err() == nil {
		return false, err
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer stop()
	return db.Fate(ctx, request)
}

// knownFate returns the recorded result of a request; nil if there is none.
func (db *DB) knownFate(ctx context.Context, request string) (made *bool, err error) {
	return made, db.outsideScript().ask(ctx, step{squirrel.Expr("select known_fate($1)", request), readKnown(&made)})
}

// readKnown reads a single value, nil if there is no row.
func readKnown(made **bool) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, pgx.RowTo[*bool])
		if err == nil && len(found) == 1 {
			*made = found[0]
		}
		return err
	}
}

// reread reads the answer of a committed batch again, as far as it is stored in records.
func (db *DB) reread(ctx context.Context, b bundle, request string) error {
	again := []step{{query: squirrel.Expr("select set_config('crm.request', $1, true)", request)}}
	for _, s := range b.steps {
		switch q := s.query.(type) {
		case rereadable:
			again = append(again, step{q.after, s.read})
		case unrepeatable:
			return ErrUnanswered
		}
	}
	if len(again) == 1 {
		return nil
	}
	if ctx.Err() != nil {
		var stop func()
		ctx, stop = context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer stop()
	}
	err := db.ask(ctx, again...)
	if errors.Is(err, ErrUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return ErrUnanswered
	}
	return err
}

// committed returns the result of an atomic script's transaction whose commit returned err. Without a caller the result
// cannot be queried, but then the transaction has changed nothing.
func (db *DB) committed(ctx context.Context, request string, err error) error {
	if err == nil || !isInDoubt(err, false) || db.token == nil {
		return translate(err)
	}
	db.pool.Reset()
	made, unknown := db.askFate(ctx, request)
	switch {
	case unknown != nil:
		return Uncertain{request}
	case made:
		return nil
	case ctx.Err() != nil:
		return context.Canceled
	}
	return say(ErrUnavailable, "the connection was lost before the commit")
}
