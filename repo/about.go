package repo

import (
	"context"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// MostNotes is the number of notes that About reads.
const MostNotes = 100

// An About is what belongs to a record of one of the nouns Noted. What the caller may not view is empty.
type About struct {
	Contacts []Contact // of a customer, the first one first
	Notes    []Note    // the newest MostNotes
	Tags     []string
	Payments []Payment // of a contract, oldest first
}

// WholeCustomer returns the live customer with the ID and what belongs to it, in one round trip; ErrNotFound if it does
// not exist. So do WholeContract and WholeEvent.
func (db *DB) WholeCustomer(ctx context.Context, id int64) (Customer, About, error) {
	return whole(ctx, db, customers, id)
}

// WholeContract returns a contract and what belongs to it.
func (db *DB) WholeContract(ctx context.Context, id int64) (Contract, About, error) {
	return whole(ctx, db, contracts, id)
}

// WholeEvent returns an event and what belongs to it.
func (db *DB) WholeEvent(ctx context.Context, id int64) (Event, About, error) {
	return whole(ctx, db, events, id)
}

// whole reads a live record and what belongs to it.
func whole[T any](ctx context.Context, db *DB, e entity[T], id int64) (T, About, error) {
	var found []T
	var about About
	of := squirrel.Eq{e.noun + "_id": id, "deleted_at": nil}
	steps := []step{
		{e.live(id), collect(&found, e.row(db))},
		{notes.from().Where(of).OrderBy("id desc").Limit(MostNotes), collect(&about.Notes, notes.row(db))},
		{sq().Select("name").From(tags.view).Where(of).OrderBy("name"), collect(&about.Tags, pgx.RowTo[string])},
	}
	switch e.noun {
	case customers.noun:
		steps = append(steps, step{
			contacts.from().Where(of).OrderBy("first desc", "id"), collect(&about.Contacts, contacts.row(db)),
		})
	case contracts.noun:
		steps = append(steps, paymentsOf(db, id, &about.Payments))
	}
	err := db.ask(ctx, steps...)
	switch {
	case err != nil:
		return *new(T), About{}, err
	case len(found) == 0:
		return *new(T), About{}, ErrNotFound
	}
	return found[0], about, nil
}
