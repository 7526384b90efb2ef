package repo

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// This file has the operations that all entities share: opening sealed columns, reading live and added records, and
// changing, deleting and restoring a record. It names no entity.

// open returns the text of a sealed value, empty for NULL.
func (db *DB) open(column string, sealed []byte) string {
	if sealed == nil {
		return ""
	}
	return db.vault.Open(column, sealed)
}

// openAll returns the texts of sealed values.
func (db *DB) openAll(column string, sealed [][]byte) []string {
	texts := make([]string, len(sealed))
	for i, s := range sealed {
		texts[i] = db.open(column, s)
	}
	return texts
}

// live returns the query for the record with the ID unless it is deleted.
func (e entity[T]) live(id int64) squirrel.Sqlizer { return built{e.liveSQL, []any{id}} }

// A built query is SQL with PostgreSQL's placeholders.
type built struct {
	sql  string
	args []any
}

// ToSql returns the statement and its arguments.
func (b built) ToSql() (string, []any, error) { return b.sql, b.args, nil }

// added returns the query for the record that an insert has just created: by the last value of the sequence on this
// connection or, if that connection was lost, by the request that added it.
func (e entity[T]) added() squirrel.Sqlizer {
	return rereadable{
		e.from().Where("id = (select currval(pg_get_serial_sequence(?, 'id')))", e.table),
		e.from().Where("id = (select requested_id())"),
	}
}

// get returns the live record with the ID, or ErrNotFound.
func (e entity[T]) get(ctx context.Context, db *DB, id int64) (T, error) {
	return one(ctx, db, e.live(id), e.row(db))
}

// add inserts a record and returns it as stored.
func (e entity[T]) add(ctx context.Context, db *DB, c Change, after ...step) (T, error) {
	values, err := e.values(db, c)
	if err != nil {
		return *new(T), err
	}
	insert := step{query: sq().Insert(e.table).SetMap(values)}
	return one(ctx, db, e.added(), e.row(db), append([]step{insert}, after...)...)
}

// update changes a live record; see change.
func (e entity[T]) update(ctx context.Context, db *DB, id int64, c Change, before ...step) (T, error) {
	if e.writesSealed(c) {
		switch record, err := e.get(ctx, db, id); {
		case err == nil:
			c = e.withoutSame(c, record)
		case !errors.Is(err, ErrNotFound): // the update returns ErrNotFound itself
			return record, err
		}
	}
	values, err := e.values(db, c)
	if err != nil {
		return *new(T), err
	}
	if len(values) == 0 {
		values["deleted_at"] = squirrel.Expr("deleted_at") // changes nothing, but row policies check it as an update
	}
	return e.change(ctx, db, c.of(id), values, before, nil)
}

// A version is a record in the state that a user has read. Without seen it is the current state.
type version struct {
	id   int64
	seen *time.Time // its updated_at
	same *bool      // set to whether an update has changed no value, unless nil
}

// unchanged is the condition that no other transaction has changed the record since it was read.
func (v version) unchanged(view string) squirrel.Sqlizer {
	return squirrel.Expr("(?::timestamptz is null or (select updated_at from "+view+" where id = ?) in (?, now()))",
		v.seen, v.id, v.seen)
}

// lock returns the query that locks the record's row until the transaction ends.
func (v version) lock(table string) squirrel.Sqlizer {
	return sq().Select("id").From(table).Where(squirrel.Eq{"id": v.id, "deleted_at": nil}).Suffix("for update")
}

// change updates columns of a live record in one transaction, with steps before and after, and returns the record. It
// returns ErrNotFound for a missing record, ErrConflict for a record that was changed since it was read, and ErrDenied
// for a record that the caller may not change.
func (e entity[T]) change(
	ctx context.Context, db *DB, v version, values map[string]any, before, after []step,
) (T, error) {
	var steps []step
	var was []T
	touched, current := true, true
	if v.same != nil {
		steps = append(steps, step{e.live(v.id), collect(&was, e.row(db))})
	}
	if v.seen != nil {
		steps = append(steps, step{query: v.lock(e.table)})
	}
	steps = append(steps, before...)
	if len(values) > 0 {
		update := sq().Update(e.table).SetMap(values).
			Where(squirrel.Eq{"id": v.id, "deleted_at": nil}).Where(v.unchanged(e.view))
		steps = append(steps, step{update.Suffix("returning id"), sawRow(&touched)}, endBatch())
	}
	steps = append(steps, after...)
	if v.seen != nil {
		unchanged := sq().Select("id").From(e.view).Where(squirrel.Eq{"id": v.id}).Where(v.unchanged(e.view))
		steps = append(steps, step{unchanged, sawRow(&current)})
	}
	record, err := one(ctx, db, e.live(v.id), e.row(db), steps...)
	switch {
	case err != nil:
		return *new(T), err
	case !current:
		return *new(T), say(ErrConflict, "somebody else has changed it meanwhile: nothing was saved")
	case !touched:
		return *new(T), ErrDenied
	}
	if v.same != nil {
		*v.same = len(was) == 1 && reflect.DeepEqual(was[0], record)
	}
	return record, nil
}

// endBatch is the step that ends a group of changes in the trail; see lead() in schema.sql.
func endBatch() step { return step{query: squirrel.Expr("select set_config('crm.batch', '', true)")} }

// sawRow records whether a statement affected a row.
func sawRow(touched *bool) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		*touched = rows.Next()
		rows.Close()
		return rows.Err()
	}
}

// mark deletes or restores a record and returns it. It returns ErrNotFound if the record to delete does not exist,
// ErrConflict if the record to restore is not deleted, and ErrDenied if the caller may not change it.
func (e entity[T]) mark(ctx context.Context, db *DB, id int64, deleted bool, before ...step) (T, error) {
	touched, wasThere := true, true // until the rows show otherwise
	update := sq().Update(e.table).Set("deleted_at", squirrel.Expr("case when ? then now() end", deleted)).
		Where("id = ? and (deleted_at is null) = ?", id, deleted).Suffix("returning id")
	there := sq().Select("id").From(e.view).Where("id = ? and (deleted_at is null) = ?", id, deleted)
	steps := append([]step{{there, sawRow(&wasThere)}}, before...)
	steps = append(steps, step{update, sawRow(&touched)}, endBatch())
	record, err := one(ctx, db, e.from().Where(squirrel.Eq{"id": id}), e.row(db), steps...)
	switch {
	case err != nil || touched:
		return record, err
	case wasThere:
		return *new(T), ErrDenied
	case deleted:
		return *new(T), ErrNotFound
	}
	return *new(T), say(ErrConflict, "%s %d is not deleted", e.noun, id)
}
