package commands

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"crm/repo"
	"crm/security"
)

// This file lists the records that wait for the signed-in user, the most urgent kind first, each with the people to
// talk to and the command that deals with it.

// mostWaiting is the number of records of each kind of work that the inbox shows in the formats for people, and
// wholeWaiting the number in the others. --limit replaces both.
const (
	mostWaiting  = 10
	wholeWaiting = 10_000
)

// A duty is one record that waits for the user.
type duty struct {
	when                     *time.Time // when it is due or begins, or since when it waits
	what                     string     // "€500.00 to be signed"; command has the number
	customer, contact, phone string
	command                  string // deals with it
	noun                     string
	id                       int64
}

var dutyFields = []Field[duty]{
	{Column{Name: "what", Long: true}, func(d duty) any { return d.what }},
	{Column{Name: "customer"}, func(d duty) any { return orNil(d.customer) }},
	{Column{Name: "contact", Wide: 1}, func(d duty) any { return orNil(d.contact) }},
	{Column{Name: "phone", Whole: true}, func(d duty) any { return orNil(d.phone) }},
	{Column{Name: "command", Whole: true}, func(d duty) any { return d.command }},
	{Column{Name: "when", Detail: true}, func(d duty) any { return deref(d.when) }},
	{Column{Name: "noun", Detail: true}, func(d duty) any { return d.noun }},
	{Column{Name: "id", Detail: true}, func(d duty) any { return d.id }},
}

// A pile is one kind of work: the records that wait, and the command that lists all of them.
type pile struct {
	duties     []duty
	total      int64
	noun, rest string // what they are: "contract", "of yours to be signed"
	list       string
}

// text says how much waits: "2 contracts of yours to be signed".
func (p pile) text() string { return Plural(p.total, p.noun) + " " + p.rest }

// piled converts a page of records to a pile.
func piled[T any](found repo.List[T], limit int, p pile, convert func(T) duty) pile {
	p.total = found.Total
	for _, record := range found.Rows[:min(len(found.Rows), limit)] {
		p.duties = append(p.duties, convert(record))
	}
	return p
}

// inbox returns the work that the role may deal with: follow-ups that are due, the user's coming events, events that
// need a support contact, and contracts to be paid and to be signed: of each kind at most limit records. Kinds without
// work are left out.
func inbox(ctx context.Context, s *Session, limit int) (piles []pile, err error) {
	for _, find := range []func(context.Context, *Session, int) (pile, error){
		dueNotes, comingEvents, unassignedEvents, unpaidContracts, unsignedContracts,
	} {
		p, err := find(ctx, s, limit)
		if err != nil {
			return nil, err
		}
		if len(p.duties) > 0 {
			piles = append(piles, p)
		}
	}
	return piles, nil
}

// firstBy returns the page of the first records in the order of a column.
func firstBy(limit int, column string) repo.Page {
	return repo.Page{Limit: limit, Sort: column, Count: true}
}

func dueNotes(ctx context.Context, s *Session, limit int) (pile, error) {
	if !s.May(action("note", "update")) {
		return pile{}, nil
	}
	today := s.Locale.Now().In(s.Locale.Zone)
	found, err := s.DB.Notes(ctx, repo.NoteFilter{Page: firstBy(limit, "due"), AuthorID: s.Me.ID, Due: &today})
	mine := pile{noun: "follow-up", rest: "of yours due", list: "note list --mine --due today"}
	return piled(found, limit, mine, func(n repo.Note) duty {
		due := time.Date(n.Due.Year(), n.Due.Month(), n.Due.Day(), 0, 0, 0, 0, s.Locale.Zone)
		about := ""
		if n.Noun != "customer" { // whose name is in a column of its own
			about = fmt.Sprintf(" on %s %d", n.Noun, n.RecordID)
		}
		return duty{
			when: &due, what: fmt.Sprintf("follow up%s: %s, due %s", about, summary(n.Text, 40),
				n.Due.Format(time.DateOnly)),
			customer: n.Customer, contact: cmp.Or(n.ContactName, n.CustomerContact),
			phone:   cmp.Or(n.ContactPhone, n.CustomerPhone),
			command: fmt.Sprintf("note done %d", n.ID), noun: "note", id: n.ID,
		}
	}), err
}

