package repo

import (
	"context"
	"sync"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// A Blocker is a session whose transaction holds a lock that a statement waits for.
type Blocker struct {
	Name *string `db:"name"` // of its collaborator; nil: no session of crm, or the caller may not view collaborators
	Own  bool    `db:"own"`  // it is another session of the caller
}

const (
	firstLook = time.Second     // a statement that waits for less is not reported
	nextLook  = 2 * time.Second // between two looks at a statement that waits for no lock yet
)

// reportBlockers calls link.blocked once if the connection's statement waits for a lock. It asks on another connection,
// in the background, until quit is called. Behind a pooler the process of the statement is not known.
func (db *DB) reportBlockers(ctx context.Context, conn *pgx.Conn, shared bool) (quit func()) {
	if db.link.blocked == nil || db.quiet || db.token == nil || shared {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var mu sync.Mutex // guards over
	over, pid := false, conn.PgConn().PID()
	// A timer, not a goroutine: nearly every statement is over before it fires.
	look := time.AfterFunc(firstLook, func() {
		for {
			found, err := db.blockersOf(ctx, pid)
			if err == nil && len(found) > 0 {
				mu.Lock()
				defer mu.Unlock()
				if !over {
					db.link.blocked(found)
				}
				return
			}
			if db.link.clock.sleep(ctx, nextLook) != nil {
				return
			}
		}
	})
	return func() {
		look.Stop()
		cancel()
		mu.Lock()
		defer mu.Unlock()
		over = true
	}
}

// blockersOf returns the sessions that a process of the server waits for.
func (db *DB) blockersOf(ctx context.Context, pid uint32) ([]Blocker, error) {
	apart := db.outsideScript().Quiet()
	apart.used, apart.heard = nil, nil
	query := squirrel.Expr("select name, own from blockers($1)", int64(pid))
	return list(ctx, apart, query, pgx.RowToStructByName[Blocker])
}
