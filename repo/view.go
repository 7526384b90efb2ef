package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
)

// A View is a command that a collaborator has saved under a name.
type View struct {
	ID         int64      `db:"id"`
	Name       string     `db:"name" show:"whole"`
	Command    string     `db:"command" sealed:"saved_view.command" search:"-" show:"long"`
	SharedWith *string    `db:"shared_with"` // a role or SharedWithAll; nil: not shared
	OwnerID    *int64     `db:"owner_id" by:"database" show:"detail"`
	Owner      *string    `db:"owner" by:"database"`
	CreatedAt  time.Time  `db:"created_at" by:"database" show:"detail"`
	UpdatedAt  time.Time  `db:"updated_at" by:"database" show:"wide"`
	DeletedAt  *time.Time `db:"deleted_at" show:"detail absent" sort:"-"`
}

// SharedWithAll is the SharedWith of a view that every role may use.
const SharedWithAll = "all"

var views = entityOf[View]("view", "saved_view", "saved_views", finder{})

// Views returns the caller's live views and those that are shared with them, by name, their own one first.
func (db *DB) Views(ctx context.Context) ([]View, error) {
	return list(ctx, db, views.from().Where(squirrel.Eq{"deleted_at": nil}).
		OrderBy("name", ownFirst, "id"), views.row(db))
}

// ownFirst sorts the caller's own views before those of others.
const ownFirst = "owner_id is distinct from (select me_id())"

// View returns the live view with the name: the caller's own one, else the shared one, or ErrNotFound.
func (db *DB) View(ctx context.Context, name string) (View, error) {
	return one(ctx, db, views.from().Where(squirrel.Eq{"name": name, "deleted_at": nil}).
		OrderBy(ownFirst).Limit(1), views.row(db))
}

// AddView saves a command under a name for the caller. ErrConflict if they have a view of that name.
func (db *DB) AddView(ctx context.Context, name, command string) (View, error) {
	return views.add(ctx, db, Change{"name": name, "command": command})
}

// UpdateView writes the given columns of a view of the caller.
func (db *DB) UpdateView(ctx context.Context, id int64, c Change) (View, error) {
	return views.update(ctx, db, id, c)
}

// DeleteView marks a view as deleted.
func (db *DB) DeleteView(ctx context.Context, id int64) (View, error) {
	return views.mark(ctx, db, id, true)
}
