package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"crm/repo"
)

// This file has the flags and the pages of lists.

// order is a parsed --sort.
type order struct {
	column string
	desc   bool
}

// sortKind returns the kind of --sort: a column, with :desc for descending order.
func sortKind(names []string) Kind {
	slices.Sort(names)
	return Kind{
		Name: "FIELD[:desc]",
		Parse: func(_ *Session, text string) (any, error) {
			name, direction, given := strings.Cut(text, ":")
			name = strings.ReplaceAll(name, "-", "_")
			if !slices.Contains(names, name) {
				return nil, fmt.Errorf("cannot sort by %s: want one of %s%s", show(text), strings.Join(names, ", "),
					DidYouMean(name, names))
			}
			if given && direction != "desc" && direction != "asc" {
				return nil, fmt.Errorf("want %s or %s:desc", name, name)
			}
			return order{name, direction == "desc"}, nil
		},
		Values: func(*Session) []Choice {
			var all []Choice
			for _, n := range names {
				all = append(all, Choice{Text: n}, Choice{Text: n + ":desc"})
			}
			return all
		},
	}
}

// listFlags returns the flags of a list: its own and those of every list.
func listFlags[T any](fields []Field[T], sorts map[string]string, own ...Flag) []Flag {
	keys := slices.Collect(maps.Keys(sorts))
	for _, f := range fields {
		if repo.SortsByText[T](f.Name) {
			keys = append(keys, f.Name)
		}
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return append(own,
		Flag{
			Name: "limit", Kind: Number("N", 1, 10_000),
			Help: limitHelp,
		},
		Flag{Name: "after", Kind: ID, Help: "the next page: start after the record with this ID"},
		Flag{Name: "sort", Kind: sortKind(keys), Help: "order by this column"},
		Flag{Name: "deleted", Kind: Switch, Help: "the deleted ones instead"},
		Flag{Name: "columns", Kind: Columns(names...), Help: "only these columns, in this order"},
	)
}

// limitHelp explains --limit.
const limitHelp = "at most so many rows (default: the setting limit)"

// searchFlag returns the flag --search.
func searchFlag(in string) Flag {
	return Flag{Name: "search", Kind: Text(textLimit), Help: "only those with these words in " + in}
}

// batch is the number of rows that a whole list reads at once.
const batch = 1000

// isWhole reports whether a list is answered whole, not by pages: in a format for programs or documents and without
// --limit. Its rows are read in batches while they are written, so memory does not grow with the list.
func isWhole(s *Session, in Input) bool {
	format := cmp.Or(Value[string](in, "format"), s.Settings.Format)
	return !in.Has("limit") && !slices.Contains(forPeople, format)
}

// pages answers a list: the page that the flags select and the flag for the next one, or all rows if isWhole. fetch
// returns a page of records. A whole list is not a snapshot: each batch is a separate statement, for which the
// database checks the permission.
func pages[T any](ctx context.Context, s *Session, in Input, fields []Field[T],
	fetch func(context.Context, repo.Page) (repo.List[T], error),
) (Output, error) {
	sorting, whole := Value[order](in, "sort"), isWhole(s, in)
	p := repo.Page{
		Count: !whole, Limit: cmp.Or(Value[int](in, "limit"), s.Settings.Limit), After: Value[int64](in, "after"),
		Search: s.needle(Value[string](in, "search")), Where: Given[repo.Where](in, "where"),
		Deleted: in.Has("deleted"),
		Sort:    sorting.column, Desc: sorting.desc, Language: s.Locale.Language,
	}
	if whole {
		p.Limit = batch
		if repo.SortsByText[T](p.Sort) {
			p.Limit = repo.MostSorted // each page is sorted separately
		}
	}
	found, err := fetch(ctx, p)
	if err != nil {
		return Output{}, err
	}
	rows, last := pageOf(fields, found.Rows, p.Limit)
	out := list(fields, rows)
	out.Limited = in.Has("limit")
	if len(rows) == 0 {
		out.Warnings = in.absent(ctx, s)
	}
	switch {
	case last == nil:
	case whole:
		out.Count = func(ctx context.Context) (int64, error) {
			q := p
			q.After, q.Limit, q.Count, q.Whole = 0, 1, true, true
			found, err := fetch(ctx, q)
			return found.Total, err
		}
		out.Rest = func(ctx context.Context) ([][]any, error) {
			if last == nil {
				return nil, nil
			}
			p.After = *last
			found, err := fetch(ctx, p)
			if err != nil {
				return nil, err
			}
			rows, last = pageOf(fields, found.Rows, p.Limit)
			return list(fields, rows).Rows, nil
		}
	default:
		out.Next = fmt.Sprintf("--after %d", *last)
	}
	out.Total = counted(found.Total)
	return out, nil
}

// absent returns a warning for each record that a list names by an ID and that does not exist: such a list is empty for
// another reason than one without matches.
func (in Input) absent(ctx context.Context, s *Session) (warnings []string) {
	for _, g := range in.given {
		id, isID := in.values[g.name].(int64)
		get, ok := s.Table.named(g.kind.Noun + " get")
		if !isID || !ok || !s.May(get.Needs) {
			continue
		}
		if _, err := get.Run(ctx, s, Input{values: map[string]any{"id": id}}); errors.Is(err, repo.ErrNotFound) {
			warnings = append(warnings, err.Error())
		}
	}
	return warnings
}

// pageOf returns at most limit records, and the ID of the last one if there are more.
func pageOf[T any](fields []Field[T], found []T, limit int) (rows []T, last *int64) {
	if len(found) <= limit {
		return found, nil
	}
	id, _ := idOf(fields, found[limit-1]).(int64)
	return found[:limit], &id
}

// idOf returns the ID of a record.
func idOf[T any](fields []Field[T], record T) any {
	i := slices.IndexFunc(fields, func(f Field[T]) bool { return f.Name == "id" })
	return fields[i].Get(record)
}
