package repo

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// This file gets a batch to the database and its answer back, also when the connection breaks: a
// read is sent again by itself, a write is never sent twice.

const (
	reconnectBudget = 10 * time.Second // for a database that was there before
	firstPause      = 50 * time.Millisecond
	longestPause    = time.Second
)

// A link is what is known of the way to the database, shared by all copies of a DB.
type link struct {
	reached atomic.Bool // at least once
	away    atomic.Bool // now, and told
	shared  atomic.Bool // the last connection leads to a pooler
	tried   atomic.Bool // by KeepsSessions
	tell    func()      // that it is away; may be nil
}

// send runs a batch on a connection of the pool. build is called for each try; shared is whether other clients may
// use the connection, see isShared.
func (db *DB) send(ctx context.Context, writes bool, build func(shared bool) *pgx.Batch) error {
	if db.tx != nil {
		return db.tx.send(ctx, build)
	}
	for again := true; ; again = false {
		conn, err := db.acquire(ctx)
		if err != nil {
			return err
		}
		raw := conn.SendBatch(ctx, build(isShared(conn.Conn()))).Close()
		conn.Release()
		err = translate(raw)
		switch {
		case !isLost(err):
			return err
		case again && (!writes || pgconn.SafeToRetry(raw)):
			continue
		case writes:
			return say(ErrUnavailable, "the connection was lost while the change was on its way: look whether it was made before you repeat it")
		}
		return err
	}
}

// acquire is a connection that works. A database that was there before is waited for, with pauses that
// grow, for at most reconnectBudget; ctx ends that sooner.
func (db *DB) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	giveUp := time.Now()
	if db.link.reached.Load() && !db.quiet {
		giveUp = giveUp.Add(reconnectBudget)
	}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		conn, err := db.connect(ctx)
		if err == nil {
			db.link.reached.Store(true)
			db.link.away.Store(false)
			return conn, nil
		}
		err = translate(err)
		if !isLost(err) || ctx.Err() != nil || time.Now().After(giveUp) {
			return nil, err
		}
		if !db.link.away.Swap(true) && db.link.tell != nil {
			db.link.tell()
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(pause):
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

// cancelOnServer has a cancelled statement cancelled on the server too, and keeps its connection.
func cancelOnServer(conn *pgconn.PgConn) *pgconn.CancelRequestContextWatcherHandler {
	return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: 2 * time.Second}
}
