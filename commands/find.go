package commands

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"crm/repo"
	"crm/security/finding"
)

// This file searches records of all nouns, for the command find and for completion.

const mostFound = 20 // records of each noun that a search returns

// A hit is a record that a search found.
type hit struct {
	noun string
	Choice
	score int
}

var hitFields = []Field[hit]{
	{Column{Name: "noun", Whole: true}, func(h hit) any { return h.noun }},
	{Column{Name: "id"}, func(h hit) any { id, _ := strconv.ParseInt(h.Text, 10, 64); return id }},
	{Column{Name: "context", Long: true}, func(h hit) any { return h.Help }},
}

func findCommands() Table {
	return Table{{
		Name: "find", Short: "Find records of all kinds by their words, the best match first",
		Needs:    action("customer", "view"),
		Args:     []Arg{{Name: "text", Kind: Words, Help: "words in any order, an address, a number"}},
		Flags:    []Flag{formatFlag},
		Examples: []string{"find lou bouzin", "find 06 12 34 56 78"},
		Run: func(ctx context.Context, s *Session, in Input) (Output, error) {
			hits, err := findAll(ctx, s, Value[string](in, "text"))
			out := list(hitFields, hits)
			out.Message = cutShort(hits, Value[string](in, "text"))
			return out, err
		},
	}}
}

// cutShort returns the message that names the lists with further matches, or "" if every match is shown.
func cutShort(hits []hit, text string) string {
	count := map[string]int{}
	for _, h := range hits {
		count[h.noun]++
	}
	var full []string
	for _, noun := range repo.Nouns() {
		if count[noun] >= mostFound {
			full = append(full, noun+" list --search "+Quote(text))
		}
	}
	if full == nil {
		return ""
	}
	return fmt.Sprintf("the best %d of each are shown: all are in %s", mostFound, strings.Join(full, ", "))
}

// findAll returns matches of every noun that the session may view, the best first across nouns.
func findAll(ctx context.Context, s *Session, text string) ([]hit, error) {
	found, err := s.DB.Find(ctx, s.needle(text), mostFound)
	all := slices.Concat(
		hits(s, "customer", found.Customers, customerChoice), hits(s, "contact", found.Contacts, contactChoice),
		hits(s, "contract", found.Contracts, func(c repo.Contract) Choice { return contractChoice(s, c) }),
		hits(s, "event", found.Events, func(e repo.Event) Choice { return eventChoice(s, e) }),
		hits(s, "note", found.Notes, noteChoice), hits(s, "user", found.Users, userChoice))
	slices.SortStableFunc(all, func(a, b hit) int { return b.score - a.score })
	return all, err
}

// hits converts the matches of a noun to hits; none if the session may not view the noun.
func hits[T any](s *Session, noun string, found []repo.Found[T], choice func(T) Choice) (all []hit) {
	if !s.May(action(noun, "view")) {
		return nil
	}
	for _, f := range found {
		all = append(all, hit{noun, choice(f.Record), f.Score})
	}
	return all
}

// chosen converts matches to choices.
func chosen[T any](found []repo.Found[T], err error, choice func(T) Choice) ([]Choice, error) {
	all := make([]Choice, len(found))
	for i, f := range found {
		all[i] = choice(f.Record)
	}
	return all, err
}

// searchCustomers shows a contact too, if the text names the contact and not the customer.
func searchCustomers(ctx context.Context, s *Session, text string) ([]Choice, error) {
	found, err := s.DB.FindCustomers(ctx, text, mostFound)
	names := func(name string) bool { return finding.Score(text, name) >= finding.MatchStart }
	return chosen(found, err, func(c repo.Customer) Choice {
		choice := customerChoice(c)
		if at := slices.IndexFunc(c.ContactNames, names); at >= 0 && !names(choice.Help) {
			choice.Help += ", " + c.ContactNames[at]
		}
		return choice
	})
}

