package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"crm/repo"
)

// This file tells who updates a record of a value that somebody else has just given it, and that the update replaces.

// overtaking makes the updates of a table tell so.
func overtaking(t Table) Table {
	for i, c := range t {
		if c.Verb() != "update" || len(c.Args) == 0 {
			continue
		}
		t[i].Run = func(ctx context.Context, s *Session, in Input) (Output, error) {
			out, err := c.Run(ctx, s, in)
			if err != nil || !in.Has("id") {
				return out, err
			}
			warnings, err := replaced(ctx, s, c.Noun(), Value[int64](in, "id"))
			out.Warnings = append(out.Warnings, warnings...)
			return out, err
		}
	}
	return t
}

// replaced warns of the values of others that the caller's last update of a record has replaced.
func replaced(ctx context.Context, s *Session, noun string, id int64) (warnings []string, err error) {
	all, err := s.DB.RecentChanges(ctx, noun, id)
	mine := len(all) - 1
	if err != nil || mine < 1 || !isOf(all[mine], s.Me.ID) || all[mine].Action != "update" {
		return nil, err
	}
	computed := func(column string) bool {
		return slices.ContainsFunc(repo.ColumnsOfNoun(noun), func(c repo.Column) bool { return c.Name == column && c.IsComputed() })
	}
	for _, column := range slices.Sorted(maps.Keys(all[mine].Before)) {
		if computed(column) {
			continue
		}
		for _, e := range slices.Backward(all[:mine]) {
			if _, sets := e.Before[column]; !sets {
				continue
			}
			if !isOf(e, s.Me.ID) {
				who := "the company's set-up"
				if e.UserName != nil {
					who = *e.UserName
				}
				warnings = append(warnings,
					fmt.Sprintf("%s has changed %s at %s: %s → %s; your value replaces it", who, column, clock(s, e.At),
						toTell(s, column, e.Before[column]), toTell(s, column, e.After[column])))
			}
			break
		}
	}
	return warnings, nil
}

func isOf(e repo.Entry, user int64) bool { return e.UserID != nil && *e.UserID == user }
