package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"crm/repo"
)

// This file merges customers.

// taken is the kind of the fields that a merged customer takes from the other one: email=other,phone=other; its value
// is a []string of columns.
var taken = func() Kind {
	fields := []string{"company_name", "full_name", "email", "phone", "address", "language", "sales_id", "external_id"}
	columns := Columns(fields...)
	parse := columns.Parse
	columns.Name = "FIELD=other,…"
	columns.Parse = func(s *Session, text string) (any, error) {
		parts := strings.Split(text, ",")
		for i, part := range parts {
			name, from, given := strings.Cut(part, "=")
			if given && strings.TrimSpace(from) != "other" {
				return nil, fmt.Errorf("want %s=other: the other fields stay", strings.TrimSpace(name))
			}
			parts[i] = name
		}
		return parse(s, strings.Join(parts, ","))
	}
	columns.Values = func(*Session) []Choice {
		all := choices(fields)
		for i := range all {
			all[i].Text += "=other"
		}
		return all
	}
	return columns
}()

// mergeCommand returns `customer merge ID OTHER`.
func mergeCommand() Command {
	return Command{
		Name: "customer merge", Short: "Move all that belongs to a customer to another, and delete it",
		Needs: action("customer", "merge"),
		Args: []Arg{
			{Name: "id", Kind: ownCustomerID, Help: "the customer that stays"},
			{Name: "other", Kind: ownCustomerID, Help: "the customer that is deleted"},
		},
		Flags: []Flag{{
			Name: "take", Kind: taken, Help: "fields to copy to the customer that stays: email=other,phone=other",
		}},
		Destructive: true, Question: askToMerge, Examples: []string{"customer merge 39 37 --take phone=other"},
		Run: mergeCustomers,
	}
}

func mergeCustomers(ctx context.Context, s *Session, in Input) (Output, error) {
	keep, other := Value[int64](in, "id"), Value[int64](in, "other")
	if keep == other {
		return Output{}, usagef("a customer is not merged with itself: give two numbers")
	}
	both := map[int64]repo.Customer{}
	for _, id := range []int64{keep, other} { // an error says which
		c, err := s.DB.Customer(ctx, id)
		if err != nil {
			return Output{}, named(err, "customer", id)
		}
		both[id] = c
	}
	for _, column := range Value[[]string](in, "take") {
		isEmpty := func(f Field[repo.Customer]) bool { return f.Name == column && f.Get(both[other]) == nil }
		if slices.ContainsFunc(customerFields, isEmpty) {
			return Output{}, &worded{
				fmt.Sprintf("invalid --take: customer %d has no %s", other, column),
				"leave it out: the other fields stay", repo.ErrInvalid,
			}
		}
	}
	c, moved, err := s.DB.MergeCustomers(ctx, keep, other, Value[[]string](in, "take"))
	if isBare(err, repo.ErrDenied) {
		err = &worded{
			fmt.Sprintf("not permitted: customers %d and %d are not both yours", keep, other), "",
			repo.ErrDenied,
		}
	}
	out := done(customerFields, c, "customer", keep, "updated")
	out.Message = fmt.Sprintf("customer %d merged into customer %d", other, keep) + inBrackets(movedInWords(moved))
	out.Events = append(out.Events, happened("customer", other, "deleted"))
	return out, named(err, "customer", keep)
}

// movedInWords lists what was moved: "2 contracts and 1 note".
func movedInWords(moved map[string]int64) string {
	var parts []string
	for _, noun := range slices.Sorted(maps.Keys(moved)) {
		parts = append(parts, Plural(moved[noun], noun))
	}
	if parts == nil {
		return ""
	}
	return allOf(parts) + " moved"
}

// askToMerge asks before customers are merged: "merge customer 2 Bouzin (Lou Bouzin) into customer 1 Bouzin SARL (Lou
// Bouzin)".
func askToMerge(ctx context.Context, s *Session, in Input) (string, error) {
	var names [2]string
	for i, id := range []int64{Value[int64](in, "other"), Value[int64](in, "id")} {
		c, err := s.DB.Customer(ctx, id)
		if err != nil {
			return "", named(err, "customer", id)
		}
		names[i] = fmt.Sprintf("customer %d %s", id, c.CompanyName) + inBrackets(c.FullName)
	}
	question := "merge " + names[0] + " into " + names[1]
	if take := Value[[]string](in, "take"); take != nil {
		question += ", which takes its " + allOf(take)
	}
	return question, nil
}
