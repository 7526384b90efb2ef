package repo

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// This file finds the best matches of every noun: by number, whole address or phone number first, then by the beginnings of words, then
// inside them.

// A Found is a record with how well it matches.
type Found[T any] struct {
	Record T
	Score  int
}

// mostRelated is how many contracts or events of customers are looked at.
const mostRelated = 60

// exactly is the score of a record that is asked for by its number, above all others.
const exactly = 1 << 10

// scoreRecord tells how well a record matches: by its number, by its amount, or with every word somewhere in its texts.
func (db *DB) scoreRecord(text string, id int64, amount *Money, texts ...string) int {
	number := strconv.FormatInt(id, 10)
	if strings.TrimSpace(text) == number {
		return exactly
	}
	best := db.vault.Score(text, texts...)
	for _, r := range db.readings(text, amount != nil) {
		if r.amount != nil && *r.amount != *amount {
			continue
		}
		score := exactly - 1
		for _, word := range r.words {
			parsed, err := ParseMoney(word)
			if isAmount := amount != nil && err == nil && parsed == *amount; word != number && !isAmount {
				score = min(score, db.vault.Score(word, texts...))
			}
		}
		best = max(best, score)
	}
	return best
}

// best are at most limit of the records, each once, the best first and in the order of their ids among equals.
func best[T any](all []T, limit int, id func(T) int64, score func(T) int) []Found[T] {
	seen := map[int64]bool{}
	var found []Found[T]
	for _, r := range all {
		if s := score(r); s > 0 && !seen[id(r)] {
			seen[id(r)] = true
			found = append(found, Found[T]{r, s})
		}
	}
	slices.SortStableFunc(found, func(a, b Found[T]) int {
		return cmp.Or(b.Score-a.Score, cmp.Compare(id(a.Record), id(b.Record)))
	})
	return found[:min(len(found), limit)]
}

