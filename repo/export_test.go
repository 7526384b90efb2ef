package repo

import (
	"context"

	"crm/repo/upgrade"
)

// UpgradeBy is Upgrade with steps of the test's.
func (a *Admin) UpgradeBy(ctx context.Context, schemaSQL string, steps []upgrade.Step, dry bool) (Upgraded, error) {
	return a.upgradeBy(ctx, schemaSQL, steps, dry)
}

// LongUnused makes the DB believe that its session was last said to be in use long ago.
func (db *DB) LongUnused() { db.used.Store(0) }
