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
	Search   string // text that a record must contain; empty for all
	Where    *Where // what a record must be; nil for all
	Limit    int    // at most so many rows
	After    int64  // start behind the record with this ID; 0 from the beginning
	Sort     string // a sortable column; empty is id
	Desc     bool
	Deleted  bool   // the deleted records instead of the live ones
	Count    bool   // count the records on all pages
	Language string // of the alphabet that encrypted texts are sorted by (BCP 47); empty for Unicode's order
}

// A List is one page of records.
type List[T any] struct {
	Rows  []T   // at most Limit+1: the last one shows that there is a next page
	Total int64 // the number of records on all pages, at most MostCounted+1; -1: not counted
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

// collect reads all rows.
func collect[T any](into *[]T, row pgx.RowToFunc[T]) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, row)
		return err
	}
}

// shaped reads a row of R and turns it into a T.
func shaped[R, T any](shape func(R) T) pgx.RowToFunc[T] {
	return func(row pgx.CollectableRow) (T, error) {
		r, err := pgx.RowToStructByName[R](row)
		return shape(r), err
	}
}

// value reads the only value of a result.
func value[T any](into *T) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var err error
		*into, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
		return err
	}
}

// list runs one query and returns its rows.
func list[T any](ctx context.Context, db *DB, query squirrel.Sqlizer, row pgx.RowToFunc[T]) ([]T, error) {
	var found []T
	err := db.ask(ctx, step{query, collect(&found, row)})
	return found, err
}

// one runs the steps and then the query, and returns the query's row or ErrNotFound. Everything runs in one transaction,
// so a write and reading the record afterwards take one round trip.
func one[T any](ctx context.Context, db *DB, query squirrel.Sqlizer, row pgx.RowToFunc[T], before ...step) (T, error) {
	var found []T
	exchange := db.run
	if len(before) == 0 {
		exchange = db.ask
	}
	if _, ok := query.(rereadable); !ok {
		query = rereadable{query, query}
	}
	if err := exchange(ctx, append(before, step{query, collect(&found, row)})...); err != nil {
		return *new(T), err
	}
	if len(found) == 0 {
		return *new(T), ErrNotFound
	}
	return found[0], nil
}

// MostCounted is where counting a list stops: more than that is many.
const MostCounted = 10_000

// page runs the page of a query over the entity's view. sorts maps each sort key to SQL that is never null.
func (e entity[T]) page(ctx context.Context, db *DB, q squirrel.SelectBuilder, p Page, sorts map[string]string) (List[T], error) {
	return listPage(ctx, db, q, e.view, p, sorts, e.row(db))
}

// listPage is page for any query of rows with an id, out of the view.
func listPage[T any](
	ctx context.Context, db *DB, q squirrel.SelectBuilder, view string, p Page, sorts map[string]string, row pgx.RowToFunc[T],
) (List[T], error) {
	q = q.Where(isDeleted(p.Deleted))
	found := List[T]{Total: -1}
	var steps []step
	if p.Search != "" {
		steps = append(steps, inOrder())
	}
	page := step{ordered(q, view, p, sorts), collect(&found.Rows, row)}
	if p.byID() {
		steps = append(steps, stopEarly(), page)
	} else {
		steps = append(steps, page, stopEarly()) // a page in another order reads all rows anyway
	}
	if p.Count {
		count := sq().Select("count(*)").FromSelect(q.RemoveColumns().Column("1").Limit(MostCounted+1), "counted")
		steps = append(steps, step{count, value(&found.Total)})
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

// isSet holds where a column is not null, or where it is null. Without statistics the planner takes "deleted_at is null"
// for one row in 200 and would sort whole tables for a page; it takes "num_nonnulls(deleted_at) <> 1" for nearly all
// rows and "= 1" for one in 200.
func isSet(column string, set bool) squirrel.Sqlizer {
	if set {
		return squirrel.Expr("num_nonnulls(" + column + ") = 1")
	}
	return squirrel.Expr("num_nonnulls(" + column + ") <> 1")
}

// orNull is NULL for an empty text.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
