package commands

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"crm/repo"
)

// This file shows the trail of a record.

// historyCommand returns `NOUN history ID`.
func historyCommand(noun string, kind Kind) Command {
	return Command{
		Name: noun + " history", Short: "Show the changes: who, when, before and after", Needs: action(noun, "view"),
		Args: []Arg{idArg(kind)}, Examples: []string{noun + " history 1"},
		Run: func(ctx context.Context, s *Session, in Input) (Output, error) {
			id := Value[int64](in, "id")
			entries, err := s.DB.History(ctx, noun, id)
			if err != nil {
				return Output{}, named(err, noun, id)
			}
			fields := slices.Clone(changeFields)
			merged := slices.ContainsFunc(entries, func(e repo.Entry) bool { return e.RecordID != id })
			for i, f := range fields {
				if f.Name == "record_id" {
					fields[i].Detail = !merged
				}
			}
			return list(fields, changesOf(entries)), nil
		},
	}
}

// A change is one column of an entry of the trail.
type change struct {
	at             time.Time
	userID         *int64
	user           *string
	recordID       int64
	action, column string
	from, to       any
}

var changeFields = []Field[change]{
	{Column{Name: "at"}, func(c change) any { return c.at }},
	{Column{Name: "record_id"}, func(c change) any { return c.recordID }},
	{Column{Name: "user_id", Detail: true}, func(c change) any { return deref(c.userID) }},
	{Column{Name: "user"}, func(c change) any { return deref(c.user) }},
	{Column{Name: "action", Whole: true}, func(c change) any { return c.action }},
	{Column{Name: "field", Whole: true}, func(c change) any { return orNil(c.column) }},
	{Column{Name: "from", Long: true}, func(c change) any { return c.from }},
	{Column{Name: "to", Long: true}, func(c change) any { return c.to }},
}

// changesOf returns a row for each column that an entry changed, in the order of their names.
func changesOf(entries []repo.Entry) []change {
	var all []change
	for _, e := range entries {
		columns := maps.Clone(e.After)
		if columns == nil {
			columns = map[string]any{}
		}
		maps.Copy(columns, e.Before)
		for _, column := range slices.Sorted(maps.Keys(columns)) {
			name, from, to := seenIn(column, e.Before[column], e.After[column])
			all = append(all, change{
				e.At, e.UserID, e.UserName, e.RecordID, e.Action, name, trailCell(column, from), trailCell(column, to),
			})
		}
		if len(columns) == 0 {
			all = append(all, change{e.At, e.UserID, e.UserName, e.RecordID, e.Action, "", nil, nil})
		}
	}
	return all
}

// seenIn returns the column that users see for a column of the trail, and its values: the time when a contact becomes
// the first one changes only when it was not.
func seenIn(column string, before, after any) (seen string, from, to any) {
	if column != "first_at" {
		return column, before, after
	}
	return "first", after == nil && before != nil, after != nil
}

// trailCell converts a column of the trail to a cell: a time.Time for timestamps, a repo.Money for amounts, otherwise a
// text.
func trailCell(column string, v any) any {
	isMoment := slices.ContainsFunc([]string{"_at", "_date", "_until"},
		func(end string) bool { return strings.HasSuffix(column, end) })
	if text, ok := v.(string); ok && isMoment {
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			return at
		}
	}
	return plain(v)
}

// trailText returns a column of the trail as people read it.
func trailText(s *Session, column string, v any) string {
	return toShow(s, trailCell(column, v))
}

// trailLine is trailText for a message: a long text or one of several lines is shortened.
func trailLine(s *Session, column string, v any) string {
	text := trailText(s, column, v)
	if strings.Contains(text, "\n") || utf8.RuneCountInString(text) > 100 {
		return summary(text, 40)
	}
	return text
}

// plain returns a JSON value as text; an amount, and yes or no, as they are.
func plain(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case string, bool, repo.Money:
		return v
	}
	text, _ := json.Marshal(v)
	return string(text)
}
