package repo

// This file sorts lists by encrypted texts. PostgreSQL cannot compare them, so the program reads, opens and sorts the
// records.

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/Masterminds/squirrel"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// MostSorted is the maximum number of records in a list that is sorted by an encrypted text.
const MostSorted = 10_000

// SortsByText reports whether a list of the entity is sorted by the column after opening it.
func SortsByText[T any](column string) bool {
	return slices.ContainsFunc(ColumnsOf[T](), func(c Column) bool { return c.Name == column && c.sortsByText })
}

// A sortable is a record with its sort key.
type sortable[T any] struct {
	key    []byte
	id     int64
	record T
}

func (s sortable[T]) compare(other sortable[T]) int {
	return cmp.Or(bytes.Compare(s.key, other.key), cmp.Compare(s.id, other.id))
}

// sortedByText returns a page of records in the order of an encrypted text, as dictionaries of p.Language sort it
// (Unicode Collation Algorithm, UTS 10), equal texts by ID. As in lists that PostgreSQL sorts, the record p.After may
// have left the list. It returns ErrInvalid if more than MostSorted records meet where and match the needle.
func (e entity[T]) sortedByText(
	ctx context.Context, db *DB, where squirrel.And, p Page, sorts map[string]string,
) (List[T], error) {
	all := p
	all.Sort, all.Desc, all.After, all.Limit, all.Count = "", false, 0, MostSorted, false
	found, err := e.search(ctx, db, where, all, sorts)
	if err != nil {
		return List[T]{}, err
	}
	if len(found.Rows) > MostSorted {
		return List[T]{}, say(ErrInvalid, "at most 10,000 records can be sorted by %s, and there are more: "+
			"narrow the list, for example with --search, or sort by another column", p.Sort)
	}
	rows := e.sortables(found.Rows, p)
	slices.SortFunc(rows, sortable[T].compare)
	if p.After > 0 {
		after, err := list(ctx, db, e.from().Where(squirrel.Eq{"id": p.After}), e.row(db))
		if err != nil {
			return List[T]{}, err
		}
		rows = rowsAfter(rows, e.sortables(after, p), p.Desc)
	}
	if p.Desc {
		slices.Reverse(rows)
	}
	page := List[T]{Total: int64(len(found.Rows))}
	for _, r := range rows[:min(len(rows), p.Limit+1)] {
		page.Rows = append(page.Rows, r.record)
	}
	return page, nil
}

// sortables returns the records with the sort keys of a page.
func (e entity[T]) sortables(records []T, p Page) []sortable[T] {
	column, collator, buffer := e.column(p.Sort), collate.New(language.Make(p.Language)), collate.Buffer{}
	all := make([]sortable[T], len(records))
	for i, r := range records {
		text, _ := column.Value(r).(string)
		all[i] = sortable[T]{collator.KeyFromString(&buffer, text), e.id(r), r}
	}
	return all
}

// rowsAfter returns the sorted rows after a record, or before it if desc; none if the record does not exist.
func rowsAfter[T any](rows, record []sortable[T], desc bool) []sortable[T] {
	if len(record) == 0 {
		return nil
	}
	at, found := slices.BinarySearchFunc(rows, record[0], sortable[T].compare)
	switch {
	case desc:
		return rows[:at]
	case found:
		return rows[at+1:]
	}
	return rows[at:]
}