// numbered is the live record whose number the text is, if there is one.
func numbered[T any](ctx context.Context, text string, get func(context.Context, int64) (T, error)) ([]T, error) {
	id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || id < 1 {
		return nil, nil
	}
	r, err := get(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return []T{r}, err
}

// FindCustomers are at most limit live customers that match, the best first.
func (db *DB) FindCustomers(ctx context.Context, text string, limit int) ([]Found[Customer], error) {
	return steady(db, func() ([]Found[Customer], error) {
		all, err := numbered(ctx, text, db.Customer)
		if err != nil {
			return nil, err
		}
		number := len(all)
		exact, starts, anywhere := db.vault.Needle(text)
		for _, sets := range [][][]int32{exact, starts, anywhere} {
			if len(sets) == 0 || len(all) >= limit {
				continue
			}
			rows, err := db.searchCustomers(ctx, CustomerFilter{Page: Page{Search: text, Limit: limit}}, sets)
			if err != nil {
				return nil, err
			}
			all = append(all, rows.Rows...)
		}
		return best(all, limit, func(c Customer) int64 { return c.ID }, func(c Customer) int {
			if number > 0 && c.ID == all[0].ID {
				return exactly
			}
			return db.scoreCustomer(text, c)
		}), nil
	})
}

// isOneWord tells whether a needle can only be found as a whole.
func (db *DB) isOneWord(text string) bool {
	readings := db.vault.Readings(text)
	return !slices.ContainsFunc(readings, func(words []string) bool { return len(words) > 1 })
}

// FindContracts are at most limit live contracts that match, by number, by the customers that do, or by several words in several places, the
// best first.
func (db *DB) FindContracts(ctx context.Context, text string, limit int, of []Found[Customer]) ([]Found[Contract], error) {
	all, err := numbered(ctx, text, db.Contract)
	if err != nil {
		return nil, err
	}
	if !db.isOneWord(text) {
		mixed, err := db.Contracts(ctx, ContractFilter{Page: Page{Limit: limit, Search: text}})
		if err != nil {
			return nil, err
		}
		all = append(all, mixed.Rows...)
	}
	theirs, err := db.Contracts(ctx, ContractFilter{Page: Page{Limit: mostRelated}, Customers: idsOf(of)})
	score := byCustomer(of, func(c Contract) int64 { return c.CustomerID }, func(c Contract) int { return db.scoreContract(text, c) })
	return best(append(all, theirs.Rows...), limit, func(c Contract) int64 { return c.ID }, score), err
}

// FindEvents are at most limit live events that match, by number, by texts of their own, by the customers that do, or by several words in
// several places, the best first.
func (db *DB) FindEvents(ctx context.Context, text string, limit int, of []Found[Customer]) ([]Found[Event], error) {
	own, err := db.ownEvents(ctx, text, limit)
	if err != nil {
		return nil, err
	}
	return db.withTheirs(ctx, text, limit, own, of)
}

// ownEvents are events that match without a look at the best customers.
func (db *DB) ownEvents(ctx context.Context, text string, limit int) ([]Event, error) {
	all, err := numbered(ctx, text, db.Event)
	if err != nil {
		return nil, err
	}
	var named List[Event]
	if db.isOneWord(text) {
		named, err = db.namedEvents(ctx, text, limit)
	} else {
		named, err = db.Events(ctx, EventFilter{Page: Page{Limit: limit, Search: text}})
	}
	return append(all, named.Rows...), err
}

// withTheirs are the best of some events and of those of customers.
func (db *DB) withTheirs(ctx context.Context, text string, limit int, own []Event, of []Found[Customer]) ([]Found[Event], error) {
	theirs, err := db.Events(ctx, EventFilter{Page: Page{Limit: mostRelated}, Customers: idsOf(of)})
	score := byCustomer(of, func(e Event) int64 { return e.CustomerID }, func(e Event) int { return db.scoreEvent(text, e) })
	return best(slices.Concat(own, theirs.Rows), limit, func(e Event) int64 { return e.ID }, score), err
}

// Everything is what was found of each noun, the best first.
type Everything struct {
	Customers []Found[Customer]
	Contracts []Found[Contract]
	Events    []Found[Event]
	Users     []Found[User]
}

// Find finds at most limit live records of each noun that match.
func (db *DB) Find(ctx context.Context, text string, limit int) (all Everything, err error) {
	var own []Event
	err = db.together(ctx,
		func(ctx context.Context) (err error) {
			all.Customers, err = db.FindCustomers(ctx, text, limit)
			return err
		},
		func(ctx context.Context) (err error) { own, err = db.ownEvents(ctx, text, limit); return err },
		func(ctx context.Context) (err error) { all.Users, err = db.FindUsers(ctx, text, "", limit); return err })
	if err != nil {
		return Everything{}, err
	}
	err = db.together(ctx,
		func(ctx context.Context) (err error) {
			all.Contracts, err = db.FindContracts(ctx, text, limit, all.Customers)
			return err
		},
		func(ctx context.Context) (err error) {
			all.Events, err = db.withTheirs(ctx, text, limit, own, all.Customers)
			return err
		})
	return all, err
}

// together asks on several connections at once; in the transaction of an atomic script one after the other.
func (db *DB) together(ctx context.Context, asks ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	if db.tx != nil {
		group.SetLimit(1)
	}
	for _, ask := range asks {
		group.Go(func() error { return ask(ctx) })
	}
	return group.Wait()
}

// namedEvents are the first live events that are found by texts of their own.
func (db *DB) namedEvents(ctx context.Context, text string, limit int) (List[Event], error) {
	m := mentions{mentionedBy{view: "events", sequence: "event_id_seq", alone: "event_texts"}, []part{{sets: db.vault.PlainNeedle(text)}}}
	fetch := func(p Page) (List[Event], error) {
		return events.page(ctx, db, events.from().Where(m.candidates(p)), p, events.sorts())
	}
	return searched(Page{Limit: limit, Search: text}, func(e Event) int64 { return e.ID }, fetch, func(e Event) bool { return db.scoreEvent(text, e) > 0 })
}

// FindUsers are at most limit live collaborators that match, with a role unless it is empty, the best first.
func (db *DB) FindUsers(ctx context.Context, text, role string, limit int) ([]Found[User], error) {
	all, err := db.Users(ctx, UserFilter{Page: Page{Limit: MostCounted, Search: text}, Role: role})
	return best(all.Rows, limit, func(u User) int64 { return u.ID }, func(u User) int { return db.scoreUser(text, u) }), err
}

func idsOf(found []Found[Customer]) []int64 {
	ids := make([]int64, len(found))
	for i, f := range found {
		ids[i] = f.Record.ID
	}
	return ids
}

// byCustomer is the score of a record, or of its customer if that matches better; a customer's number is not the record's.
func byCustomer[T any](of []Found[Customer], customer func(T) int64, own func(T) int) func(T) int {
	scores := map[int64]int{}
	for _, f := range of {
		scores[f.Record.ID] = min(f.Score, exactly-1)
	}
	return func(r T) int { return max(own(r), scores[customer(r)]) }
}
