package repo

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// This file runs atomic scripts: one transaction on one connection. During the transaction nothing waits for a second
// connection. So scripts cannot deadlock behind a pooler that has no more server connections than there are scripts.

// A script is the transaction of an atomic script. It begins with the first statement.
type script struct {
	db      *DB // outside of the transaction, with the user of the last statement
	request string
	conn    *pgxpool.Conn
	tx      pgx.Tx // nil before the first statement and after the end
	after   []func(ctx context.Context, committed bool)
}

// Atomic returns a copy of db with one transaction for all statements. The first statement begins it. Only commit makes
// its changes permanent; rollback after commit does nothing. If the answer to a commit is lost, its result is queried;
// see [Uncertain]. Any other error means that nothing was changed. ErrRepeated means that an earlier run of the script
// has committed it.
func (db *DB) Atomic(ctx context.Context) (atomic *DB, commit, rollback func(context.Context) error, err error) {
	request, err := db.newRequest(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	as := *db
	as.tx = &script{db: db.outsideScript(), request: request}
	return &as, as.tx.commit, as.tx.rollback, nil
}

// IsAtomic reports whether db belongs to an atomic script.
func (db *DB) IsAtomic() bool { return db.tx != nil }

// begin begins the transaction. It takes another connection if the first one is broken.
func (s *script) begin(ctx context.Context) error {
	for try := 1; ; try++ {
		conn, err := s.db.acquire(ctx)
		if err != nil {
			return err
		}
		if s.tx, err = conn.Begin(ctx); err == nil {
			s.conn = conn
			return nil
		}
		conn.Release()
		if err = translate(err); !isLost(err) || try == mostSent {
			return err
		}
		s.db.pool.Reset()
	}
}

func (s *script) commit(ctx context.Context) error {
	return s.end(ctx, func(ctx context.Context) (bool, error) {
		err := s.db.committed(ctx, s.request, s.tx.Commit(ctx))
		return err == nil, err
	})
}

func (s *script) rollback(ctx context.Context) error {
	return s.end(ctx, func(ctx context.Context) (bool, error) { return false, translate(s.tx.Rollback(ctx)) })
}

// end ends the transaction, releases the connection and then runs the functions that were deferred until then.
func (s *script) end(ctx context.Context, how func(context.Context) (committed bool, err error)) (err error) {
	committed := false
	if s.tx != nil {
		committed, err = how(ctx)
		s.conn.Release()
		s.tx, s.conn = nil, nil
	}
	for _, do := range s.after {
		do(ctx, committed)
	}
	s.after = nil
	return err
}

// outsideScript returns a DB of the same caller outside of the script's transaction.
func (db *DB) outsideScript() *DB {
	as := *db
	as.tx = nil
	return &as
}

// ownTransactions returns a DB of the same caller for statements that need their own transactions: signing in and out,
// passwords and second factors. It returns an error once the script's transaction has begun.
func (db *DB) ownTransactions() (*DB, error) {
	if db.tx != nil && db.tx.tx != nil {
		return nil, say(ErrConflict,
			"an atomic script belongs to one user: login, logout, password and mfa come before its first other command")
	}
	return db.outsideScript(), nil
}

// runAfter runs a note now or, in an atomic script, after its transaction, whether it was committed or not.
func (db *DB) runAfter(ctx context.Context, note func(context.Context, *DB) error) error {
	quiet := db.outsideScript().Quiet()
	if db.tx == nil || db.tx.tx == nil {
		return note(ctx, quiet)
	}
	db.tx.after = append(db.tx.after, func(ctx context.Context, _ bool) { _ = note(ctx, quiet) })
	return nil
}
