package commands

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"crm/repo"
)

// This file has the values that fit an event: the support collaborators, those who are free at its time before those
// who are busy, and the contacts of its customer.

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

// eventWith returns the event with the number or the name.
func eventWith(ctx context.Context, s *Session, text string) (repo.Event, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil && EventID.refers(text) {
		var found Choice
		if found, err = EventID.one(ctx, s, text, false); err == nil {
			id, err = strconv.ParseInt(found.Text, 10, 64)
		}
	}
	if err != nil {
		return repo.Event{}, err
	}
	return s.DB.Event(ctx, id)
}

// eventContactID is the kind of the ID of a contact of an event's customer. The event's ID or name is the argument
// before it; without one it is any contact's.
var eventContactID = func() Kind {
	k := ContactID
	k.Of = contactFor
	return k
}()

func contactFor(event string) Kind {
	k := ContactID
	k.Key = "CONTACT_ID for " + event
	own := func(ctx context.Context, s *Session, otherwise func() ([]Choice, error)) ([]Choice, error) {
		e, err := eventWith(ctx, s, event)
		if err != nil {
			return otherwise()
		}
		found, err := s.DB.Contacts(ctx, repo.ContactFilter{
			Page: repo.Page{Limit: mostContacts}, CustomerID: e.CustomerID,
		})
		return live(found.Rows, err, contactChoice)
	}
	k.Live = func(ctx context.Context, s *Session) ([]Choice, error) {
		return own(ctx, s, func() ([]Choice, error) { return ContactID.Live(ctx, s) })
	}
	k.Search = func(ctx context.Context, s *Session, text string) ([]Choice, error) {
		return own(ctx, s, func() ([]Choice, error) { return ContactID.Search(ctx, s, text) })
	}
	return k
}

const mostContacts = 100 // of a customer

const busyWith = ", busy with event "

// freeFirst marks the users who have another event at the time of the event, and moves them to the end. If the event
// is unknown or has no time, the choices stay as they are.
func freeFirst(ctx context.Context, s *Session, event string, users []Choice) []Choice {
	if len(users) == 0 {
		return users
	}
	e, err := eventWith(ctx, s, event)
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
