package repo

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// This file finds the best matches of every noun: first by number, exact address or phone number, then by beginnings of
// words, then by parts of words. Read it top down: Find asks for each noun, each noun collects candidates with the
// searches of its list, and best scores and sorts them.

// A Found is a record with its score.
type Found[T any] struct {
	Record T
	Score  int
}

// Everything has the matches of each noun, the best first.
type Everything struct {
	Customers []Found[Customer]
	Contacts  []Found[Contact]
	Contracts []Found[Contract]
	Events    []Found[Event]
	Notes     []Found[Note]
	Users     []Found[User]
}

const (
	mostRelated = 60      // maximum of contracts or events of matching customers to compare
	exactly     = 1 << 10 // the score, above all others, of a record whose number is the needle
)

// Find returns at most limit live matches of each noun.
func (db *DB) Find(ctx context.Context, needle string, limit int) (all Everything, err error) {
	var found, related mentioning
	err = db.concurrently(ctx,
		func(ctx context.Context) (err error) {
			all.Customers, err = db.FindCustomers(ctx, needle, limit)
			return err
		},
		func(ctx context.Context) (err error) {
			all.Contacts, err = db.FindContacts(ctx, needle, limit)
			return err
		},
		func(ctx context.Context) (err error) { all.Notes, err = db.FindNotes(ctx, needle, limit); return err },
		func(ctx context.Context) (err error) { found, err = db.mentioning(ctx, needle, limit); return err })
	if err == nil && len(all.Customers) > 0 {
		err = db.ask(ctx, append(contracts.ofCustomers(db, all.Customers, &related.contracts),
			events.ofCustomers(db, all.Customers, &related.events)...)...)
	}
	if err != nil {
		return Everything{}, err
	}
	all.Users = best(found.users, limit, users.id, func(u User) int { return users.score(db, needle, u) })
	all.Contracts = best(slices.Concat(found.contracts, related.contracts), limit, contracts.id,
		contracts.scoreWith(db, needle, all.Customers))
	all.Events = best(slices.Concat(found.events, related.events), limit, events.id,
		events.scoreWith(db, needle, all.Customers))
	return all, nil
}

// mentioning are records that may mention a needle.
type mentioning struct {
	contracts []Contract
	events    []Event
	users     []User
}

// mentioning returns live contracts and events that mention a needle, without regard to the best customers, and all
// live users. Words are looked up once for contracts and events.
func (db *DB) mentioning(ctx context.Context, needle string, limit int) (all mentioning, err error) {
	looked, err := db.lookUp(ctx, needle, !db.isOneWord(needle) || isAmount(needle))
	if err != nil {
		return all, err
	}
	all.users = slices.DeleteFunc(slices.Clone(looked.colleagues), func(u User) bool { return u.DeletedAt != nil })
	err = db.concurrently(ctx,
		func(ctx context.Context) (err error) {
			all.events, err = db.matchingEvents(ctx, needle, limit, &looked)
			return err
		},
		func(ctx context.Context) (err error) {
			all.contracts, err = db.matchingContracts(ctx, needle, limit, &looked)
			return err
		})
	return all, err
}

// concurrently runs the functions on several connections at once. In the transaction of an atomic script it runs them
// in sequence.
func (db *DB) concurrently(ctx context.Context, asks ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	if db.tx != nil {
		group.SetLimit(1)
	}
	for _, ask := range asks {
		group.Go(func() error { return ask(ctx) })
	}
	return group.Wait()
}

// FindCustomers returns at most limit live customers that match, the best first.
func (db *DB) FindCustomers(ctx context.Context, needle string, limit int) ([]Found[Customer], error) {
	return customers.find(ctx, db, needle, limit)
}

// FindContacts returns at most limit live contacts that match, the best first.
func (db *DB) FindContacts(ctx context.Context, needle string, limit int) ([]Found[Contact], error) {
	return contacts.find(ctx, db, needle, limit)
}

// find returns at most limit live records with sealed texts that match, the best first.
func (e entity[T]) find(ctx context.Context, db *DB, needle string, limit int) ([]Found[T], error) {
	return steady(db, func() ([]Found[T], error) {
		all, err := byNumber(ctx, needle, func(ctx context.Context, id int64) (T, error) { return e.get(ctx, db, id) })
		if err != nil {
			return nil, err
		}
		number := len(all)
		exact, starts, anywhere := db.vault.Needle(needle)
		rounds := [][][]int32{exact, starts, anywhere}
		if !e.finder.many { // the parts of words mostly find few records, and so all
			rounds = [][][]int32{anywhere, exact, starts}
		}
		for i, sets := range rounds {
			if len(sets) == 0 || e.finder.many && len(all) >= limit {
				continue
			}
			p := Page{Search: needle, Limit: limit}
			candidates := e.withTokens(sets, e.isShown(p))
			fetch := func(p Page) (List[T], error) {
				return e.page(ctx, db, e.compared().Where(candidates(p)), p, e.sorts())
			}
			found, err := searched(p, e.id, fetch, func(record T) bool { return e.score(db, needle, record) > 0 })
			if err != nil {
				return nil, err
			}
			all = append(all, found.Rows...)
			if !e.finder.many && i == 0 && found.Total >= 0 {
				break
			}
		}
		return best(all, limit, e.id, func(record T) int {
			if number > 0 && e.id(record) == e.id(all[0]) {
				return exactly
			}
			return e.score(db, needle, record)
		}), nil
	})
}

