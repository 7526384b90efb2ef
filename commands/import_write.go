package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"crm/commands/intake"
	"crm/repo"
)

// This file writes the records of an import.

// doubt adds a warning about a value that is accepted.
func (i *importing) doubt(row intake.Row, text string) {
	if text != "" && len(i.doubts) < mostRefusals {
		i.doubts = append(i.doubts, fmt.Sprintf("%s %d: %s", i.file.Unit, row.Line, text))
	}
}

// write writes the batch.
func (i *importing) write(ctx context.Context) error {
	var adding []imported
	changes, by := map[int64]repo.Change{}, map[int64]imported{}
	for _, r := range i.batch {
		switch {
		case r.id == 0:
			adding = append(adding, r)
		case len(r.change) == 0:
			i.same++
		default:
			changes[r.id], by[r.id] = r.change, r
		}
	}
	i.batch = i.batch[:0]
	if err := i.add(ctx, adding, changes, by); err != nil || len(changes) == 0 {
		return err
	}
	changed, err := i.s.DB.ChangeMany(ctx, i.noun, changes, repo.Partly)
	if err != nil {
		return err
	}
	for _, r := range changed.Refused {
		row := by[r.ID]
		delete(by, r.ID)
		if text, _ := Describe(r.Err); row.id == 0 && i.in.Has("skip-bad") {
			i.doubt(row.Row, fmt.Sprintf("%s %d was added without %s: %s", i.noun, r.ID,
				allOf(slices.Sorted(maps.Keys(row.later))), text))
			continue
		}
		if err := i.refuse(row.Row, named(r.Err, i.noun, r.ID)); err != nil {
			return err
		}
	}
	for id, r := range by {
		if r.id != 0 {
			i.changed++
			i.happened(id, "updated", r.change)
		}
	}
	return nil
}

// add adds records, and collects the columns that are updated afterwards.
func (i *importing) add(ctx context.Context, adding []imported, changes map[int64]repo.Change,
	by map[int64]imported,
) error {
	if len(adding) == 0 {
		return nil
	}
	records := make([]repo.Change, len(adding))
	for j, r := range adding {
		records[j] = r.change
	}
	added, err := i.s.DB.AddMany(ctx, i.noun, records)
	if err != nil {
		return err
	}
	for j, r := range adding {
		if err := added.Refused[j]; err != nil {
			if err := i.refuse(r.Row, err); err != nil {
				return err
			}
			continue
		}
		i.added++
		i.happened(added.IDs[j], "added", r.change)
		if len(r.later) > 0 {
			changes[added.IDs[j]], by[added.IDs[j]] = r.later, r
		}
	}
	return nil
}

// happened adds an event to report (R31): each collaborator and contract; of other records only the number.
func (i *importing) happened(id int64, what string, change repo.Change) {
	if status, sets := change["status"].(string); sets {
		i.events = append(i.events, happened(i.noun, id, status))
	}
	if i.noun == "user" {
		i.events = append(i.events, happened(i.noun, id, what))
	}
}

// refuse adds a row that the database refuses to the rejects; another error ends the import.
func (i *importing) refuse(row intake.Row, err error) error {
	if !Readable(err) {
		return err
	}
	text, _ := Describe(i.s.inCurrency(err))
	return i.refused.add(row, i.file.Unit, text)
}
