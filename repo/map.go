package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
)

// A Map says which columns the headers of a file are, for imports of a noun. All collaborators see it.
type Map struct {
	ID        int64      `db:"id"`
	Name      string     `db:"name" show:"whole"`
	Noun      string     `db:"noun" show:"whole"`
	Pairs     string     `db:"pairs" show:"long"` // HEADER=COLUMN,…
	OwnerID   *int64     `db:"owner_id" by:"database" show:"detail"`
	Owner     *string    `db:"owner" by:"database"`
	CreatedAt time.Time  `db:"created_at" by:"database" show:"wide"`
	UpdatedAt time.Time  `db:"updated_at" by:"database" show:"detail"`
	DeletedAt *time.Time `db:"deleted_at" show:"detail absent" sort:"-"`
}

var savedMaps = entityOf[Map]("map", "saved_map", "saved_maps", finder{})

// Maps returns the live maps by name.
func (db *DB) Maps(ctx context.Context) ([]Map, error) {
	return list(ctx, db, savedMaps.from().Where(squirrel.Eq{"deleted_at": nil}).OrderBy("name"), savedMaps.row(db))
}

// Map returns the live map with the name, or ErrNotFound.
func (db *DB) Map(ctx context.Context, name string) (Map, error) {
	return one(ctx, db, savedMaps.from().Where(squirrel.Eq{"name": name, "deleted_at": nil}), savedMaps.row(db))
}

// AddMap saves a map for imports of a noun. ErrConflict if there is one of that name.
func (db *DB) AddMap(ctx context.Context, name, noun, pairs string) (Map, error) {
	return savedMaps.add(ctx, db, Change{"name": name, "noun": noun, "pairs": pairs})
}

// DeleteMap marks a map as deleted.
func (db *DB) DeleteMap(ctx context.Context, id int64) (Map, error) {
	return savedMaps.mark(ctx, db, id, true)
}
