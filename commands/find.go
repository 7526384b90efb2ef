package commands

import (
	"context"
	"fmt"
	"strconv"
	"unicode/utf8"

	"crm/repo"
)

// This file finds records by what they are about, for the command find and for completion.

const (
	mostFound     = 20 // records of a noun
	mostCustomers = 50 // whose contracts and events are found with them
)

// A hit is one record that was found.
type hit struct {
	noun    string
	id      int64
	context string
}

var hitFields = []Field[hit]{
	{Column{Name: "noun"}, func(h hit) any { return h.noun }},
	{Column{Name: "id"}, func(h hit) any { return h.id }},
	{Column{Name: "context"}, func(h hit) any { return h.context }},
}

func findCommands() Table {
	return Table{{
		Name: "find", Short: "Find any record by what it is about, the best match first", Needs: action("customer", "view"),
		Args:     []Arg{{Name: "text", Kind: Required(Text(textLimit)), Help: "words, an address, a number; in quotes if there are several"}},
		Flags:    []Flag{formatFlag},
		Examples: []string{"find bouzin", `find "06 12 34 56 78"`},
		Run: func(ctx context.Context, s *Session, in Input) (Output, error) {
			hits, err := findAll(ctx, s, Value[string](in, "text"))
			return list(hitFields, hits), err
		},
	}}
}

// findAll finds records of every noun that the session may view.
func findAll(ctx context.Context, s *Session, text string) ([]hit, error) {
	var all []hit
	for _, noun := range []struct {
		name string
		kind Kind
	}{{"customer", CustomerID}, {"contract", ContractID}, {"event", EventID}, {"user", UserID}} {
		if !s.May(action(noun.name, "view")) {
			continue
		}
		found, err := noun.kind.Search(ctx, s, text)
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			id, _ := strconv.ParseInt(c.Text, 10, 64)
			all = append(all, hit{noun.name, id, c.Help})
		}
	}
	return all, nil
}

func searchCustomers(ctx context.Context, s *Session, text string) ([]Choice, error) {
	found, err := s.DB.FindCustomers(ctx, text, mostFound)
	return live(found, err, customerChoice)
}

// searchContracts finds contracts by number and by customer.
func searchContracts(ctx context.Context, s *Session, text string) ([]Choice, error) {
	var found []repo.Contract
	if id, ok := asID(text); ok {
		c, err := s.DB.Contract(ctx, id)
		if err == nil {
			found = append(found, c)
		} else if err != repo.ErrNotFound {
			return nil, err
		}
	}
	of, err := customersOf(ctx, s, text)
	if err != nil {
		return nil, err
	}
	more, err := s.DB.Contracts(ctx, repo.ContractFilter{Page: repo.Page{Limit: mostFound}, Customers: of})
	found = distinct(append(found, more...), func(c repo.Contract) int64 { return c.ID })
	return live(found, err, contractChoice)
}

// searchEvents finds events by number, by name, place and notes, and by customer.
func searchEvents(ctx context.Context, s *Session, text string) ([]Choice, error) {
	var found []repo.Event
	if id, ok := asID(text); ok {
		e, err := s.DB.Event(ctx, id)
		if err == nil {
			found = append(found, e)
		} else if err != repo.ErrNotFound {
			return nil, err
		}
	}
	of, err := customersOf(ctx, s, text)
	if err != nil {
		return nil, err
	}
	theirs, err := s.DB.Events(ctx, repo.EventFilter{Page: repo.Page{Limit: mostFound}, Customers: of})
	if err != nil {
		return nil, err
	}
	named, err := s.DB.Events(ctx, repo.EventFilter{Page: repo.Page{Limit: mostFound, Search: text}})
	found = distinct(append(append(found, named...), theirs...), func(e repo.Event) int64 { return e.ID })
	return live(found, err, func(e repo.Event) Choice { return eventChoice(s, e) })
}

func searchUsers(role string) func(context.Context, *Session, string) ([]Choice, error) {
	return func(ctx context.Context, s *Session, text string) ([]Choice, error) {
		found, err := s.DB.Users(ctx, repo.UserFilter{Page: repo.Page{Limit: mostFound, Search: text}, Role: role})
		return live(found[:min(len(found), mostFound)], err, userChoice)
	}
}

// customersOf are the IDs of the customers that match best.
func customersOf(ctx context.Context, s *Session, text string) ([]int64, error) {
	customers, err := s.DB.FindCustomers(ctx, text, mostCustomers)
	ids := make([]int64, len(customers))
	for i, c := range customers {
		ids[i] = c.ID
	}
	return ids, err
}

// distinct are the first records, each once.
func distinct[T any](all []T, id func(T) int64) (once []T) {
	seen := map[int64]bool{}
	for _, r := range all {
		if !seen[id(r)] && len(once) < mostFound {
			seen[id(r)] = true
			once = append(once, r)
		}
	}
	return once
}

func asID(text string) (int64, bool) {
	id, err := ID.Parse(nil, text)
	if err != nil {
		return 0, false
	}
	return id.(int64), true
}

func customerChoice(c repo.Customer) Choice {
	return Choice{strconv.FormatInt(c.ID, 10), fmt.Sprintf("%s — %s", c.CompanyName, c.FullName)}
}

func contractChoice(c repo.Contract) Choice {
	return Choice{strconv.FormatInt(c.ID, 10), fmt.Sprintf("%s — %s, %s, %s to pay", c.Customer, c.CustomerContact, c.Status, c.RemainingAmount)}
}

func eventChoice(s *Session, e repo.Event) Choice {
	help := e.Customer
	if e.Name != nil {
		help = *e.Name + " — " + help
	}
	if e.StartDate != nil {
		help += ", " + e.StartDate.In(s.Locale.Zone).Format("2006-01-02")
	}
	return Choice{strconv.FormatInt(e.ID, 10), help}
}

func userChoice(u repo.User) Choice {
	return Choice{strconv.FormatInt(u.ID, 10), fmt.Sprintf("%s %s, %s", u.FirstName, u.LastName, u.Role)}
}

// Searchable tells whether enough is typed to search the database for it.
func (c Completion) Searchable() bool {
	return c.Kind.Search != nil && utf8.RuneCountInString(c.Word) >= 2
}

// With puts what a search for the word found before the other choices, each once.
func (c Completion) With(found, others []Choice) []Choice {
	seen := map[string]bool{}
	var all []Choice
	for _, f := range found {
		f.Text = Quote(c.base + f.Text)
		seen[f.Text] = true
		all = append(all, f)
	}
	for _, o := range others {
		if !seen[o.Text] {
			all = append(all, o)
		}
	}
	return all[:min(len(all), mostChoices)]
}
