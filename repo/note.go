package repo

import (
	"context"
	"maps"
	"time"

	"github.com/Masterminds/squirrel"
)

// A Note is a text on a customer, contract or event, and a follow-up if it has a due day.
type Note struct {
	ID       int64  `db:"id"`
	Noun     string `db:"noun" by:"database" show:"whole"` // of the record: one of Noted
	RecordID int64  `db:"record_id" by:"database"`
	Customer string `db:"customer" sealed:"customer.company_name" sort:"text"` // the company's name
	// The person to talk to: the customer's, or the contact that an event names.
	CustomerContact string `db:"customer_contact" sealed:"customer.full_name" search:"-" show:"hidden"`
	CustomerPhone   string `db:"customer_phone" sealed:"customer.phone" search:"-" show:"hidden"`
	ContactName     string `db:"contact_name" sealed:"contact.full_name" search:"-" show:"hidden"`
	ContactPhone    string `db:"contact_phone" sealed:"contact.phone" search:"-" show:"hidden"`

	CustomerID *int64     `db:"customer_id" show:"hidden"`
	ContractID *int64     `db:"contract_id" show:"hidden"`
	EventID    *int64     `db:"event_id" show:"hidden"`
	Text       string     `db:"text" sealed:"note.text" show:"long"`
	Due        *time.Time `db:"due" show:"day whole"` // at midnight UTC
	DoneAt     *time.Time `db:"done_at" show:"detail absent"`
	AuthorID   *int64     `db:"author_id" by:"database" show:"detail"`
	Author     *string    `db:"author" by:"database"` // nil: the company's set-up
	CreatedAt  time.Time  `db:"created_at" by:"database" show:"wide"`
	UpdatedAt  time.Time  `db:"updated_at" by:"database" show:"detail"`
	DeletedAt  *time.Time `db:"deleted_at" show:"detail absent" sort:"-"`
}

var notes = entityOf[Note]("note", "note", "notes", finder{own: "note", sealed: true})

// Noted returns the nouns of the records that can have notes and tags.
func Noted() []string { return []string{customers.noun, contracts.noun, events.noun} }

// A NoteFilter narrows a list; zero values do not. Filters combine with AND.
type NoteFilter struct {
	Page
	Noun     string // of the records
	RecordID int64
	AuthorID int64
	Open     bool       // follow-ups that are not done, of records that are not deleted
	Due      *time.Time // open follow-ups that are due on this day or before
}

// Notes returns one page of notes.
func (db *DB) Notes(ctx context.Context, f NoteFilter) (List[Note], error) {
	where := squirrel.And{}
	switch {
	case f.Noun != "" && f.RecordID != 0:
		where = append(where, squirrel.Eq{f.Noun + "_id": f.RecordID})
	case f.Noun != "":
		where = append(where, squirrel.Eq{"noun": f.Noun})
	}
	if f.AuthorID != 0 {
		where = append(where, squirrel.Eq{"author_id": f.AuthorID})
	}
	if f.Open || f.Due != nil {
		where = append(where, squirrel.Expr("due is not null and done_at is null and record_deleted_at is null"))
	}
	if f.Due != nil {
		where = append(where, squirrel.Expr("due <= ?::date", f.Due.Format(time.DateOnly)))
	}
	return notes.search(ctx, db, where, f.Page, notes.sorts())
}

// Note returns the live note with the ID, or ErrNotFound.
func (db *DB) Note(ctx context.Context, id int64) (Note, error) { return notes.get(ctx, db, id) }

// AddNote adds a note to the record of a noun. The caller becomes its author.
func (db *DB) AddNote(ctx context.Context, noun string, id int64, c Change) (Note, error) {
	added := withoutRecord(c)
	added[noun+"_id"] = id
	return notes.add(ctx, db, added)
}

// withoutRecord returns the change without the columns that name the record.
func withoutRecord(c Change) Change {
	rest := maps.Clone(c)
	delete(rest, "noun")
	delete(rest, "record_id")
	return rest
}

// UpdateNote writes the given columns.
func (db *DB) UpdateNote(ctx context.Context, id int64, c Change) (Note, error) {
	return notes.update(ctx, db, id, c)
}

// DoneNote marks a follow-up as done. ErrConflict if the note has no due day or is done already.
func (db *DB) DoneNote(ctx context.Context, id int64) (Note, error) {
	n, err := db.Note(ctx, id)
	switch {
	case err != nil:
		return n, err
	case n.Due == nil:
		return n, say(ErrConflict, "note %d has no due day: note update %[1]d --due DAY gives it one", id)
	case n.DoneAt != nil:
		return n, say(ErrConflict, "note %d is done already", id)
	}
	return db.UpdateNote(ctx, id, Change{"done_at": squirrel.Expr("now()")})
}

// DeleteNote marks a note as deleted.
func (db *DB) DeleteNote(ctx context.Context, id int64) (Note, error) {
	return notes.mark(ctx, db, id, true)
}

// RestoreNote brings a deleted note back.
func (db *DB) RestoreNote(ctx context.Context, id int64) (Note, error) {
	return notes.mark(ctx, db, id, false)
}

// FindNotes returns at most limit live notes that match, the best first.
func (db *DB) FindNotes(ctx context.Context, needle string, limit int) ([]Found[Note], error) {
	return notes.find(ctx, db, needle, limit)
}
