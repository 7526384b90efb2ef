package repo

import (
	"cmp"
	"context"
	"reflect"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// sq is the one builder: PostgreSQL's placeholders.
func sq() squirrel.StatementBuilderType {
	return squirrel.StatementBuilder.PlaceholderFormat(squirrel.Dollar)
}

// A Page is a part of a list, in an order that does not shift under the reader.
type Page struct {
	Search  string // text that a record must contain; empty for all
	Limit   int    // at most so many rows
	After   int64  // start behind the record with this ID; 0 from the beginning
	Sort    string // a sortable column; empty is id
	Desc    bool
	Deleted bool   // the deleted records instead of the live ones
	Total   *int64 // receives how many there are on all pages, up to MostCounted+1; nil: not counted
}

// columns are the db tags of R, in order: the one list of what a view is asked for.
func columns[R any]() []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[R]()) {
		if !f.Anonymous {
			names = append(names, f.Tag.Get("db"))
		}
	}
	return names
}

// from selects R's columns from a view.
func from[R any](view string) squirrel.SelectBuilder {
	return sq().Select(columns[R]()...).From(view)
}

// collect reads rows of R, shaped into T.
func collect[R, T any](into *[]T, shape func(R) (T, error)) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, pgx.RowToStructByName[R])
		if err != nil {
			return err
		}
		*into = make([]T, len(found))
		for i, r := range found {
			if (*into)[i], err = shape(r); err != nil {
				return err
			}
		}
		return nil
	}
}

// same shapes a record that needs no shaping.
func same[T any](row T) (T, error) { return row, nil }

// value reads the one value that a statement answers.
func value[T any](into *T) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var err error
		*into, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
		return err
	}
}

// list runs one query and answers its rows.
func list[R, T any](ctx context.Context, db *DB, query squirrel.Sqlizer, shape func(R) (T, error)) ([]T, error) {
	var found []T
	err := db.ask(ctx, step{query, collect(&found, shape)})
	return found, err
}

// one runs the steps and then the query, which finds one row or is ErrNotFound. All of it is one
// transaction, so a write and the record that it leaves are one round trip.
func one[R, T any](ctx context.Context, db *DB, query squirrel.Sqlizer, shape func(R) (T, error), before ...step) (T, error) {
	var found []T
	exchange := db.run
	if len(before) == 0 {
		exchange = db.ask
	}
	if _, ok := query.(rereadable); !ok {
		query = rereadable{query, query}
	}
	if err := exchange(ctx, append(before, step{query, collect(&found, shape)})...); err != nil {
		return *new(T), err
	}
	if len(found) == 0 {
		return *new(T), ErrNotFound
	}
	return found[0], nil
}

// MostCounted is where counting a list stops: more than that is many.
const MostCounted = 10_000

// listPage runs the page of a query over a view. sortable maps the columns that a page may be sorted by to SQL that is
// never null. One row more than the limit is asked for: whoever gets it knows that there is a next page.
func listPage[R, T any](ctx context.Context, db *DB, q squirrel.SelectBuilder, view string, p Page, sortable map[string]string, shape func(R) (T, error)) ([]T, error) {
	q = q.Where(isDeleted(p.Deleted))
	var found []T
	var steps []step
	if p.Search != "" {
		steps = append(steps, inOrder())
	}
	page := step{ordered(q, view, p, sortable), collect(&found, shape)}
	if p.byID() {
		steps = append(steps, stopEarly(), page)
	} else {
		steps = append(steps, page, stopEarly()) // a page in another order reads all rows anyway
	}
	if p.Total != nil {
		count := sq().Select("count(*)").FromSelect(q.RemoveColumns().Column("1").Limit(MostCounted+1), "counted")
		steps = append(steps, step{count, value(p.Total)})
	}
	return found, db.ask(ctx, steps...)
}

// stopEarly keeps the planner from reading a whole table into a hash or a sort for a page or a count that stops early:
// without statistics it does not know how soon, and takes the rows of an index for scattered over the table. It lasts
// until the transaction ends.
func stopEarly() step {
	return step{query: squirrel.Expr(`select set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
		set_config('jit', 'off', true), set_config('random_page_cost', '1', true)`)}
}

// ordered limits a query to the page, in its order.
func ordered(q squirrel.SelectBuilder, view string, p Page, sortable map[string]string) squirrel.SelectBuilder {
	order, direction, compare := cmp.Or(sortable[cmp.Or(p.Sort, "id")], "id"), "", ">"
	if p.Desc {
		direction, compare = " desc", "<"
	}
	switch {
	case p.After > 0 && p.byID():
		q = q.Where("id "+compare+" ?", p.After)
	case p.After > 0:
		q = q.Where("("+order+", id) "+compare+" (select "+order+", id from "+view+" where id = ?)", p.After)
	}
	return q.OrderBy(order+direction, "id"+direction).Limit(uint64(p.Limit) + 1)
}

// isDeleted holds for deleted records, or for live ones.
func isDeleted(deleted bool) squirrel.Sqlizer { return isSet("deleted_at", deleted) }

// isSet holds where a column is not null, or where it is null. Without statistics the planner takes "deleted_at is null" for one row in 200
// and would sort whole tables for a page; it takes "num_nonnulls(deleted_at) <> 1" for nearly all rows and "= 1" for one in 200.
func isSet(column string, set bool) squirrel.Sqlizer {
	if set {
		return squirrel.Expr("num_nonnulls(" + column + ") = 1")
	}
	return squirrel.Expr("num_nonnulls(" + column + ") <> 1")
}

// set adds column = value to an update when value was given.
func set[T any](changes map[string]any, column string, value *T) {
	if value != nil {
		changes[column] = *value
	}
}

// orNull is NULL for an empty text.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
