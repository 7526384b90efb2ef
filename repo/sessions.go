package repo

import (
	"context"
	"strings"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// A SignedIn is one open database session of a collaborator.
type SignedIn struct {
	ID         int64      `db:"id"`
	Client     *string    `db:"client"` // address of the machine, nil: the server's own
	CreatedAt  time.Time  `db:"created_at"`
	LastUsedAt *time.Time `db:"last_used_at"` // to the minute
	EndsAt     time.Time  `db:"ends_at"`      // unless it is used before
	Current    bool       `db:"current"`      // the caller's own
}

// Sessions returns the open sessions of a collaborator, the oldest first. For sessions of others the caller needs
// user.sessions.
func (db *DB) Sessions(ctx context.Context, of int64) ([]SignedIn, error) {
	return list(ctx, db, squirrel.Expr("select "+strings.Join(columns[SignedIn](), ", ")+" from sessions_of($1)", of),
		pgx.RowToStructByName[SignedIn])
}

// EndSession ends one session. The next command in it fails as signed out.
func (db *DB) EndSession(ctx context.Context, id int64) error {
	return db.run(ctx, step{query: squirrel.Expr("select end_session($1)", id)})
}

// EndOtherSessions ends all sessions of the caller except the current one, and returns their number.
func (db *DB) EndOtherSessions(ctx context.Context) (ended int64, err error) {
	return ended, db.run(ctx, step{unrepeatable{squirrel.Expr("select end_other_sessions()")}, value(&ended)})
}
