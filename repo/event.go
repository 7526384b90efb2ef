package repo

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Masterminds/squirrel"
)

// An Event belongs to a signed contract. It has its customer's name and the person to talk to: its contact or, without
// one, the customer's main person.
type Event struct {
	ID         int64   `db:"id"`
	Name       *string `db:"name" sort:"index" search:"index"`
	ContractID int64   `db:"contract_id" sort:"index" show:"detail"`
	CustomerID int64   `db:"customer_id" show:"detail"`
	// the company's name
	Customer        string     `db:"customer" sealed:"customer.company_name" sort:"text" show:"wide"`
	CustomerContact string     `db:"customer_contact" sealed:"customer.full_name" show:"detail"`
	CustomerEmail   string     `db:"customer_email" sealed:"customer.email" show:"detail"`
	CustomerPhone   string     `db:"customer_phone" sealed:"customer.phone" show:"detail"`
	ContactID       *int64     `db:"contact_id" show:"detail"`
	ContactName     string     `db:"contact_name" sealed:"contact.full_name" show:"hidden"`
	ContactEmail    string     `db:"contact_email" sealed:"contact.email" show:"hidden"`
	ContactPhone    string     `db:"contact_phone" sealed:"contact.phone" show:"hidden"`
	StartDate       *time.Time `db:"start_date" sort:"index"`
	EndDate         *time.Time `db:"end_date" sort:"index" show:"wide"`
	Location        *string    `db:"location" sort:"index" search:"index" show:"wide"`
	Attendees       *int64     `db:"attendees" sort:"index" show:"wider"`
	Comments        *string    `db:"comments" search:"index" sort:"-" show:"detail"`
	SupportID       *int64     `db:"support_id" show:"detail"`
	SupportContact  *string    `db:"support_contact" sort:"by support_id" search:"words"`
	Status          string     `db:"status" show:"status wider"` // confirmed or canceled
	// a canceled event has no support contact and cannot be changed
	CanceledAt *time.Time `db:"canceled_at" sort:"-" show:"detail absent"`
	ExternalID *string    `db:"external_id" sort:"-" show:"detail absent"` // its name in another program
	CreatedAt  time.Time  `db:"created_at" sort:"index" show:"detail"`
	UpdatedAt  time.Time  `db:"updated_at" sort:"index" show:"detail"`
	DeletedAt  *time.Time `db:"deleted_at" show:"detail absent" sort:"-"`
}

var events = entityOf[Event]("event", "event", "events", finder{own: "own_events", mentionedBy: mentionedBy{
	view: "events", sequence: "event_id_seq", contact: "support_id", alone: "own_events",
}})

// derive replaces the customer's person by the contact (R11). Both stay in hidden fields, so a search finds the event
// by both.
func (e *Event) derive() {
	if e.ContactID != nil {
		e.CustomerContact, e.ContactName = e.ContactName, e.CustomerContact
		e.CustomerEmail, e.ContactEmail = e.ContactEmail, e.CustomerEmail
		e.CustomerPhone, e.ContactPhone = e.ContactPhone, e.CustomerPhone
	}
}

// EventStatuses are the states of an event.
func EventStatuses() []string { return []string{"confirmed", "canceled"} }

// An EventFilter narrows a list; zero values do not. Filters combine with AND.
type EventFilter struct {
	Page
	SupportID  int64
	Tag        string
	NoSupport  bool   // without a support contact and not canceled
	Status     string // one of EventStatuses
	ContractID int64
	CustomerID int64
	Customers  []int64    // of any of these; nil for all
	From, To   *time.Time // events that overlap the time from From until To
}

// Events returns one page of events.
func (db *DB) Events(ctx context.Context, f EventFilter) (List[Event], error) {
	var where squirrel.And
	add := func(condition squirrel.Sqlizer) { where = append(where, condition) }
	if f.SupportID != 0 {
		add(squirrel.Eq{"support_id": f.SupportID})
	}
	if f.ContractID != 0 {
		add(squirrel.Eq{"contract_id": f.ContractID})
	}
	if f.CustomerID != 0 {
		f.Customers = []int64{f.CustomerID}
	}
	if f.Customers != nil {
		add(ofCustomers("events", f.Customers))
	}
	sorts := events.sorts()
	if f.NoSupport {
		add(squirrel.Expr("support_id is null"))
		add(isSet("canceled_at", false))
		sorts["id"] = "support_id" // null in every row: the index on (support_id, id) has the order of the page
	}
	if f.Status != "" {
		add(isSet("canceled_at", f.Status == "canceled"))
	}
	if f.From != nil {
		add(squirrel.Expr("(end_date > ? or end_date is null and start_date >= ?)", *f.From, *f.From))
		add(canRunAt(*f.From))
	}
	if f.To != nil {
		add(squirrel.Expr("coalesce(start_date, 'infinity') < ?", *f.To))
	}
	if f.Tag != "" {
		has, err := db.tagged(ctx, events.noun, f.Tag)
		if err != nil {
			return List[Event]{}, err
		}
		add(has)
	}
	f.counted = events.finder.own
	return events.search(ctx, db, where, f.Page, sorts)
}

