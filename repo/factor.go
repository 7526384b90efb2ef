package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// This file holds second factors (RFC 6238). The database checks the codes.

// A Factor is the state of the caller's second factor.
type Factor struct {
	Since        *time.Time `db:"since"`         // nil: there is none
	RecoveryLeft int64      `db:"recovery_left"` // unused recovery codes
	Required     bool       `db:"required"`      // the role must have one
}

// Factor returns the caller's second factor.
func (db *DB) Factor(ctx context.Context) (Factor, error) {
	return one(ctx, db, from[Factor]("my_mfa()"), pgx.RowToStructByName[Factor])
}

// ClearFactor removes the second factor of another collaborator, who has lost it, and ends their sessions.
func (db *DB) ClearFactor(ctx context.Context, id int64) error {
	return db.run(ctx, step{query: squirrel.Expr("select clear_mfa($1)", id)})
}

// RequireFactor sets whether a role requires a second factor.
func (db *DB) RequireFactor(ctx context.Context, role string, required bool) error {
	return db.run(ctx, step{query: squirrel.Expr("select require_mfa($1, $2)", role, required)})
}
