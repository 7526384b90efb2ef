package commands

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"crm/repo"
)

// This file offers the support collaborators who are free at the time of an event before those who are busy.

// freeSupportID is the kind of the ID of a support collaborator for an event. The event's ID or name is the argument
// before it.
var freeSupportID = func() Kind {
	k := SupportID
	k.Of = supportFor
	return k
}()

func supportFor(event string) Kind {
	k := SupportID
	live, search := k.Live, k.Search
	k.Key, k.Ordered = "SUPPORT_ID for "+event, true
	k.Live = func(ctx context.Context, s *Session) ([]Choice, error) {
		found, err := live(ctx, s)
		return freeFirst(ctx, s, event, found), err
	}
	k.Search = func(ctx context.Context, s *Session, text string) ([]Choice, error) {
		found, err := search(ctx, s, text)
		return freeFirst(ctx, s, event, found), err
	}
	return k
}

const busyWith = ", busy with event "

// freeFirst marks the users who have another event at the time of the event, and moves them to the end. If the event
// is unknown or has no time, the choices stay as they are.
func freeFirst(ctx context.Context, s *Session, event string, users []Choice) []Choice {
	id, err := strconv.ParseInt(event, 10, 64)
	if err != nil && EventID.refers(event) {
		var found Choice
		if found, err = EventID.one(ctx, s, event, false); err == nil {
			id, err = strconv.ParseInt(found.Text, 10, 64)
		}
	}
	if err != nil || len(users) == 0 {
		return users
	}
	e, err := s.DB.Event(ctx, id)
	if err != nil {
		return users
	}
	ids := make([]int64, len(users))
	for i, u := range users {
		ids[i], _ = strconv.ParseInt(u.Text, 10, 64)
	}
	busy, err := s.DB.Busy(ctx, e, ids)
	if err != nil {
		return users
	}
	marked := slices.Clone(users)
	for i := range marked {
		at := slices.IndexFunc(busy, func(other repo.Event) bool { return *other.SupportID == ids[i] })
		if at >= 0 {
			marked[i].Help += fmt.Sprintf("%s%d", busyWith, busy[at].ID)
		}
	}
	slices.SortStableFunc(marked, func(a, b Choice) int {
		return strings.Count(a.Help, busyWith) - strings.Count(b.Help, busyWith)
	})
	return marked
}
