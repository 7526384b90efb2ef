package repo

import (
	"context"
	"slices"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// A Tag is a word on a record of one of the nouns Noted.
type Tag struct {
	ID         int64  `db:"id"`
	Name       string `db:"name"`
	Noun       string `db:"noun" by:"database"`
	RecordID   int64  `db:"record_id" by:"database"`
	CustomerID *int64 `db:"customer_id" show:"hidden"`
	ContractID *int64 `db:"contract_id" show:"hidden"`
	EventID    *int64 `db:"event_id" show:"hidden"`
}

var tags = entityOf[Tag]("tag", "tag", "tags", finder{})

// A TagCount is a tag and the number of records that have it.
type TagCount struct {
	Name  string `db:"name"`
	Count int64  `db:"count"`
}

// Tags returns the tags of live records in their order: of all of them, those of a noun, or one of these.
func (db *DB) Tags(ctx context.Context, noun string, id int64) ([]TagCount, error) {
	q := sq().Select("name", "count(*) as count").From(tags.view).Where(squirrel.Eq{"deleted_at": nil}).
		GroupBy("name").OrderBy("name")
	if noun != "" {
		q = q.Where(squirrel.Eq{"noun": noun})
	}
	if id != 0 {
		q = q.Where(squirrel.Eq{noun + "_id": id})
	}
	return list(ctx, db, q, pgx.RowToStructByName[TagCount])
}

// AddTag puts a tag on a record. ErrConflict if it has it.
func (db *DB) AddTag(ctx context.Context, noun string, id int64, name string) (Tag, error) {
	return tags.add(ctx, db, Change{noun + "_id": id, "name": name})
}

// RemoveTag takes a tag off a record, in any spelling of its name. ErrNotFound if the record does not have it.
func (db *DB) RemoveTag(ctx context.Context, noun string, id int64, name string) (Tag, error) {
	found, err := list(ctx, db, tags.from().Where(squirrel.Eq{noun + "_id": id, "deleted_at": nil}), tags.row(db))
	if err != nil {
		return Tag{}, err
	}
	at := slices.IndexFunc(found, func(t Tag) bool { return t.Name == name })
	if at < 0 {
		at = slices.IndexFunc(found, func(t Tag) bool { return db.vault.Same(t.Name, name) })
	}
	if at < 0 {
		return Tag{}, ErrNotFound
	}
	return tags.mark(ctx, db, found[at].ID, true)
}

// tagNames selects each name once. It reads the first row of each from the index on the name, however many have it.
const tagNames = `with recursive found as (
	select min(name) as name from tags
	union all select (select min(t.name) from tags t where t.name > f.name) from found f where f.name is not null
)
select name from found where name is not null`

// tagged returns the condition for the records of a noun that have a tag, in any spelling: koeln finds köln.
func (db *DB) tagged(ctx context.Context, noun, name string) (squirrel.Sqlizer, error) {
	names, err := list(ctx, db, squirrel.Expr(tagNames), pgx.RowTo[string])
	names = slices.DeleteFunc(names, func(n string) bool { return !db.vault.Same(n, name) })
	return squirrel.Expr("id = any(array(select record_id from tags where name = any(?) and noun = ? and deleted_at "+
		"is null))", names, noun), err
}