// FindContracts returns at most limit live contracts that match, the best first: by number or total, by their customers
// if these are in matching, or by several words in several places.
func (db *DB) FindContracts(
	ctx context.Context, needle string, limit int, matching []Found[Customer],
) ([]Found[Contract], error) {
	all, err := db.matchingContracts(ctx, needle, limit, nil)
	if err != nil {
		return nil, err
	}
	var related []Contract
	err = db.ask(ctx, contracts.ofCustomers(db, matching, &related)...)
	return best(append(all, related...), limit, contracts.id, contracts.scoreWith(db, needle, matching)), err
}

// matchingContracts returns contracts that match, without regard to the best customers. looked may be nil.
func (db *DB) matchingContracts(
	ctx context.Context, needle string, limit int, looked *lookedUp,
) ([]Contract, error) {
	all, err := byNumber(ctx, needle, db.Contract)
	if err != nil || db.isOneWord(needle) && !isAmount(needle) {
		return all, err
	}
	found, err := db.Contracts(ctx, ContractFilter{Page: Page{Limit: limit, Search: needle, lookedUp: looked}})
	return append(all, found.Rows...), err
}

// FindEvents returns at most limit live events that match, the best first: by number, by their own texts, by their
// customers if these are in matching, or by several words in several places.
func (db *DB) FindEvents(
	ctx context.Context, needle string, limit int, matching []Found[Customer],
) ([]Found[Event], error) {
	all, err := db.matchingEvents(ctx, needle, limit, nil)
	if err != nil {
		return nil, err
	}
	var related []Event
	err = db.ask(ctx, events.ofCustomers(db, matching, &related)...)
	return best(append(all, related...), limit, events.id, events.scoreWith(db, needle, matching)), err
}

// matchingEvents returns events that match, without regard to the best customers. looked may be nil.
func (db *DB) matchingEvents(ctx context.Context, needle string, limit int, looked *lookedUp) ([]Event, error) {
	all, err := byNumber(ctx, needle, db.Event)
	if err != nil {
		return nil, err
	}
	var found List[Event]
	if db.isOneWord(needle) {
		found, err = db.eventsByTexts(ctx, needle, limit)
	} else {
		found, err = db.Events(ctx, EventFilter{Page: Page{Limit: limit, Search: needle, lookedUp: looked}})
	}
	return append(all, found.Rows...), err
}

// eventsByTexts returns the first live events whose own texts match.
func (db *DB) eventsByTexts(ctx context.Context, needle string, limit int) (List[Event], error) {
	m := mentions{mentionedBy: events.finder.mentionedBy, parts: []part{{sets: db.vault.PlainNeedle(needle)}}}
	fetch := func(p Page) (List[Event], error) {
		return events.page(ctx, db, events.from().Where(m.candidates(p, nil)), p, events.sorts())
	}
	matches := func(e Event) bool { return events.score(db, needle, e) > 0 }
	return searched(Page{Limit: limit, Search: needle}, events.id, fetch, matches)
}

// ofCustomers returns the steps that read the first live records of customers.
func (e entity[T]) ofCustomers(db *DB, customers []Found[Customer], into *[]T) []step {
	q := e.from().Where(ofCustomers(e.view, idsOf(customers))).Where(isDeleted(false))
	return []step{inOrder(), {ordered(q, e.view, Page{Limit: mostRelated}, nil), collect(into, e.row(db))}}
}

// FindUsers returns at most limit live collaborators that match, the best first. A non-empty role restricts them to
// that role.
func (db *DB) FindUsers(ctx context.Context, needle, role string, limit int) ([]Found[User], error) {
	all, err := db.Users(ctx, UserFilter{Page: Page{Limit: MostCounted, Search: needle}, Role: role})
	return best(all.Rows, limit, users.id, func(u User) int { return users.score(db, needle, u) }), err
}

// byNumber returns the live record whose number is the needle, if it exists.
func byNumber[T any](ctx context.Context, needle string, get func(context.Context, int64) (T, error)) ([]T, error) {
	id, err := strconv.ParseInt(strings.TrimSpace(needle), 10, 64)
	if err != nil || id < 1 {
		return nil, nil
	}
	r, err := get(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return []T{r}, err
}