// comingEvents are the next events of a support collaborator.
func comingEvents(ctx context.Context, s *Session, limit int) (pile, error) {
	if s.Matrix.Scope(action("event", "update")) != security.Own {
		return pile{}, nil
	}
	now := s.Locale.Now()
	found, err := s.DB.Events(ctx, repo.EventFilter{Page: firstBy(limit, "start_date"), SupportID: s.Me.ID, From: &now})
	return piled(found, limit,
		pile{noun: "coming event", rest: "of yours", list: "event list --mine --from today"},
		func(e repo.Event) duty {
			what := eventTitle(s, e)
			if e.Location != nil {
				what += ", " + *e.Location
			}
			return ofEvent(e, what, "get")
		}), err
}

// unassignedEvents are the coming events that need a support contact, for roles that may assign one.
func unassignedEvents(ctx context.Context, s *Session, limit int) (pile, error) {
	if s.Matrix.Scope(action("event", "update")) != security.All {
		return pile{}, nil
	}
	now := s.Locale.Now()
	found, err := s.DB.Events(ctx, repo.EventFilter{Page: firstBy(limit, "start_date"), NoSupport: true, From: &now})
	return piled(found, limit,
		pile{noun: "coming event", rest: "without support", list: "event list --no-support --from today"},
		func(e repo.Event) duty { return ofEvent(e, eventTitle(s, e)+", needs a support contact", "assign") }), err
}

// eventTitle returns the event's name and start.
func eventTitle(s *Session, e repo.Event) string {
	title := "an event"
	if e.Name != nil {
		title = *e.Name
	}
	if e.StartDate != nil {
		title += ", " + clock(s, *e.StartDate)
	}
	return title
}

func ofEvent(e repo.Event, what, verb string) duty {
	return duty{
		when: e.StartDate, what: what, customer: e.Customer, contact: e.CustomerContact, phone: e.CustomerPhone,
		command: fmt.Sprintf("event %s %d", verb, e.ID), noun: "event", id: e.ID,
	}
}

func unpaidContracts(ctx context.Context, s *Session, limit int) (pile, error) {
	amounts := NewAmountFormat(s.Locale)
	f := repo.ContractFilter{Page: firstBy(limit, "signed_at"), Status: "signed", Unpaid: true}
	signed := pile{noun: "signed contract", rest: "to be paid", list: "contract list --status signed --unpaid"}
	return contractsWaiting(ctx, s, f, signed, func(c repo.Contract) duty {
		return duty{
			when: c.SignedAt, what: amounts.Format(c.RemainingAmount) + " to be paid",
			command: fmt.Sprintf("contract get %d", c.ID),
		}
	})
}

func unsignedContracts(ctx context.Context, s *Session, limit int) (pile, error) {
	amounts := NewAmountFormat(s.Locale)
	return contractsWaiting(ctx, s, repo.ContractFilter{Page: firstBy(limit, "id"), Unsigned: true},
		pile{noun: "contract", rest: "to be signed", list: "contract list --unsigned"}, func(c repo.Contract) duty {
			return duty{
				when: &c.CreatedAt, what: amounts.Format(c.TotalAmount) + " to be signed",
				command: fmt.Sprintf("contract sign %d", c.ID),
			}
		})
}

// contractsWaiting returns the contracts of the filter that the role may change: the user's own, or all with the name
// of their sales contact.
func contractsWaiting(ctx context.Context, s *Session, f repo.ContractFilter, p pile,
	convert func(repo.Contract) duty,
) (pile, error) {
	scope := s.Matrix.Scope(action("contract", "update"))
	switch scope {
	case security.None:
		return pile{}, nil
	case security.Own:
		f.Mine, p.rest, p.list = s.Me.ID, "of yours "+p.rest, p.list+" --mine"
	}
	found, err := s.DB.Contracts(ctx, f)
	return piled(found, f.Page.Limit, p, func(c repo.Contract) duty {
		d := convert(c)
		d.customer, d.contact, d.phone = c.Customer, c.CustomerContact, c.CustomerPhone
		d.noun, d.id = "contract", c.ID
		switch {
		case scope == security.Own:
		case c.SalesContact == nil:
			d.what += ", without a sales contact"
		default:
			d.what += ", sold by " + *c.SalesContact
		}
		return d
	}), err
}
