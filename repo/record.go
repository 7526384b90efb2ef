package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// This file holds what all records share: opening sealed columns, selecting live and added records,
// and changing, deleting and restoring one. It names no entity.

// open returns the text of a sealed value, empty for NULL.
func (db *DB) open(column string, sealed []byte) string {
	if sealed == nil {
		return ""
	}
	return db.vault.Open(column, sealed)
}

// live selects the record with the ID unless it is deleted.
func live[R any](view string, id int64) squirrel.SelectBuilder {
	return from[R](view).Where(squirrel.Eq{"id": id, "deleted_at": nil})
}

// added selects the record that an insert into table has just made: by the connection's last value of the sequence,
// and after that connection was lost by the request that added it.
func added[R any](view, table string) squirrel.Sqlizer {
	return rereadable{
		from[R](view).Where("id = (select currval(pg_get_serial_sequence(?, 'id')))", table),
		from[R](view).Where("id = (select requested_id())"),
	}
}

// A version is a record in the state that a user has read; without seen it is its current state.
type version struct {
	id   int64
	seen *time.Time // its updated_at
}

// unchanged is the condition that the record was not changed since it was read, except by this transaction.
func (v version) unchanged(view string) squirrel.Sqlizer {
	return squirrel.Expr("(?::timestamptz is null or (select updated_at from "+view+" where id = ?) in (?, now()))", v.seen, v.id, v.seen)
}

// lock selects the record for update, which locks its row until the transaction ends.
func (v version) lock(table string) squirrel.Sqlizer {
	return sq().Select("id").From(table).Where(squirrel.Eq{"id": v.id, "deleted_at": nil}).Suffix("for update")
}

// change updates columns of a live record, with steps before and after, in one transaction, and returns the record. It
// returns ErrNotFound for a missing record, ErrConflict for one that was changed since it was read, and ErrDenied for one
// that the caller may not change.
func change[R, T any](ctx context.Context, db *DB, table, view string, v version, shape func(R) (T, error), values map[string]any, before, after []step) (T, error) {
	var steps []step
	touched, current := true, true
	if v.seen != nil {
		steps = append(steps, step{query: v.lock(table)})
	}
	steps = append(steps, before...)
	if len(values) > 0 {
		update := sq().Update(table).SetMap(values).Where(squirrel.Eq{"id": v.id, "deleted_at": nil}).Where(v.unchanged(view))
		steps = append(steps, step{update.Suffix("returning id"), sawRow(&touched)})
	}
	steps = append(steps, after...)
	if v.seen != nil {
		steps = append(steps, step{sq().Select("id").From(view).Where(squirrel.Eq{"id": v.id}).Where(v.unchanged(view)), sawRow(&current)})
	}
	record, err := one(ctx, db, live[R](view, v.id), shape, steps...)
	switch {
	case err != nil:
		return *new(T), err
	case !current:
		return *new(T), say(ErrConflict, "somebody else has changed it meanwhile: nothing was saved")
	case !touched:
		return *new(T), ErrDenied
	}
	return record, nil
}

// sawRow notes whether a statement touched a row.
func sawRow(touched *bool) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		*touched = rows.Next()
		rows.Close()
		return rows.Err()
	}
}

// mark deletes or restores a record and returns it. It returns ErrNotFound when there is nothing to delete, ErrConflict
// when there is nothing to restore, and ErrDenied when the caller may not change it.
func mark[R, T any](ctx context.Context, db *DB, table, view string, id int64, deleted bool, shape func(R) (T, error), before ...step) (T, error) {
	touched, wasThere := true, true // unless the rows say otherwise
	update := sq().Update(table).Set("deleted_at", squirrel.Expr("case when ? then now() end", deleted)).
		Where("id = ? and (deleted_at is null) = ?", id, deleted).Suffix("returning id")
	there := sq().Select("id").From(view).Where("id = ? and (deleted_at is null) = ?", id, deleted)
	steps := append([]step{{there, sawRow(&wasThere)}}, before...)
	record, err := one(ctx, db, from[R](view).Where(squirrel.Eq{"id": id}), shape, append(steps, step{update, sawRow(&touched)})...)
	switch {
	case err != nil || touched:
		return record, err
	case wasThere:
		return *new(T), ErrDenied
	case deleted:
		return *new(T), ErrNotFound
	}
	return *new(T), say(ErrConflict, "it is not deleted")
}
