package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
)

// A Customer is a company's person of contact.
type Customer struct {
	ID          int64  `db:"id"`
	CompanyName string `db:"company_name" sealed:"customer.company_name" sort:"text"`
	FullName    string `db:"full_name" sealed:"customer.full_name" sort:"text"`
	Email       string `db:"email" sealed:"customer.email" show:"wider whole"` // empty: none
	Phone       string `db:"phone" sealed:"customer.phone" show:"whole"`       // E.164; empty: none
	Address     string `db:"address" sealed:"customer.address" show:"detail"`
	// BCP 47; empty: unknown
	Language     string     `db:"language" sealed:"customer.language" search:"-" show:"detail"`
	ExternalID   *string    `db:"external_id" sort:"-" show:"detail absent"` // its name in another program
	SalesID      *int64     `db:"sales_id" show:"detail"`
	SalesContact *string    `db:"sales_contact" sort:"by sales_id" show:"wide"`
	CreatedAt    time.Time  `db:"created_at" sort:"index" show:"detail"` // first contact
	UpdatedAt    time.Time  `db:"updated_at" sort:"index" show:"detail"` // last contact
	DeletedAt    *time.Time `db:"deleted_at" show:"detail absent" sort:"-"`

	// The texts of the contacts: a search finds a customer by them too.
	ContactNames  []string `db:"contact_names" sealed:"contact.full_name" search:"only" show:"hidden"`
	ContactRoles  []string `db:"contact_roles" sealed:"contact.role" search:"only" show:"hidden"`
	ContactEmails []string `db:"contact_emails" sealed:"contact.email" search:"only" show:"hidden"`
	ContactPhones []string `db:"contact_phones" sealed:"contact.phone" search:"only" show:"hidden"`
}

var customers = entityOf[Customer]("customer", "customer", "customers", finder{
	own: "own_customers", sealed: true, many: true, mentionedBy: mentionedBy{alone: "own_customers"},
})

// A CustomerFilter narrows a list; zero values do not.
type CustomerFilter struct {
	Page
	SalesID int64
	Tag     string
}

// Customers returns one page of customers.
func (db *DB) Customers(ctx context.Context, f CustomerFilter) (List[Customer], error) {
	var where squirrel.And
	if f.SalesID != 0 {
		where = append(where, squirrel.Eq{"sales_id": f.SalesID})
	}
	if f.Tag != "" {
		has, err := db.tagged(ctx, customers.noun, f.Tag)
		if err != nil {
			return List[Customer]{}, err
		}
		where = append(where, has)
	}
	f.counted = customers.finder.own
	return customers.search(ctx, db, where, f.Page, customers.sorts())
}

// Customer returns the live customer with the ID, or ErrNotFound.
func (db *DB) Customer(ctx context.Context, id int64) (Customer, error) {
	return customers.get(ctx, db, id)
}

// AddCustomer adds a customer. The database sets a sales collaborator who adds one as its sales contact.
func (db *DB) AddCustomer(ctx context.Context, c Change) (Customer, error) {
	return customers.add(ctx, db, c)
}

// UpdateCustomer writes the given columns.
func (db *DB) UpdateCustomer(ctx context.Context, id int64, c Change) (Customer, error) {
	return customers.update(ctx, db, id, c)
}

// MergeCustomers moves all that belongs to the customer other to keep and deletes other. It copies the values of the
// taken columns from other to keep. moved counts the records by noun.
func (db *DB) MergeCustomers(ctx context.Context, keep, other int64, taken []string) (
	c Customer, moved map[string]int64, err error,
) {
	if taken == nil {
		taken = []string{}
	}
	merge := squirrel.Expr("select merge_customers($1, $2, $3)", keep, other, taken)
	c, err = one(ctx, db, customers.live(keep), customers.row(db), step{merge, value(&moved)})
	return c, moved, err
}

// DeleteCustomer marks a customer as deleted.
func (db *DB) DeleteCustomer(ctx context.Context, id int64) (Customer, error) {
	return customers.mark(ctx, db, id, true)
}

// RestoreCustomer brings a deleted customer back.
func (db *DB) RestoreCustomer(ctx context.Context, id int64) (Customer, error) {
	return customers.mark(ctx, db, id, false)
}
