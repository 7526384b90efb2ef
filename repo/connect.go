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

// This file opens connections to the database, and sets timeouts that end them on a silent network.

const (
	reconnectBudget = 10 * time.Second // for a database that was reachable before
	firstPause      = 50 * time.Millisecond
	longestPause    = time.Second
	cancelLimit     = 300 * time.Millisecond // for the answer of the server to a cancel request
	openLimit       = 10 * time.Second       // for an administrator's connection without a timeout in its URL
	silence         = 30 * time.Second       // a connection breaks when data is unacknowledged for so long
)

// A link is the state of the connection to the database. All copies of a DB share it.
type link struct {
	reached atomic.Bool                     // has been reached at least once
	away    atomic.Bool                     // is unreachable, and this was reported
	shared  atomic.Bool                     // the last connection leads to a pooler
	tried   atomic.Bool                     // by KeepsSessions
	gaveUp  atomic.Bool                     // has waited reconnectBudget in vain since the last success
	tell    func()                          // reports that the database is unreachable; may be nil
	revive  func(ctx context.Context) error // starts the server; may be nil
	blocked func([]Blocker)                 // see reportBlockers; may be nil
	limit   time.Duration                   // of one exchange; 0: none
	run     *scriptRun                      // nil: requests have random keys
	clock   clock
}

// A clock measures and waits. Tests have one that does not wait.
type clock struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration) error // returns the cause of ctx if ctx ends first
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

// acquire returns a working connection. If the database was reachable before, acquire retries with growing pauses for
// at most reconnectBudget or until ctx ends. After it has waited in vain it does not wait again until the database is
// back: a script with --keep-going loses that time once, not once per line.
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

// lost returns an ErrUnavailable after which a retry can succeed.
type lost struct{ said }

// isLost reports whether the connection was lost, as opposed to an error from the server.
func isLost(err error) bool {
	var l lost
	return errors.As(err, &l)
}

// cancelOnServer returns the handler for a statement whose context ends. It sends a cancel request, after which the
// connection stays usable, and breaks the connection after cancelLimit.
func cancelOnServer(conn *pgconn.PgConn) *pgconn.CancelRequestContextWatcherHandler {
	return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelLimit}
}

// limit sets the timeouts of a connection: for opening it, keepalive probes while it is idle and, if the system
// supports it, for unacknowledged data. A statement whose context ends is cancelled on the server.
func limit(conf *pgx.ConnConfig, open time.Duration) {
	dialer := &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silence / 3, Interval: silence / 6, Count: 4},
		Control:         limitSilence,
	}
	conf.DialFunc, conf.ConnectTimeout = dialer.DialContext, open
	conf.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler { return cancelOnServer(c) }
}
