package commands

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"crm/security/finding"
)

// This file searches, sorts and cuts lists without pages, such as tag list. All their rows are read at once.

// mostShort is the largest --limit of a list.
const mostShort = 10_000

// short returns the command with the flags of a list that has no pages: --search, --limit, --sort and --columns. The
// command answers records with the fields.
func short[T any](fields []Field[T], c Command) Command {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	c.Flags = append(slices.Clone(c.Flags),
		searchFlag("any column"),
		Flag{Name: "limit", Kind: Number("N", 1, mostShort), Help: limitHelp},
		Flag{Name: "sort", Kind: sortKind(slices.Clone(names)), Help: "order by this column"},
		Flag{Name: "columns", Kind: Columns(names...), Help: "only these columns, in this order"},
	)
	run := c.Run
	c.Run = func(ctx context.Context, s *Session, in Input) (Output, error) {
		out, err := run(ctx, s, in)
		if err != nil {
			return Output{}, err
		}
		if text := Value[string](in, "search"); text != "" {
			out.Rows = slices.DeleteFunc(out.Rows, func(row []any) bool { return !mentions(row, text) })
		}
		if in.Has("sort") {
			out.sort(Value[order](in, "sort"))
		}
		out.cut(s, in)
		return out, nil
	}
	return c
}

// mentions reports whether the texts of a row have all words of a text.
func mentions(row []any, text string) bool {
	var texts []string
	for _, cell := range row {
		if t, ok := cell.(string); ok {
			texts = append(texts, t)
		}
	}
	return finding.Score(text, texts...) > finding.NoMatch
}

// sort sorts the rows by a column. Missing values come last.
func (o *Output) sort(by order) {
	at := slices.IndexFunc(o.Columns, func(c Column) bool { return c.Name == by.column })
	slices.SortStableFunc(o.Rows, func(a, b []any) int {
		switch {
		case a[at] == nil || b[at] == nil:
			return cmp.Compare(fmt.Sprint(a[at] == nil), fmt.Sprint(b[at] == nil))
		case by.desc:
			return compareCells(b[at], a[at])
		}
		return compareCells(a[at], b[at])
	})
}

// compareCells compares two values of a column: numbers and times by their size, others by their folded texts.
func compareCells(a, b any) int {
	switch a := a.(type) {
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
	case time.Time:
		if b, ok := b.(time.Time); ok {
			return a.Compare(b)
		}
	}
	return strings.Compare(finding.Fold(fmt.Sprint(a)), finding.Fold(fmt.Sprint(b)))
}

// cut keeps as many rows as --limit says, or the setting in a format for people. The footer then says how to get more.
func (o *Output) cut(s *Session, in Input) {
	all := len(o.Rows)
	limit := cmp.Or(Value[int](in, "limit"), s.Settings.Limit)
	o.Limited = in.Has("limit")
	if isWhole(s, in) || all <= limit {
		return
	}
	o.Rows, o.Total = o.Rows[:limit], grouped(int64(all))
	o.More = fmt.Sprintf("--limit %d", min(all, mostShort))
}
