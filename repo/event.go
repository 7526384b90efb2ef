package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
)

// An Event of a signed contract, with its customer's name and contact.
type Event struct {
	ID              int64
	Name            *string
	ContractID      int64
	CustomerID      int64
	Customer        string // the company's name
	CustomerContact string // the person's name
	CustomerEmail   string
	CustomerPhone   string
	StartDate       *time.Time
	EndDate         *time.Time
	Location        *string
	Attendees       *int64
	Comments        *string
	SupportID       *int64
	SupportContact  *string
	Status          string     // confirmed or canceled
	CanceledAt      *time.Time // a canceled event has no support contact and does not change
	CreatedAt       time.Time
	UpdatedAt       time.Time
	DeletedAt       *time.Time
}

// EventStatuses are the states of an event.
func EventStatuses() []string { return []string{"confirmed", "canceled"} }

// An EventFilter narrows a list; zero values do not. Filters combine with AND.
type EventFilter struct {
	Page
	SupportID  int64
	NoSupport  bool   // waits for a support contact, as a canceled event does not
	Status     string // one of EventStatuses
	ContractID int64
	CustomerID int64
	Customers  []int64    // of any of these; nil for all
	From, To   *time.Time // events that take place at any time from From up to, and without, To
}

// An EventChange holds what is to be written; nil leaves a column as it is, an empty text removes it.
type EventChange struct {
	Name, Location, Comments *string
	ContractID, SupportID    *int64
	StartDate, EndDate       *time.Time
	Attendees                *int64
	Since                    *time.Time // refuses if it was updated after that; nil: does not ask
}

// EventSorts are the columns that --sort may name.
func EventSorts() map[string]string {
	return map[string]string{
		"id": "id", "name": "coalesce(name, '')", "contract_id": "contract_id", "customer_id": "customer_id",
		"start_date": "coalesce(start_date, 'infinity')", "end_date": "coalesce(end_date, 'infinity')",
		"location": "coalesce(location, '')", "attendees": "coalesce(attendees, -1)",
		"support_id": "coalesce(support_id, 0)", "support_contact": "coalesce(support_contact, '')",
		"status": "status", "created_at": "created_at", "updated_at": "updated_at",
	}
}

type eventRow struct {
	ID              int64      `db:"id"`
	Name            *string    `db:"name"`
	ContractID      int64      `db:"contract_id"`
	CustomerID      int64      `db:"customer_id"`
	Customer        []byte     `db:"customer"`
	CustomerContact []byte     `db:"customer_contact"`
	CustomerEmail   []byte     `db:"customer_email"`
	CustomerPhone   []byte     `db:"customer_phone"`
	StartDate       *time.Time `db:"start_date"`
	EndDate         *time.Time `db:"end_date"`
	Location        *string    `db:"location"`
	Attendees       *int64     `db:"attendees"`
	Comments        *string    `db:"comments"`
	SupportID       *int64     `db:"support_id"`
	SupportContact  *string    `db:"support_contact"`
	Status          string     `db:"status"`
	CanceledAt      *time.Time `db:"canceled_at"`
	CreatedAt       time.Time  `db:"created_at"`
	UpdatedAt       time.Time  `db:"updated_at"`
	DeletedAt       *time.Time `db:"deleted_at"`
}

// Events lists at most Limit+1 events.
func (db *DB) Events(ctx context.Context, f EventFilter) ([]Event, error) {
	q := from[eventRow]("events")
	equal := squirrel.Eq{}
	for column, id := range map[string]int64{"support_id": f.SupportID, "contract_id": f.ContractID} {
		if id != 0 {
			equal[column] = id
		}
	}
	if len(equal) > 0 {
		q = q.Where(equal)
	}
	if f.CustomerID != 0 {
		f.Customers = []int64{f.CustomerID}
	}
	if f.Customers != nil {
		q = q.Where(ofCustomers("events", f.Customers))
	}
	sorts := EventSorts()
	if f.NoSupport {
		q = q.Where("support_id is null").Where(isSet("canceled_at", false))
		sorts["id"] = "support_id" // null in each row: the index of (support_id, id) is in the order of the page
	}
	if f.Status != "" {
		q = q.Where(isSet("canceled_at", f.Status == "canceled"))
	}
	if f.From != nil {
		q = q.Where("(end_date > ? or end_date is null and start_date >= ?)", *f.From, *f.From)
	}
	if f.To != nil {
		q = q.Where("start_date < ?", *f.To)
	}
	return db.searchEvents(ctx, q, f.Page, sorts)
}

// searchEvents returns a page of a query; with something to search, of the events that mention it. sorts are as of EventSorts.
func (db *DB) searchEvents(ctx context.Context, q squirrel.SelectBuilder, p Page, sorts map[string]string) ([]Event, error) {
	fetch := func(q squirrel.SelectBuilder, p Page) ([]Event, error) {
		return listPage(ctx, db, q, "events", p, sorts, db.openEvent)
	}
	if p.Search == "" {
		return fetch(q, p)
	}
	return steady(db, func() ([]Event, error) {
		m, err := db.mentions(ctx, p.Search, mentionedBy{view: "events", sequence: "event_id_seq", contact: "support_id", alone: "event_texts"})
		if err != nil {
			return nil, err
		}
		return searched(p, func(e Event) int64 { return e.ID }, func(p Page) ([]Event, error) { return fetch(q.Where(m.candidates(p)), p) }, func(e Event) bool { return db.scoreEvent(p.Search, e) > 0 })
	})
}

