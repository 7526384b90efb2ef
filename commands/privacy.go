package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"crm/repo"
)

// This file exports and erases the personal data of a customer.

// personalFields returns the fields of a customer's personal data: the customer, one field for each noun of its
// records, and the trail.
func personalFields(p repo.PersonalData) []Field[repo.PersonalData] {
	fields := []Field[repo.PersonalData]{
		{Column{Name: "customer"}, func(p repo.PersonalData) any { return Nested{Value: p.Customer} }},
		{Column{Name: "sales_contact"}, func(p repo.PersonalData) any { return nested(p.SalesContact) }},
	}
	for _, noun := range slices.Sorted(maps.Keys(p.Records)) {
		fields = append(fields, Field[repo.PersonalData]{
			Column{Name: noun + "s"}, func(p repo.PersonalData) any { return Nested{Value: p.Records[noun]} },
		})
	}
	return append(fields, Field[repo.PersonalData]{
		Column{Name: "trail"},
		func(p repo.PersonalData) any { return Nested{Value: p.Trail} },
	})
}

// An erasure is the result of erasing a customer.
type erasure struct{ id, entries int64 }

var erasureFields = []Field[erasure]{
	{Column{Name: "id"}, func(e erasure) any { return e.id }},
	{Column{Name: "trail_entries"}, func(e erasure) any { return e.entries }},
}

func privacyCommands() Table {
	return Table{
		{
			Name: "customer export-data", Short: "Print everything that is held on a customer, as JSON",
			Needs: action("customer", "export"),
			Args:  []Arg{idArg(CustomerID)}, Examples: []string{"customer export-data 1"},
			Run: func(ctx context.Context, s *Session, in Input) (Output, error) {
				id := Value[int64](in, "id")
				data, err := s.DB.ExportCustomer(ctx, id)
				out := single(personalFields(data), data)
				out.Format = "json"
				out.Events = []Event{happened("customer", id, "exported")}
				return out, named(err, "customer", id)
			},
		},
		{
			Name:  "customer erase",
			Short: "Take the person out of a customer and its history, for good; contracts and amounts stay",
			Needs: action("customer", "erase"),
			Args:  []Arg{idArg(CustomerID)}, Destructive: true, Question: aboutCustomer("erase"), Run: eraseCustomer,
		},
	}
}

func eraseCustomer(ctx context.Context, s *Session, in Input) (Output, error) {
	id := Value[int64](in, "id")
	switch _, into, err := s.DB.Gone(ctx, "customer", id); {
	case err != nil:
		return Output{}, err
	case into != 0: // the database refuses it too; this is before the question
		return Output{}, &worded{fmt.Sprintf("customer %d was merged into customer %d: use the number of that one, "+
			"which has what belonged to both", id, into), "", repo.ErrConflict}
	}
	if !in.Has("yes") {
		who, words := "the customer", []string{strconv.FormatInt(id, 10)}
		if c, err := s.DB.Customer(ctx, id); err == nil { // a deleted one can be erased too
			who, words = fmt.Sprintf("%s, %s,", c.CompanyName, c.FullName), append(words, c.CompanyName)
		}
		question := fmt.Sprintf(
			"%s will be gone for good, from the history too\nto go on, type the number %d or the company's name: ", who,
			id)
		if err := s.Retyped(ctx, question, words...); err != nil {
			return Output{}, err
		}
	}
	entries, err := s.DB.EraseCustomer(ctx, id)
	if err != nil {
		return Output{}, named(err, "customer", id)
	}
	out := done(erasureFields, erasure{id, entries}, "customer", id, "erased")
	out.Message += fmt.Sprintf("; entries of the trail that keep digests only: %d", entries)
	return out, nil
}
