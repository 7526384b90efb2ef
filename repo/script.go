package repo

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// This file runs atomic scripts: one transaction on one connection. While it is open nothing waits for a second
// connection, so that as many scripts as a pooler has server connections, or more, never wait for each other.

// A script is the transaction of an atomic script. It begins with the first statement.
type script struct {
	db    *DB // outside of it
	conn  *pgxpool.Conn
	tx    pgx.Tx // nil before the first statement and after the end
	after []func(ctx context.Context, committed bool)
}

// Atomic returns db with one transaction for all statements, which begins with the first of them. Nothing of it lasts
// unless commit is called; rollback after commit does nothing.
func (db *DB) Atomic(context.Context) (atomic *DB, commit, rollback func(context.Context) error, err error) {
	as := *db
	as.tx = &script{db: db.outside()}
	return &as, as.tx.commit, as.tx.rollback, nil
}

func (s *script) send(ctx context.Context, build func(shared bool) *pgx.Batch) error {
	if s.tx == nil {
		conn, err := s.db.acquire(ctx)
		if err != nil {
			return err
		}
		if s.tx, err = conn.Begin(ctx); err != nil {
			conn.Release()
			return translate(err)
		}
		s.conn = conn
	}
	return translate(s.tx.SendBatch(ctx, build(isShared(s.conn.Conn()))).Close())
}

func (s *script) commit(ctx context.Context) error   { return s.end(ctx, true, pgx.Tx.Commit) }
func (s *script) rollback(ctx context.Context) error { return s.end(ctx, false, pgx.Tx.Rollback) }

// end ends the transaction, gives the connection back and then does what was left for after it.
func (s *script) end(ctx context.Context, commits bool, how func(pgx.Tx, context.Context) error) (err error) {
	if s.tx != nil {
		err = translate(how(s.tx, ctx))
		s.conn.Release()
		s.tx, s.conn = nil, nil
	}
	for _, do := range s.after {
		do(ctx, commits && err == nil)
	}
	s.after = nil
	return err
}

// outside returns the same caller outside of an atomic script's transaction.
func (db *DB) outside() *DB {
	as := *db
	as.tx = nil
	return &as
}

// alone returns the same caller for statements that need transactions of their own: signing in and out, passwords and
// second factors. Once an atomic script's transaction has begun they are refused.
func (db *DB) alone() (*DB, error) {
	if db.tx != nil && db.tx.tx != nil {
		return nil, say(ErrConflict,
			"an atomic script belongs to one user: login, logout, password and mfa come before its first other command")
	}
	return db.outside(), nil
}

// afterwards runs a note now, or when the atomic script has ended, committed or not.
func (db *DB) afterwards(ctx context.Context, note func(context.Context, *DB) error) error {
	quiet := db.outside().Quiet()
	if db.tx == nil || db.tx.tx == nil {
		return note(ctx, quiet)
	}
	db.tx.after = append(db.tx.after, func(ctx context.Context, _ bool) { _ = note(ctx, quiet) })
	return nil
}
