package repo

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

// This file gets a connection to the database, and sets the limits that end one on a silent network.

const (
	reconnectBudget = 10 * time.Second // for a database that was there before
	firstPause      = 50 * time.Millisecond
	longestPause    = time.Second
	cancelLimit     = 300 * time.Millisecond // for the server to answer a cancelled statement
	openLimit       = 10 * time.Second       // for an administrator's connection whose URL names none
	silence         = 30 * time.Second       // after which a connection without acknowledgement is broken
)

// A link is what is known of the way to the database, shared by all copies of a DB.
type link struct {
	reached atomic.Bool                     // at least once
	away    atomic.Bool                     // now, and reported
	shared  atomic.Bool                     // the last connection leads to a pooler
	tried   atomic.Bool                     // by KeepsSessions
	gaveUp  atomic.Bool                     // waited for reconnectBudget in vain since it was last reached
	tell    func()                          // reports that it is away; may be nil
	revive  func(ctx context.Context) error // starts the server; may be nil
	limit   time.Duration                   // of one exchange; 0: none
	run     *scriptRun                      // nil: requests have random keys
	clock   clock
}

// A clock measures and waits; tests have one that does not.
type clock struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration) error // ends with ctx, and returns its cause then
}

func systemClock() clock {
	return clock{time.Now, func(ctx context.Context, d time.Duration) error {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(d):
			return nil
		}
	}}
}

// acquire returns a connection that works. It waits for a database that was there before, with growing pauses, for at
// most reconnectBudget or until ctx ends. Once it has waited in vain it does not wait again until the database is back:
// a script that keeps going loses that time once, not per line.
func (db *DB) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	giveUp := db.link.clock.now()
	if db.link.reached.Load() && !db.quiet && !db.link.gaveUp.Load() {
		giveUp = giveUp.Add(reconnectBudget)
	}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		conn, err := db.connect(ctx)
		if err == nil {
			db.link.reached.Store(true)
			db.link.away.Store(false)
			db.link.gaveUp.Store(false)
			return conn, nil
		}
		err = translate(err)
		if !isLost(err) || ctx.Err() != nil {
			return nil, err
		}
		if db.link.revive != nil && !db.quiet && db.link.revive(ctx) == nil {
			if conn, err := db.connect(ctx); err == nil {
				return conn, nil
			}
		}
		if !db.link.clock.now().Before(giveUp) {
			db.link.gaveUp.Store(db.link.reached.Load() && !db.quiet)
			return nil, err
		}
		if !db.link.away.Swap(true) && db.link.tell != nil {
			db.link.tell()
		}
		if err := db.link.clock.sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// lost is an ErrUnavailable that may pass: another try can succeed.
type lost struct{ said }

// isLost tells a broken way from a database that answers no.
func isLost(err error) bool {
	var l lost
	return errors.As(err, &l)
}

// cancelOnServer returns what ends a statement whose context has ended: a request to the server, which keeps the
// connection, and a deadline after cancelLimit, which breaks it.
func cancelOnServer(conn *pgconn.PgConn) *pgconn.CancelRequestContextWatcherHandler {
	return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelLimit}
}

// limit sets what ends a connection on a silent network: the time to open it, probes while nothing is sent and, where
// the system has it, the time for data to be acknowledged. A statement whose context ends is cancelled on the server.
func limit(conf *pgx.ConnConfig, open time.Duration) {
	dialer := &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silence / 3, Interval: silence / 6, Count: 4},
		Control:         limitSilence,
	}
	conf.DialFunc, conf.ConnectTimeout = dialer.DialContext, open
	conf.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler { return cancelOnServer(c) }
}