// canRunAt is a condition that all events meet which end after a time. The indexes of starts can use it, where they
// cannot use the end.
func canRunAt(t time.Time) squirrel.Sqlizer {
	return squirrel.Expr("coalesce(start_date, 'infinity') >= ?::timestamptz - (select longest from event_spans)", t)
}

// orEmpty returns the text, or an empty one for nil.
func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// Event returns the live event with the ID, or ErrNotFound.
func (db *DB) Event(ctx context.Context, id int64) (Event, error) {
	return events.get(ctx, db, id)
}

// AddEvent adds an event to a signed contract.
func (db *DB) AddEvent(ctx context.Context, c Change) (Event, error) {
	return events.add(ctx, db, c)
}

// UpdateEvent writes the given columns.
func (db *DB) UpdateEvent(ctx context.Context, id int64, c Change) (Event, error) {
	return events.update(ctx, db, id, c)
}

// NoteLimit is the maximum number of characters in the notes of an event.
const NoteLimit = 10_000

// AppendNote appends a line to the notes of an event. If another change is committed between its read and its write,
// AppendNote retries: of two concurrent notes both are kept. It returns ErrInvalid if the notes would exceed NoteLimit.
func (db *DB) AppendNote(ctx context.Context, id int64, note string) (Event, error) {
	var before time.Time
	for {
		e, err := db.Event(ctx, id)
		if err != nil {
			return Event{}, err
		}
		notes := strings.TrimPrefix(orEmpty(e.Comments)+"\n"+note, "\n")
		if n := utf8.RuneCountInString(notes); n > NoteLimit {
			return Event{}, say(ErrInvalid, "the notes of event %d would have %d characters: at most %d are possible",
				id, n, NoteLimit)
		}
		noted, err := db.UpdateEvent(ctx, id, Change{"comments": notes, Seen: e.UpdatedAt})
		if !errors.Is(err, ErrConflict) || before.Equal(e.UpdatedAt) {
			return noted, err
		}
		before = e.UpdatedAt
	}
}

// Overlapping returns the other live events of the event's support contact at overlapping times.
func (db *DB) Overlapping(ctx context.Context, e Event) ([]Event, error) {
	if e.SupportID == nil {
		return nil, nil
	}
	return db.Busy(ctx, e, []int64{*e.SupportID})
}

// Busy returns the other live events at the time of the event that have one of the support contacts.
func (db *DB) Busy(ctx context.Context, e Event, contacts []int64) ([]Event, error) {
	if e.StartDate == nil || e.EndDate == nil {
		return nil, nil
	}
	q := events.from().Where(squirrel.Eq{"support_id": contacts, "deleted_at": nil}).
		Where("id <> ? and coalesce(start_date, 'infinity') < ? and end_date > ?", e.ID, *e.EndDate, *e.StartDate).
		Where(canRunAt(*e.StartDate)).OrderBy("start_date", "id")
	return list(ctx, db, q, events.row(db))
}

// DeleteEvent marks an event as deleted.
func (db *DB) DeleteEvent(ctx context.Context, id int64) (Event, error) {
	return events.mark(ctx, db, id, true)
}

// CancelEvent marks an event as canceled and removes its support contact. It returns ErrConflict if the event is
// canceled already.
func (db *DB) CancelEvent(ctx context.Context, id int64) (Event, error) {
	canceled := map[string]any{"canceled_at": squirrel.Expr("now()")}
	return events.change(ctx, db, version{id: id}, canceled, nil, nil)
}

// RestoreEvent restores a deleted or canceled event; a canceled one gets its support contact back unless they have
// left. An event that is both deleted and canceled remains canceled. RestoreEvent returns ErrConflict if the event is
// neither.
func (db *DB) RestoreEvent(ctx context.Context, id int64) (Event, error) {
	const marked = "id = ? and (deleted_at is not null or canceled_at is not null)"
	wasThere, touched := true, true // until the rows show otherwise
	restore := sq().Update("event").Set("deleted_at", nil).
		Set("canceled_at", squirrel.Expr("case when deleted_at is not null then canceled_at end")).
		Where(marked, id).Suffix("returning id")
	e, err := one(ctx, db, events.from().Where(squirrel.Eq{"id": id}), events.row(db),
		step{sq().Select("id").From("events").Where(marked, id), sawRow(&wasThere)}, step{restore, sawRow(&touched)})
	switch {
	case err != nil || touched:
		return e, err
	case wasThere:
		return Event{}, ErrDenied
	}
	return Event{}, say(ErrConflict, "event %d is neither deleted nor canceled", id)
}
