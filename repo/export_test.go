package repo

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"crm/repo/upgrade"
)

// UpgradeBy is Upgrade with the given steps.
func (a *Admin) UpgradeBy(ctx context.Context, schemaSQL string, steps []upgrade.Step, dry bool) (Upgraded, error) {
	return a.upgradeBy(ctx, schemaSQL, steps, dry)
}

// LongUnused makes the DB believe that it recorded the use of its session long ago.
func (db *DB) LongUnused() { db.used.Store(0) }

// CallFrequent changes which words are frequent: few IDs are looked up first, many of
// words that one customer in sparse or fewer mentions.
func (db *DB) CallFrequent(few, many, sparse int) { db.frequencies = frequencies{few, many, sparse} }

// CountWaits replaces waiting for an unreachable database: no time passes, and the result is how long db would have
// waited. It is for one goroutine.
func (db *DB) CountWaits() (waited func() time.Duration) {
	var passed time.Duration
	start := time.Now()
	db.link.clock = clock{
		func() time.Time { return start.Add(passed) },
		func(_ context.Context, d time.Duration) error { passed += d; return nil },
	}
	return func() time.Duration { return passed }
}

// WordedConstraints are the constraints that have an error for users.
func WordedConstraints() []string {
	return slices.Sorted(maps.Keys(wordings))
}

// ExplainedConstraints are those whose error needs more than a text.
func ExplainedConstraints() []string {
	return slices.Sorted(maps.Keys(explained))
}

// Refusal returns the error for a statement that PostgreSQL refused.
func Refusal(pg *pgconn.PgError) error { return refusal(pg) }

// An Entity is an entity with the operations that all entities share.
type Entity[T any] struct{ entity[T] }

// SealedEntity returns an entity that is searched by its sealed columns, as customers are.
func SealedEntity[T any](noun, table, view string) Entity[T] {
	return Entity[T]{entityOf[T](noun, table, view, finder{sealed: true})}
}

// View returns the entity's view.
func (e Entity[T]) View() string { return e.view }

// SealedColumns returns the sealed columns that the entities declare, and whether they have search tokens.
func SealedColumns() map[string]bool {
	columns := map[string]bool{}
	for _, e := range everyStore() {
		for _, column := range e.sealed() {
			_, name, _ := strings.Cut(column, ".")
			columns[column] = e.column(name).search != "-"
		}
	}
	return columns
}

// Add calls add.
func (e Entity[T]) Add(ctx context.Context, db *DB, c Change) (T, error) { return e.add(ctx, db, c) }

// Update calls update.
func (e Entity[T]) Update(ctx context.Context, db *DB, id int64, c Change) (T, error) {
	return e.update(ctx, db, id, c)
}

// Search calls search without filters.
func (e Entity[T]) Search(ctx context.Context, db *DB, p Page) (List[T], error) {
	return e.search(ctx, db, nil, p, e.sorts())
}

// NounTables returns the table of each noun.
func NounTables() map[string]string {
	tables := map[string]string{}
	for _, e := range everyStore() {
		noun, table := e.nounAndTable()
		tables[noun] = table
	}
	return tables
}

// LastChange returns the first of LastChanges; ErrNotFound if there is none.
func (db *DB) LastChange(ctx context.Context) (LastChange, error) {
	changes, err := db.LastChanges(ctx)
	if err == nil && len(changes) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return LastChange{}, err
	}
	return changes[0], nil
}

// ContractHolds reports whether a condition is true for a contract, as the program evaluates it; EventHolds for an
// event.
func (db *DB) ContractHolds(w Where, c Contract) bool { return contracts.holds(db, w, c) }
func (db *DB) EventHolds(w Where, e Event) bool       { return events.holds(db, w, e) }
