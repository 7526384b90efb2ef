package repo

import (
	"context"
	"maps"
	"time"

	"github.com/Masterminds/squirrel"
)

// A Contact is a person of a customer, besides the customer's main person.
type Contact struct {
	ID         int64      `db:"id"`
	CustomerID int64      `db:"customer_id" show:"detail"`
	Customer   string     `db:"customer" sealed:"customer.company_name" sort:"text"` // the company's name
	FullName   string     `db:"full_name" sealed:"contact.full_name" sort:"text"`
	Role       string     `db:"role" sealed:"contact.role" show:"wide"` // at the customer's; empty: unknown
	Email      string     `db:"email" sealed:"contact.email" show:"wide whole"`
	Phone      string     `db:"phone" sealed:"contact.phone" show:"whole"` // E.164
	First      bool       `db:"first" by:"database"`                       // the first of the customer's contacts
	ExternalID *string    `db:"external_id" sort:"-" show:"detail absent"` // its name in another program
	FirstAt    *time.Time `db:"first_at" show:"hidden" sort:"-"`           // when it became the first one; nil: never
	CreatedAt  time.Time  `db:"created_at" by:"database" show:"detail"`
	UpdatedAt  time.Time  `db:"updated_at" by:"database" show:"detail"`
	DeletedAt  *time.Time `db:"deleted_at" show:"detail absent" sort:"-"`
}

var contacts = entityOf[Contact]("contact", "contact", "contacts", finder{
	own: "contact", sealed: true, hidden: "hidden_contacts",
})

// A ContactFilter narrows a list; zero values do not. Filters combine with AND.
type ContactFilter struct {
	Page
	CustomerID int64
	SalesID    int64 // the customer's sales contact
	First      bool  // the first contact of each customer
}

// Contacts returns one page of contacts.
func (db *DB) Contacts(ctx context.Context, f ContactFilter) (List[Contact], error) {
	var where squirrel.And
	if f.CustomerID != 0 {
		where = append(where, squirrel.Eq{"customer_id": f.CustomerID})
	}
	if f.SalesID != 0 {
		where = append(where, squirrel.Eq{"customer_sales_id": f.SalesID})
	}
	if f.First {
		where = append(where, squirrel.Expr("first"))
	}
	return contacts.search(ctx, db, where, f.Page, contacts.sorts())
}

// Contact returns the live contact with the ID, or ErrNotFound.
func (db *DB) Contact(ctx context.Context, id int64) (Contact, error) {
	return contacts.get(ctx, db, id)
}

// AddContact adds a contact to a customer. With "first" it becomes the first one.
func (db *DB) AddContact(ctx context.Context, c Change) (Contact, error) {
	return contacts.add(ctx, db, firstAt(c, squirrel.Expr("now()")))
}

// UpdateContact writes the given columns. With "first" the contact becomes the first one.
func (db *DB) UpdateContact(ctx context.Context, id int64, c Change) (Contact, error) {
	at := squirrel.Expr("(select case when first then first_at else now() end from contacts where id = ?)", id)
	return contacts.update(ctx, db, id, firstAt(c, at))
}

// firstAt returns the change with the column that makes a contact the first one in the place of "first".
func firstAt(c Change, at squirrel.Sqlizer) Change {
	changed := maps.Clone(c)
	if first, _ := changed["first"].(bool); first {
		changed["first_at"] = at
	}
	delete(changed, "first")
	return changed
}

// DeleteContact marks a contact as deleted.
func (db *DB) DeleteContact(ctx context.Context, id int64) (Contact, error) {
	return contacts.mark(ctx, db, id, true)
}

// RestoreContact brings a deleted contact back.
func (db *DB) RestoreContact(ctx context.Context, id int64) (Contact, error) {
	return contacts.mark(ctx, db, id, false)
}
