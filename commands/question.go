package commands

import (
	"context"
	"fmt"
	"strings"

	"crm/repo"
)

// This file writes the questions before destructive commands: what the command does, and to which record.

type question = func(ctx context.Context, s *Session, in Input) (string, error)

// inBrackets joins the known facts of a record: " (a, b)"; "" if there are none.
func inBrackets(facts ...string) string {
	var known []string
	for _, f := range facts {
		if f != "" {
			known = append(known, f)
		}
	}
	if known == nil {
		return ""
	}
	return " (" + strings.Join(known, ", ") + ")"
}

// text returns the text of a pointer; "" for nil.
func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func aboutCustomer(verb string) question {
	return func(ctx context.Context, s *Session, in Input) (string, error) {
		id := Value[int64](in, "id")
		c, err := s.DB.Customer(ctx, id)
		if isBare(err, repo.ErrNotFound) && verb == "erase" { // a deleted one can be erased too
			return fmt.Sprintf("erase customer %d", id), nil
		}
		return fmt.Sprintf("%s customer %d %s", verb, id, c.CompanyName) + inBrackets(c.FullName), named(err,
			"customer", id)
	}
}

func aboutContact(verb string) question {
	return func(ctx context.Context, s *Session, in Input) (string, error) {
		id := Value[int64](in, "id")
		c, err := s.DB.Contact(ctx, id)
		return fmt.Sprintf("%s contact %d %s", verb, id, c.FullName) + inBrackets(c.Customer), named(err, "contact", id)
	}
}

func aboutNote(verb string) question {
	return func(ctx context.Context, s *Session, in Input) (string, error) {
		id := Value[int64](in, "id")
		n, err := s.DB.Note(ctx, id)
		return fmt.Sprintf("%s note %d %s", verb, id,
				summary(n.Text, 40)) + inBrackets(fmt.Sprintf("%s %d", n.Noun, n.RecordID), n.Customer),
			named(err, "note", id)
	}
}

func aboutContract(verb string) question {
	return func(ctx context.Context, s *Session, in Input) (string, error) {
		id := Value[int64](in, "id")
		c, err := s.DB.Contract(ctx, id)
		total := NewAmountFormat(s.Locale).Format(c.TotalAmount)
		return fmt.Sprintf("%s contract %d", verb, id) + inBrackets(c.Customer, total, c.Status), named(err, "contract",
			id)
	}
}

func aboutEvent(verb string) question {
	return func(ctx context.Context, s *Session, in Input) (string, error) {
		id := Value[int64](in, "id")
		e, err := s.DB.Event(ctx, id)
		start := ""
		if e.StartDate != nil {
			start = clock(s, *e.StartDate)
		}
		what := strings.TrimSpace(fmt.Sprintf("%s event %d %s", verb, id, text(e.Name)))
		return what + inBrackets(e.Customer, start, text(e.SupportContact)), named(err, "event", id)
	}
}

func aboutUser(what string) question {
	return func(ctx context.Context, s *Session, in Input) (string, error) {
		id := Value[int64](in, "id")
		u, err := s.DB.User(ctx, id)
		return fmt.Sprintf("%s %s", what, fullName(u)) + inBrackets(u.Role), named(err, "user", id)
	}
}

func fullName(u repo.User) string { return u.FirstName + " " + u.LastName }

// askToDelete returns the question before a collaborator is deleted: "delete Kate Hastroff (support, 9 coming events
// go to Alex Martin)".
func askToDelete(ctx context.Context, s *Session, in Input) (string, error) {
	id, to := Value[int64](in, "id"), Value[int64](in, "reassign-to")
	u, err := s.DB.User(ctx, id)
	if err != nil {
		return "", named(err, "user", id)
	}
	work, err := s.DB.OpenWork(ctx, id)
	if err != nil {
		return "", err
	}
	moves := ""
	if work != (repo.Handed{}) {
		moves = inWords(work)
	}
	if moves != "" && to != 0 {
		next, err := s.DB.User(ctx, to)
		if err != nil {
			return "", named(err, "user", to)
		}
		moves += " go to " + fullName(next)
	}
	return "delete " + fullName(u) + inBrackets(u.Role, moves), nil
}

// askToHandOver returns the question before records move: "hand 4 customers of Ada Lovelace over to Bill Boquet".
func askToHandOver(ctx context.Context, s *Session, in Input) (string, error) {
	var names [2]string
	for i, id := range []int64{Value[int64](in, "id"), Value[int64](in, "to")} {
		u, err := s.DB.User(ctx, id)
		if err != nil {
			return "", named(err, "user", id)
		}
		names[i] = fullName(u)
	}
	work, err := s.DB.OpenWork(ctx, Value[int64](in, "id"))
	return fmt.Sprintf("hand %s of %s over to %s", inWords(work), names[0], names[1]), err
}

// inWords counts the records that are handed over: "3 customers and 1 open contract".
func inWords(h repo.Handed) string {
	var parts []string
	for _, p := range []struct {
		n    int64
		noun string
	}{{h.Customers, "customer"}, {h.Contracts, "open contract"}, {h.Events, "coming event"}} {
		if p.n > 0 {
			parts = append(parts, Plural(p.n, p.noun))
		}
	}
	if parts == nil {
		return "nothing"
	}
	return allOf(parts)
}