func searchContacts(ctx context.Context, s *Session, text string) ([]Choice, error) {
	found, err := s.DB.FindContacts(ctx, text, mostFound)
	return chosen(found, err, contactChoice)
}

func searchNotes(ctx context.Context, s *Session, text string) ([]Choice, error) {
	found, err := s.DB.FindNotes(ctx, text, mostFound)
	return chosen(found, err, noteChoice)
}

func searchContracts(ctx context.Context, s *Session, text string, unfit func(repo.Contract) bool) ([]Choice, error) {
	customers, err := s.DB.FindCustomers(ctx, text, mostFound)
	if err != nil {
		return nil, err
	}
	found, err := s.DB.FindContracts(ctx, text, mostFound, customers)
	found = slices.DeleteFunc(found, func(f repo.Found[repo.Contract]) bool { return unfit(f.Record) })
	return chosen(found, err, func(c repo.Contract) Choice { return contractChoice(s, c) })
}

func searchEvents(ctx context.Context, s *Session, text string, fit func(repo.Event) bool) ([]Choice, error) {
	customers, err := s.DB.FindCustomers(ctx, text, mostFound)
	if err != nil {
		return nil, err
	}
	found, err := s.DB.FindEvents(ctx, text, mostFound, customers)
	found = slices.DeleteFunc(found, func(f repo.Found[repo.Event]) bool { return !fit(f.Record) })
	return chosen(found, err, func(e repo.Event) Choice { return eventChoice(s, e) })
}

func searchUsers(role string) func(context.Context, *Session, string) ([]Choice, error) {
	return func(ctx context.Context, s *Session, text string) ([]Choice, error) {
		found, err := s.DB.FindUsers(ctx, text, role, mostFound)
		return chosen(found, err, userChoice)
	}
}

func customerChoice(c repo.Customer) Choice {
	return Choice{strconv.FormatInt(c.ID, 10), fmt.Sprintf("%s — %s", c.CompanyName, c.FullName)}
}

func contactChoice(c repo.Contact) Choice {
	help := fmt.Sprintf("%s — %s", c.FullName, c.Customer)
	if c.Role != "" {
		help += ", " + c.Role
	}
	return Choice{strconv.FormatInt(c.ID, 10), help}
}

func noteChoice(n repo.Note) Choice {
	return Choice{
		strconv.FormatInt(n.ID, 10),
		fmt.Sprintf("%s — %s %d, %s", summary(n.Text, 40), n.Noun, n.RecordID, n.Customer),
	}
}

func contractChoice(s *Session, c repo.Contract) Choice {
	help := fmt.Sprintf("%s — %s, %s, %s to pay", c.Customer, c.CustomerContact, c.Status, toShow(s, c.RemainingAmount))
	return Choice{strconv.FormatInt(c.ID, 10), help}
}

func eventChoice(s *Session, e repo.Event) Choice {
	help := e.Customer
	if e.Name != nil {
		help = *e.Name + " — " + help
	}
	if e.StartDate != nil {
		help += ", " + e.StartDate.In(s.Locale.Zone).Format("2006-01-02")
	}
	if e.CanceledAt != nil {
		help = "canceled: " + help
	}
	return Choice{strconv.FormatInt(e.ID, 10), help}
}

func userChoice(u repo.User) Choice {
	return Choice{strconv.FormatInt(u.ID, 10), fmt.Sprintf("%s %s, %s", u.FirstName, u.LastName, u.Role)}
}

// Searchable reports whether the word is long enough for a search in the database.
func (c Completion) Searchable() bool {
	return c.Kind.Search != nil && utf8.RuneCountInString(c.Typed()) >= 1
}

// Typed returns the typed part of the value that is completed: the last one of several.
func (c Completion) Typed() string { return strings.TrimPrefix(c.Word, c.base) }

// With returns the choices found by a search, followed by the others, without duplicates.
func (c Completion) With(found, others []Choice) []Choice {
	seen := map[string]bool{}
	var all []Choice
	for _, f := range found {
		f.Text = c.inserted(f.Text)
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
