package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
)

// This file enrols and removes second factors (RFC 6238). The database judges the codes.

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

// EnableFactor enrols the caller's second factor: a secret, a code of it, and the SHA-256 of ten codes for recovery. Key and current
// are the password's key and the code of the factor that is replaced, if there is one; errors are SignIn's. The caller's
// other sessions end.
func (db *DB) EnableFactor(ctx context.Context, key []byte, current string, secret []byte, code string, recovery [][]byte) error {
	db, err := db.alone()
	if err != nil {
		return err
	}
	ticket, err := db.prove(ctx, key, current)
	if err != nil {
		return err
	}
	return db.run(ctx, step{query: squirrel.Expr("select enable_mfa($1, $2, $3, $4)", ticket, secret, code, recovery)})
}

// DisableFactor removes the caller's second factor, given the password's key and a code. Errors are SignIn's.
func (db *DB) DisableFactor(ctx context.Context, key []byte, code string) error {
	db, err := db.alone()
	if err != nil {
		return err
	}
	ticket, err := db.prove(ctx, key, code)
	if err != nil {
		return err
	}
	return db.run(ctx, step{query: squirrel.Expr("select disable_mfa($1)", ticket)})
}

// ClearFactor removes the second factor of a collaborator who has lost it; their sessions end.
func (db *DB) ClearFactor(ctx context.Context, id int64) error {
	return db.run(ctx, step{query: squirrel.Expr("select clear_mfa($1)", id)})
}

// RequireFactor demands a second factor of everybody with a role, or no longer.
func (db *DB) RequireFactor(ctx context.Context, role string, required bool) error {
	return db.run(ctx, step{query: squirrel.Expr("select require_mfa($1, $2)", role, required)})
}
