package repo

// This file sorts lists by encrypted texts, which PostgreSQL cannot compare: the records are read, opened and sorted here.

import (
	"context"
	"slices"

	"github.com/Masterminds/squirrel"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// MostSorted is the number of records up to which a list can be sorted by an encrypted text.
const MostSorted = 10_000

// SortsByText reports whether lists of an entity are sorted by the column after opening it.
func SortsByText[T any](column string) bool {
	return slices.ContainsFunc(ColumnsOf[T](), func(c Column) bool { return c.Name == column && c.sortsByText })
}

// sortedByText returns a page of records in the order of an encrypted text, by the Unicode Collation Algorithm (UTS 10);
// equal texts by their IDs. It returns ErrInvalid if more than MostSorted records hold for where and match the needle.
func (e entity[T]) sortedByText(ctx context.Context, db *DB, where squirrel.And, p Page, sorts map[string]string) (List[T], error) {
	column, all := e.column(p.Sort), p
	all.Sort, all.Desc, all.After, all.Limit, all.Count = "", false, 0, MostSorted, false
	found, err := e.search(ctx, db, where, all, sorts)
	if err != nil {
		return List[T]{}, err
	}
	if len(found.Rows) > MostSorted {
		return List[T]{}, say(ErrInvalid, "at most 10,000 records can be sorted by %s, and there are more: narrow the list, for example with --search, or sort by another column", p.Sort)
	}
	collator, buffer := collate.New(language.Und), collate.Buffer{}
	type keyed struct {
		key    []byte
		record T
	}
	rows := make([]keyed, len(found.Rows))
	for i, r := range found.Rows {
		text, _ := column.Value(r).(string)
		rows[i] = keyed{collator.KeyFromString(&buffer, text), r}
	}
	slices.SortStableFunc(rows, func(a, b keyed) int { return slices.Compare(a.key, b.key) })
	if p.Desc {
		slices.Reverse(rows)
	}
	first := 1 + slices.IndexFunc(rows, func(r keyed) bool { return e.id(r.record) == p.After })
	if p.After > 0 && first == 0 {
		first = len(rows) // the record is not in the list any more
	}
	page := List[T]{Total: int64(len(rows))}
	for _, r := range rows[first:min(len(rows), first+p.Limit+1)] {
		page.Rows = append(page.Rows, r.record)
	}
	return page, nil
}
