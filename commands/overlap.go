package commands

import (
	"context"
	"fmt"

	"crm/repo"
)

// This file warns if a change assigns a support contact to two events at overlapping times (D9).

// bookedTwice returns a warning for each event of the same support contact at an overlapping time.
func bookedTwice(ctx context.Context, s *Session, e repo.Event) (warnings []string, err error) {
	clashes, err := s.DB.Overlapping(ctx, e)
	for _, c := range clashes {
		warnings = append(warnings, fmt.Sprintf("%v also looks after event %d from %s to %s", deref(e.SupportContact),
			c.ID,
			clock(s, *c.StartDate), clock(s, *c.EndDate)))
	}
	return warnings, err
}

// overlapsOf warns of the overlaps that result if one support contact's coming events move to another.
func overlapsOf(ctx context.Context, s *Session, from, to int64) (warnings []string, err error) {
	overlaps, err := s.DB.Overlaps(ctx, from, to)
	for _, o := range overlaps {
		warnings = append(warnings, overlapLine(s, o))
	}
	return warnings, err
}

func overlapLine(s *Session, o repo.Overlap) string {
	return fmt.Sprintf("event %d overlaps event %d, which %s looks after from %s to %s",
		o.EventID, o.OtherID, o.Contact, clock(s, o.From), clock(s, o.To))
}

// overlapsAmong warns of overlaps of changed events, at most mostRefusals.
func overlapsAmong(ctx context.Context, s *Session, ids []int64) (warnings []string, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	overlaps, err := s.DB.OverlapsOf(ctx, ids, mostRefusals)
	for _, o := range overlaps {
		warnings = append(warnings, overlapLine(s, o))
	}
	return warnings, err
}

// reassigning runs a change of a collaborator with --reassign-to. It adds the moved records and the overlapping events
// to the answer.
func reassigning(ctx context.Context, s *Session, in Input,
	change func(*repo.Reassignment) (Output, error),
) (Output, error) {
	id, to := Value[int64](in, "id"), Value[int64](in, "reassign-to")
	if to == 0 {
		out, err := change(nil)
		return out, named(err, "user", id)
	}
	warnings, err := overlapsOf(ctx, s, id, to)
	if err != nil {
		return Output{}, err
	}
	r := &repo.Reassignment{To: to}
	out, err := change(r)
	out.Message += fmt.Sprintf("; %s handed over to user %d", inWords(r.Moved), to)
	out.Warnings = append(out.Warnings, warnings...)
	return out, named(err, "user", id)
}

// undoneOverlaps warns of overlaps of the events that an undo has moved or restored.
func undoneOverlaps(ctx context.Context, s *Session, c repo.LastChange) ([]string, error) {
	ids, err := s.DB.Records(ctx, c, "event")
	if err != nil {
		return nil, err
	}
	return overlapsAmong(ctx, s, ids)
}
