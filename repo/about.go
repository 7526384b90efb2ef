package repo

import (
	"context"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// MostNotes is the number of notes that About reads.
const MostNotes = 100

// An About is the contacts, notes and tags of a record of one of the nouns Noted. Fields that the caller may not view
// are empty.
type About struct {
	Contacts []Contact // of a customer, the first one first
	Notes    []Note    // the newest MostNotes
	Tags     []string
}

// About reads the contacts, notes and tags of a record, in one round trip.
func (db *DB) About(ctx context.Context, noun string, id int64) (about About, err error) {
	of := squirrel.Eq{noun + "_id": id, "deleted_at": nil}
	steps := []step{
		{notes.from().Where(of).OrderBy("id desc").Limit(MostNotes), collect(&about.Notes, notes.row(db))},
		{sq().Select("name").From(tags.view).Where(of).OrderBy("name"), collect(&about.Tags, pgx.RowTo[string])},
	}
	if noun == customers.noun {
		steps = append(steps, step{
			contacts.from().Where(of).OrderBy("first desc", "id"), collect(&about.Contacts, contacts.row(db)),
		})
	}
	return about, db.ask(ctx, steps...)
}
