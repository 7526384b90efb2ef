package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"crm/repo"
)

// This file warns if an update replaces a value that somebody else has set shortly before.

// overtaking adds the warning to the update commands of a table.
func overtaking(t Table) Table {
	for i, c := range t {
		if c.Verb() != "update" || len(c.Args) == 0 {
			continue
		}
		t[i].Run = func(ctx context.Context, s *Session, in Input) (Output, error) {
			out, err := c.Run(ctx, s, in)
			if err != nil || !in.Has("id") || out.Same {
				return out, err
			}
			warnings, err := replaced(ctx, s, c.Noun(), Value[int64](in, "id"))
			out.Warnings = append(out.Warnings, warnings...)
			return out, err
		}
	}
	return t
}

// replaced returns a warning for each value of others that the user's last update of a record has replaced.
func replaced(ctx context.Context, s *Session, noun string, id int64) (warnings []string, err error) {
	all, err := s.DB.RecentChanges(ctx, noun, id)
	last := len(all) - 1
	if err != nil || last < 1 || !isOf(all[last], s.Me.ID) || all[last].Action != "update" {
		return nil, err
	}
	computed := func(column string) bool {
		return slices.ContainsFunc(repo.ColumnsOfNoun(noun),
			func(c repo.Column) bool { return c.Name == column && c.IsComputed() })
	}
	for _, column := range slices.Sorted(maps.Keys(all[last].Before)) {
		if computed(column) {
			continue
		}
		for _, e := range slices.Backward(all[:last]) {
			if _, sets := e.Before[column]; !sets {
				continue
			}
			if e.After[column] == repo.Erased {
				warnings = append(warnings, fmt.Sprintf("%s %d was erased: %s is filled in again", noun, id, column))
			} else if !isOf(e, s.Me.ID) {
				who := "the company's set-up"
				if e.UserName != nil {
					who = *e.UserName
				}
				warnings = append(warnings,
					fmt.Sprintf("%s changed %s at %s: %s → %s; your value replaces it", who, column, clock(s, e.At),
						trailLine(s, column, e.Before[column]), trailLine(s, column, e.After[column])))
			}
			break
		}
	}
	return warnings, nil
}

func isOf(e repo.Entry, user int64) bool { return e.UserID != nil && *e.UserID == user }
