package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
)

// This file is about second factors (RFC 6238). The database judges the codes.

// A Factor is the caller's second factor.
type Factor struct {
	Since        *time.Time `db:"since"`         // nil: there is none
	RecoveryLeft int64      `db:"recovery_left"` // unused codes for recovery
	Required     bool       `db:"required"`      // the role must have one
}

// Factor is the caller's second factor.
func (db *DB) Factor(ctx context.Context) (Factor, error) {
	return one(ctx, db, from[Factor]("my_mfa()"), same[Factor])
}

// ClearFactor removes the second factor of a collaborator who has lost it; their sessions end.
func (db *DB) ClearFactor(ctx context.Context, id int64) error {
	return db.run(ctx, step{query: squirrel.Expr("select clear_mfa($1)", id)})
}

// RequireFactor demands a second factor of everybody with a role, or no longer.
func (db *DB) RequireFactor(ctx context.Context, role string, required bool) error {
	return db.run(ctx, step{query: squirrel.Expr("select require_mfa($1, $2)", role, required)})
}
