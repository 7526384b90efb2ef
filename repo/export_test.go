package repo

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"crm/repo/upgrade"
)

// UpgradeBy is Upgrade with steps of the test's.
func (a *Admin) UpgradeBy(ctx context.Context, schemaSQL string, steps []upgrade.Step, dry bool) (Upgraded, error) {
	return a.upgradeBy(ctx, schemaSQL, steps, dry)
}

// LongUnused makes the DB believe that its session was last said to be in use long ago.
func (db *DB) LongUnused() { db.used.Store(0) }

// WordedConstraints are the constraints that have an error for users.
func WordedConstraints() []string {
	return slices.Sorted(maps.Keys(wordings))
}

// ExplainedConstraints are those whose error needs more than a text.
func ExplainedConstraints() []string {
	return slices.Sorted(maps.Keys(explained))
}

// Refusal is the error for a statement that PostgreSQL refused.
func Refusal(pg *pgconn.PgError) error { return refusal(pg) }

// StaleCustomer selects the customers that a key rotation re-encrypts.
const StaleCustomer = staleCustomer

// SealedColumns are the columns of a customer that a key rotation re-encrypts.
func SealedColumns() []string { return sealedColumns[:] }
