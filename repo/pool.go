package repo

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// This file opens connections: to a server itself, where statements are prepared once, or to a pooler, where nothing
// that is left on a connection is relied upon.

// connect returns a connection of the pool. The first one to a pooler is opened twice: only then is it known that
// there is one.
func (db *DB) connect(ctx context.Context) (conn *pgxpool.Conn, err error) {
	for range 3 {
		if conn, err = db.pool.Acquire(ctx); !errors.Is(err, errOtherMode) {
			break
		}
	}
	return conn, err
}

// chooseMode has a new connection prepare nothing by name if the one before it led to a pooler: there a named
// statement is unknown to the next server process, or replaced by a stranger's of the same name.
func (db *DB) chooseMode(_ context.Context, conf *pgx.ConnConfig) error {
	conf.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	if db.link.shared.Load() {
		conf.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	return nil
}

// settle fixes the settings of a new connection, or marks it as shared.
func (db *DB) settle(ctx context.Context, conn *pgx.Conn) error {
	own, err := claim(ctx, conn, db.fixed)
	if err != nil {
		return err
	}
	db.link.shared.Store(!own)
	prepares := conn.Config().DefaultQueryExecMode == pgx.QueryExecModeCacheStatement
	if !own && prepares {
		return errOtherMode
	}
	if !prepares {
		conn.PgConn().CustomData()[sharedKey] = true
	}
	return nil
}

// Shared reports whether the last connection led to a pooler. It is false before the first one.
func (db *DB) Shared() bool { return db.link.shared.Load() }
