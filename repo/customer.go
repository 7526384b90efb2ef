package repo

import (
	"context"
	"errors"
	"time"

	"github.com/Masterminds/squirrel"
)

// A Customer is a company's person of contact. The first four texts are sealed in the database.
type Customer struct {
	ID           int64
	CompanyName  string
	FullName     string
	Email        string // empty: none
	Phone        string // E.164; empty: none
	SalesID      *int64
	SalesContact *string
	CreatedAt    time.Time // first contact
	UpdatedAt    time.Time // last contact
	DeletedAt    *time.Time
}

// A CustomerFilter narrows a list; zero values do not.
type CustomerFilter struct {
	Page
	SalesID int64
}

// A CustomerChange holds the columns to write; nil leaves a column as it is, an empty email or phone removes it.
type CustomerChange struct {
	CompanyName, FullName, Email, Phone *string
	SalesID                             *int64
	Since                               *time.Time // ErrConflict if the record was updated later; nil: not checked
}

// CustomerSorts are the columns that --sort may name; sealed ones have no order.
func CustomerSorts() map[string]string {
	return map[string]string{
		"id": "id", "created_at": "created_at", "updated_at": "updated_at",
		"sales_id": "coalesce(sales_id, 0)", "sales_contact": "coalesce(sales_contact, '')",
	}
}

type customerRow struct {
	ID           int64      `db:"id"`
	CompanyName  []byte     `db:"company_name"`
	FullName     []byte     `db:"full_name"`
	Email        []byte     `db:"email"`
	Phone        []byte     `db:"phone"`
	SalesID      *int64     `db:"sales_id"`
	SalesContact *string    `db:"sales_contact"`
	CreatedAt    time.Time  `db:"created_at"`
	UpdatedAt    time.Time  `db:"updated_at"`
	DeletedAt    *time.Time `db:"deleted_at"`
}

// Customers lists at most Limit+1 customers.
func (db *DB) Customers(ctx context.Context, f CustomerFilter) ([]Customer, error) {
	if f.Search != "" {
		return steady(db, func() ([]Customer, error) {
			_, _, anywhere := db.vault.Needle(f.Search)
			return db.searchCustomers(ctx, f, anywhere)
		})
	}
	q := from[customerRow]("customers")
	if f.SalesID != 0 {
		q = q.Where(squirrel.Eq{"sales_id": f.SalesID})
	}
	return listPage(ctx, db, q, "customers", f.Page, CustomerSorts(), db.openCustomer)
}

// Customer is the live customer with that ID.
func (db *DB) Customer(ctx context.Context, id int64) (Customer, error) {
	return one(ctx, db, live[customerRow]("customers", id), db.openCustomer)
}

// AddCustomer adds a customer; the database makes a sales collaborator its contact.
func (db *DB) AddCustomer(ctx context.Context, c CustomerChange) (Customer, error) {
	values, err := db.sealCustomer(c)
	if err != nil {
		return Customer{}, err
	}
	return one(ctx, db, added[customerRow]("customers", "customer"), db.openCustomer,
		step{query: sq().Insert("customer").SetMap(values)})
}

// UpdateCustomer writes the given columns.
func (db *DB) UpdateCustomer(ctx context.Context, id int64, c CustomerChange) (Customer, error) {
	c, err := db.withoutSame(ctx, id, c)
	if err != nil {
		return Customer{}, err
	}
	values, err := db.sealCustomer(c)
	if err != nil {
		return Customer{}, err
	}
	if len(values) == 0 {
		values["deleted_at"] = squirrel.Expr("deleted_at") // still judged as an update
	}
	return change(ctx, db, "customer", "customers", version{id, c.Since}, db.openCustomer, values, nil, nil)
}

// withoutSame returns the change without the sealed texts that the customer already has. Sealing is randomised, so
// PostgreSQL would see a change (D23).
func (db *DB) withoutSame(ctx context.Context, id int64, c CustomerChange) (CustomerChange, error) {
	if c.CompanyName == nil && c.FullName == nil && c.Email == nil && c.Phone == nil {
		return c, nil
	}
	now, err := db.Customer(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return c, nil // the update returns the error
	}
	for _, column := range []struct {
		given **string
		is    string
	}{{&c.CompanyName, now.CompanyName}, {&c.FullName, now.FullName}, {&c.Email, now.Email}, {&c.Phone, now.Phone}} {
		if *column.given != nil && **column.given == column.is {
			*column.given = nil
		}
	}
	return c, err
}

// DeleteCustomer marks a customer as deleted.
func (db *DB) DeleteCustomer(ctx context.Context, id int64) (Customer, error) {
	return mark(ctx, db, "customer", "customers", id, true, db.openCustomer)
}

// RestoreCustomer brings a deleted customer back.
func (db *DB) RestoreCustomer(ctx context.Context, id int64) (Customer, error) {
	return mark(ctx, db, "customer", "customers", id, false, db.openCustomer)
}

// sealCustomer returns the columns of a change: sealed texts, each with its search tokens.
func (db *DB) sealCustomer(c CustomerChange) (map[string]any, error) {
	values := map[string]any{}
	set(values, "sales_id", c.SalesID)
	for column, text := range map[string]*string{
		"company_name": c.CompanyName, "full_name": c.FullName, "email": c.Email, "phone": c.Phone,
	} {
		if text == nil {
			continue
		}
		if err := db.sealInto(values, column, *text); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// sealInto sets a sealed column of a customer and its tokens; NULL for an empty text.
func (db *DB) sealInto(values map[string]any, column, text string) (err error) {
	values[column], values[column+"_tokens"] = nil, []int32{}
	if text != "" {
		values[column], values[column+"_tokens"], err = db.vault.Seal("customer."+column, text)
	}
	return err
}

func (db *DB) openCustomer(r customerRow) (Customer, error) {
	return Customer{
		ID:          r.ID,
		CompanyName: db.open("customer.company_name", r.CompanyName),
		FullName:    db.open("customer.full_name", r.FullName),
		Email:       db.open("customer.email", r.Email),
		Phone:       db.open("customer.phone", r.Phone),
		SalesID:     r.SalesID, SalesContact: r.SalesContact,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, DeletedAt: r.DeletedAt,
	}, nil
}