// scoreEvent tells how well an event matches, with its contacts and its customer.
func (db *DB) scoreEvent(text string, e Event) int {
	return db.scoreRecord(text, e.ID, nil, orEmpty(e.Name), orEmpty(e.Location), orEmpty(e.Comments), orEmpty(e.SupportContact),
		e.Customer, e.CustomerContact, e.CustomerEmail, e.CustomerPhone)
}

// orEmpty is the text, or nothing for none.
func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// Event is the live event with that ID.
func (db *DB) Event(ctx context.Context, id int64) (Event, error) {
	return one(ctx, db, live[eventRow]("events", id), db.openEvent)
}

// AddEvent adds an event to a signed contract.
func (db *DB) AddEvent(ctx context.Context, c EventChange) (Event, error) {
	return one(ctx, db, added[eventRow]("events", "event"), db.openEvent,
		step{query: sq().Insert("event").SetMap(db.eventValues(c))})
}

// UpdateEvent changes what is given and nothing else.
func (db *DB) UpdateEvent(ctx context.Context, id int64, c EventChange) (Event, error) {
	return change(ctx, db, "event", "events", version{id, c.Since}, db.openEvent, db.eventValues(c), nil, nil)
}

// Overlapping are the other live events of the event's support contact at overlapping times.
func (db *DB) Overlapping(ctx context.Context, e Event) ([]Event, error) {
	if e.SupportID == nil || e.StartDate == nil || e.EndDate == nil {
		return nil, nil
	}
	q := from[eventRow]("events").Where(squirrel.Eq{"support_id": *e.SupportID, "deleted_at": nil}).
		Where("id <> ? and start_date < ? and end_date > ?", e.ID, *e.EndDate, *e.StartDate).OrderBy("start_date", "id")
	return list(ctx, db, q, db.openEvent)
}

// DeleteEvent marks an event as deleted.
func (db *DB) DeleteEvent(ctx context.Context, id int64) (Event, error) {
	return mark(ctx, db, "event", "events", id, true, db.openEvent)
}

// CancelEvent marks an event as canceled and removes its support contact. ErrConflict if it is canceled already.
func (db *DB) CancelEvent(ctx context.Context, id int64) (Event, error) {
	canceled := map[string]any{"canceled_at": squirrel.Expr("now()")}
	return change(ctx, db, "event", "events", version{id: id}, db.openEvent, canceled, nil, nil)
}

// RestoreEvent brings a deleted or canceled event back, the latter with its support contact unless they have left. One that
// is both is canceled afterwards. ErrConflict if it is neither.
func (db *DB) RestoreEvent(ctx context.Context, id int64) (Event, error) {
	const marked = "id = ? and (deleted_at is not null or canceled_at is not null)"
	wasThere, touched := true, true // unless the rows say otherwise
	restore := sq().Update("event").Set("deleted_at", nil).
		Set("canceled_at", squirrel.Expr("case when deleted_at is not null then canceled_at end")).Where(marked, id).Suffix("returning id")
	e, err := one(ctx, db, from[eventRow]("events").Where(squirrel.Eq{"id": id}), db.openEvent,
		step{sq().Select("id").From("events").Where(marked, id), sawRow(&wasThere)}, step{restore, sawRow(&touched)})
	switch {
	case err != nil || touched:
		return e, err
	case wasThere:
		return Event{}, ErrDenied
	}
	return Event{}, say(ErrConflict, "it is neither deleted nor canceled")
}

// eventTexts are the columns that an event is found by.
var eventTexts = []string{"name", "location", "comments"}

// writeInto sets a text of an event and its tokens; NULL for an empty text.
func (db *DB) writeInto(values map[string]any, column, text string) {
	values[column], values[column+"_tokens"] = orNull(text), db.vault.PlainTokens(text)
}

// eventValues are the columns of a change, each text with its tokens.
func (db *DB) eventValues(c EventChange) map[string]any {
	values := map[string]any{}
	for i, text := range []*string{c.Name, c.Location, c.Comments} {
		if text != nil {
			db.writeInto(values, eventTexts[i], *text)
		}
	}
	set(values, "contract_id", c.ContractID)
	set(values, "support_id", c.SupportID)
	set(values, "start_date", c.StartDate)
	set(values, "end_date", c.EndDate)
	set(values, "attendees", c.Attendees)
	return values
}

func (db *DB) openEvent(r eventRow) (Event, error) {
	return Event{
		ID: r.ID, Name: r.Name, ContractID: r.ContractID, CustomerID: r.CustomerID,
		Customer:        db.open("customer.company_name", r.Customer),
		CustomerContact: db.open("customer.full_name", r.CustomerContact),
		CustomerEmail:   db.open("customer.email", r.CustomerEmail),
		CustomerPhone:   db.open("customer.phone", r.CustomerPhone),
		StartDate:       r.StartDate, EndDate: r.EndDate, Location: r.Location, Attendees: r.Attendees, Comments: r.Comments,
		SupportID: r.SupportID, SupportContact: r.SupportContact, Status: r.Status, CanceledAt: r.CanceledAt,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, DeletedAt: r.DeletedAt,
	}, nil
}
