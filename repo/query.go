package repo

import (
	"cmp"
	"context"
	"reflect"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// sq is the statement builder with PostgreSQL's placeholders.
func sq() squirrel.StatementBuilderType {
	return squirrel.StatementBuilder.PlaceholderFormat(squirrel.Dollar)
}

// A Page is a part of a list. Keyset pagination: changes between two pages neither repeat nor skip rows.
type Page struct {
	Search   string // text that a record must contain; empty for all
	Where    *Where // the condition that a record must meet; nil: none
	Limit    int    // the maximum number of rows
	After    int64  // start after the record with this ID; 0: at the beginning
	Sort     string // a sortable column; empty is id
	Desc     bool
	Deleted  bool             // the deleted records instead of the live ones
	Count    bool             // count the records on all pages
	Whole    bool             // count beyond MostCounted
	indexed  bool             // an index has the order of the page
	lookedUp *lookedUp        // of Search; nil: not yet
	among    squirrel.Sqlizer // a condition that only the records of the page meet; nil: none is known
	counted  string           // finder.own if all conditions are on its columns; empty: the view of the page
	Language string           // of the alphabet that encrypted texts are sorted by (BCP 47); empty for Unicode's order
}

// A List is one page of records.
type List[T any] struct {
	Rows  []T   // at most Limit+1: the last one shows that there is a next page
	Total int64 // the number of records on all pages, at most MostCounted+1 unless Page.Whole; -1: not counted
}

// columns returns the db tags of R in the order of its fields.
func columns[R any]() []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[R]()) {
		if !f.Anonymous {
			names = append(names, f.Tag.Get("db"))
		}
	}
	return names
}

// from returns the query for R's columns of a view.
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

// shaped scans a row into an R and converts it to a T.
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

// one runs the steps and then the query, and returns the query's row or ErrNotFound. Everything runs in one
// transaction, so a write and reading the record afterwards take one round trip.
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

// MostCounted is the largest number of rows that is counted. Counting stops there.
const MostCounted = 10_000

// page returns a page of a query on the entity's view. sorts maps each sort key to SQL that is never null.
func (e entity[T]) page(
	ctx context.Context, db *DB, q squirrel.SelectBuilder, p Page, sorts map[string]string,
) (List[T], error) {
	shown := q
	if p.indexed = e.column(p.Sort).isIndexed || p.among != nil; p.among != nil {
		shown = e.from().Where(p.among)
	}
	return listPage(ctx, db, shown, q, e.view, p, sorts, e.row(db))
}

// listPage does the same as page for any query with a column id. It counts the rows of all and shows those of shown.
func listPage[T any](
	ctx context.Context, db *DB, shown, all squirrel.SelectBuilder, view string, p Page, sorts map[string]string,
	row pgx.RowToFunc[T],
) (List[T], error) {
	found := List[T]{Total: -1}
	var steps []step
	page := step{ordered(shown.Where(isDeleted(p.Deleted)), view, p, sorts), collect(&found.Rows, row)}
	switch {
	case p.Search != "":
		steps = append(steps, inOrder(), page)
	case p.byID() || p.indexed:
		steps = append(steps, stopEarly(), page)
	default:
		steps = append(steps, page, stopEarly()) // a page in another order reads all rows anyway
	}
	if p.Count {
		all = all.Where(isDeleted(p.Deleted)).RemoveColumns().Column("1")
		if p.counted != "" {
			all = all.From(p.counted)
		}
		if !p.Whole {
			all = all.Limit(MostCounted + 1)
		}
		count := sq().Select("count(*)").FromSelect(all, "counted")
		steps = append(steps, step{count, value(&found.Total)})
	}
	return found, db.ask(ctx, steps...)
}

// stopEarly keeps the planner from hashing or sorting a whole table for a page or count that stops early. Without
// statistics it does not know how early, and assumes that the rows of an index are scattered over the table. The
// settings last until the transaction ends.
func stopEarly() step {
	return step{query: squirrel.Expr(`select set_config('enable_hashjoin', 'off', true),
		set_config('enable_mergejoin', 'off', true),
		set_config('jit', 'off', true), set_config('random_page_cost', '1', true)`)}
}

// ordered adds the order and the limit of the page to a query.
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

// firstByContact is the condition for the records of a page of all records in the order of a collaborator's name. The
// first records of each name are read from the index on the collaborators' IDs. It is nil for other pages.
func (e entity[T]) firstByContact(p Page) squirrel.Sqlizer {
	by := e.column(p.Sort)
	if by.contact == "" || p.Deleted {
		return nil
	}
	direction, before, compare, end := "", "<=", ">", "0"
	if p.Desc {
		direction, before, compare, end = " desc", ">=", "<", "9223372036854775807"
	}
	after := squirrel.Expr("select null::text as name, null::bigint as id")
	if p.After > 0 {
		after = squirrel.Expr("select "+by.sort+" as name, id from "+e.view+" where id = ?", p.After)
	}
	first := func(condition string) squirrel.Sqlizer {
		return sq().Select("id").From(e.finder.own).Where(condition).Where(isDeleted(false)).
			Where("id " + compare + " case u.name when a.name then a.id else " + end + " end").
			OrderBy("id" + direction).Limit(uint64(p.Limit) + 1)
	}
	return squirrel.Expr("id = any(array(select r.id from (?) a join (select id, first_name || ' ' || last_name as "+
		"name from users union all select null, '') u on a.name is null or a.name "+before+" u.name "+
		"cross join lateral ((?) union all (?)) r order by u.name"+direction+", r.id"+direction+" limit ?))",
		after, first(by.contact+" = u.id"), first("u.id is null and "+by.contact+" is null"), p.Limit+1)
}

// firstOwn is the condition for the records of a page of those that meet where, whose columns are finder.own's. It is
// nil if the page is in the order of another column.
func (e entity[T]) firstOwn(p Page, where squirrel.And) squirrel.Sqlizer {
	if !p.byID() && !e.column(p.Sort).isIndexed {
		return nil
	}
	first := squirrel.Select("id").From(e.finder.own).Where(where).Where(isDeleted(p.Deleted))
	return squirrel.Expr("id = any(array(?))", ordered(first, e.finder.own, p, e.sorts()))
}

// isDeleted is the condition for deleted records, or for live ones.
func isDeleted(deleted bool) squirrel.Sqlizer { return isSet("deleted_at", deleted) }

// isSet is the condition that a column is not null, or that it is null. Without statistics the planner estimates that
// "deleted_at is null" holds for one row in 200 and would sort whole tables for a page. It estimates nearly all rows
// for "num_nonnulls(deleted_at) <> 1" and one row in 200 for "= 1".
func isSet(column string, set bool) squirrel.Sqlizer {
	if set {
		return squirrel.Expr("num_nonnulls(" + column + ") = 1")
	}
	return squirrel.Expr("num_nonnulls(" + column + ") <> 1")
}

// orNull returns nil, which PostgreSQL stores as NULL, for an empty text.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
