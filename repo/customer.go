package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
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

// A CustomerChange holds what is to be written; nil leaves a column as it is, an empty
// email or phone removes it.
type CustomerChange struct {
	CompanyName, FullName, Email, Phone *string
	SalesID                             *int64
	Since                               *time.Time // refuses if it was updated after that; nil: does not ask
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

// UpdateCustomer changes what is given and nothing else.
func (db *DB) UpdateCustomer(ctx context.Context, id int64, c CustomerChange) (Customer, error) {
	values, err := db.sealCustomer(c)
	if err != nil {
		return Customer{}, err
	}
	return change(ctx, db, "customer", "customers", version{id, c.Since}, db.openCustomer, values, nil, nil)
}

// DeleteCustomer marks a customer as deleted.
func (db *DB) DeleteCustomer(ctx context.Context, id int64) (Customer, error) {
	return mark(ctx, db, "customer", "customers", id, true, db.openCustomer)
}

// RestoreCustomer brings a deleted customer back.
func (db *DB) RestoreCustomer(ctx context.Context, id int64) (Customer, error) {
	return mark(ctx, db, "customer", "customers", id, false, db.openCustomer)
}

// sealCustomer is the columns of a change, sealed, each with its tokens.
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

// open is the text of a sealed value; NULL is none.
func (db *DB) open(column string, sealed []byte) (string, error) {
	if sealed == nil {
		return "", nil
	}
	return db.vault.Open(column, sealed)
}

// opener opens several columns and keeps the first error.
type opener struct {
	db  *DB
	err error
}

func (o *opener) text(column string, sealed []byte) string {
	if o.err != nil {
		return ""
	}
	var text string
	text, o.err = o.db.open(column, sealed)
	return text
}

func (db *DB) openCustomer(r customerRow) (Customer, error) {
	o := opener{db: db}
	return Customer{
		ID:          r.ID,
		CompanyName: o.text("customer.company_name", r.CompanyName),
		FullName:    o.text("customer.full_name", r.FullName),
		Email:       o.text("customer.email", r.Email),
		Phone:       o.text("customer.phone", r.Phone),
		SalesID:     r.SalesID, SalesContact: r.SalesContact,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, DeletedAt: r.DeletedAt,
	}, o.err
}

// live selects the record with that ID unless it is deleted.
func live[R any](view string, id int64) squirrel.SelectBuilder {
	return from[R](view).Where(squirrel.Eq{"id": id, "deleted_at": nil})
}

// added selects the record that an insert into table has just made: by the connection's last value of the sequence,
// and after that connection was lost by the request that added it.
func added[R any](view, table string) squirrel.Sqlizer {
	return rereadable{
		from[R](view).Where("id = (select currval(pg_get_serial_sequence(?, 'id')))", table),
		from[R](view).Where("id = (select requested_id())"),
	}
}

// A version is a record as somebody has seen it; the zero value is whatever it is now.
type version struct {
	id   int64
	seen *time.Time // its updated_at
}

// unchanged holds while the record is as it was seen, or was changed since by this very transaction.
func (v version) unchanged(view string) squirrel.Sqlizer {
	return squirrel.Expr("(?::timestamptz is null or (select updated_at from "+view+" where id = ?) in (?, now()))", v.seen, v.id, v.seen)
}

// lock keeps others from changing the record until the transaction ends.
func (v version) lock(table string) squirrel.Sqlizer {
	return sq().Select("id").From(table).Where(squirrel.Eq{"id": v.id, "deleted_at": nil}).Suffix("for update")
}

// change updates the given columns of a live record, with steps before and after, and answers the record. Where nothing was updated, the
// record is missing, changed since it was seen, or out of the caller's reach.
func change[R, T any](ctx context.Context, db *DB, table, view string, v version, shape func(R) (T, error), values map[string]any, before, after []step) (T, error) {
	var steps []step
	touched, current := true, true
	if v.seen != nil {
		steps = append(steps, step{query: v.lock(table)})
	}
	steps = append(steps, before...)
	if len(values) > 0 {
		update := sq().Update(table).SetMap(values).Where(squirrel.Eq{"id": v.id, "deleted_at": nil}).Where(v.unchanged(view))
		steps = append(steps, step{update.Suffix("returning id"), sawRow(&touched)})
	}
	steps = append(steps, after...)
	if v.seen != nil {
		steps = append(steps, step{sq().Select("id").From(view).Where(squirrel.Eq{"id": v.id}).Where(v.unchanged(view)), sawRow(&current)})
	}
	record, err := one(ctx, db, live[R](view, v.id), shape, steps...)
	switch {
	case err != nil:
		return *new(T), err
	case !current:
		return *new(T), say(ErrConflict, "somebody else has changed it meanwhile: nothing was saved")
	case !touched:
		return *new(T), ErrDenied
	}
	return record, nil
}

// sawRow notes whether a statement touched a row.
func sawRow(touched *bool) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		*touched = rows.Next()
		rows.Close()
		return rows.Err()
	}
}

// mark deletes a record or restores it, and answers it as it then is.
func mark[R, T any](ctx context.Context, db *DB, table, view string, id int64, deleted bool, shape func(R) (T, error), before ...step) (T, error) {
	touched, wasThere := true, true // unless the rows say otherwise
	update := sq().Update(table).Set("deleted_at", squirrel.Expr("case when ? then now() end", deleted)).
		Where("id = ? and (deleted_at is null) = ?", id, deleted).Suffix("returning id")
	there := sq().Select("id").From(view).Where("id = ? and (deleted_at is null) = ?", id, deleted)
	steps := append([]step{{there, sawRow(&wasThere)}}, before...)
	record, err := one(ctx, db, from[R](view).Where(squirrel.Eq{"id": id}), shape, append(steps, step{update, sawRow(&touched)})...)
	switch {
	case err != nil || touched:
		return record, err
	case wasThere:
		return *new(T), ErrDenied
	case deleted:
		return *new(T), ErrNotFound
	}
	return *new(T), say(ErrConflict, "it is not deleted")
}
