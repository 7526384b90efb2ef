package repo

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// This file opens connections. A connection to the server itself prepares statements once. A connection to a pooler
// does not rely on any state of the session.

// connect returns a connection of the pool. The first connection to a pooler is opened twice, because the pooler is
// detected only after opening it.
func (db *DB) connect(ctx context.Context) (conn *pgxpool.Conn, err error) {
	for range 3 {
		if conn, err = db.pool.Acquire(ctx); !errors.Is(err, errOtherMode) {
			break
		}
	}
	return conn, err
}

// chooseMode disables named prepared statements for a new connection if the previous one led to a pooler. Behind a
// pooler, the next server process may not know the name, or another client may have used it.
func (db *DB) chooseMode(_ context.Context, conf *pgx.ConnConfig) error {
	conf.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	if db.link.shared.Load() {
		conf.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	return nil
}

// settle fixes the settings of a new connection, or marks the connection as shared.
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

// Shared reports whether the last connection led to a pooler; false before the first connection.
func (db *DB) Shared() bool { return db.link.shared.Load() }
