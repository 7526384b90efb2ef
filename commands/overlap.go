package commands

import (
	"context"
	"errors"
	"fmt"

	"crm/repo"
)

// This file warns when a change makes a support contact look after two events at overlapping times (D9).

// bookedTwice warns of the other events of the event's support contact at overlapping times.
func bookedTwice(ctx context.Context, s *Session, e repo.Event) (warnings []string, err error) {
	clashes, err := s.DB.Overlapping(ctx, e)
	for _, c := range clashes {
		warnings = append(warnings, fmt.Sprintf("%v also looks after event %d from %s to %s", deref(e.SupportContact),
			c.ID,
			clock(s, *c.StartDate), clock(s, *c.EndDate)))
	}
	return warnings, err
}

// overlapsOf warns of the overlaps that handing over the coming events of one support contact to another makes.
func overlapsOf(ctx context.Context, s *Session, from, to int64) (warnings []string, err error) {
	overlaps, err := s.DB.Overlaps(ctx, from, to)
	for _, o := range overlaps {
		warnings = append(warnings, fmt.Sprintf("event %d overlaps event %d, which %s looks after from %s to %s",
			o.EventID, o.OtherID, o.Contact,
			clock(s, o.From), clock(s, o.To)))
	}
	return warnings, err
}

// reassigning runs a change of a collaborator with --reassign-to, and adds to its answer what moved and which events
// overlap.
func reassigning(ctx context.Context, s *Session, in Input, change func(*repo.Reassignment) (Output, error)) (Output,
	error,
) {
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

// undoneOverlaps warns of overlaps of an event that taking back a change has moved or brought back.
func undoneOverlaps(ctx context.Context, s *Session, c repo.LastChange) ([]string, error) {
	if c.Entity != "event" {
		return nil, nil
	}
	e, err := s.DB.Event(ctx, c.EntityID)
	if errors.Is(err, repo.ErrNotFound) { // deleted by the undo
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return bookedTwice(ctx, s, e)
}
