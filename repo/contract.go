package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
)

// A Contract belongs to a customer. The database computes RemainingAmount: the total minus the payments.
type Contract struct {
	ID              int64
	CustomerID      int64
	Customer        string // the company's name
	CustomerContact string // the person's name
	CustomerEmail   string
	CustomerPhone   string
	SalesID         *int64
	SalesContact    *string
	TotalAmount     Money
	RemainingAmount Money
	Status          string
	SignedAt        *time.Time
	CreatedAt       time.Time
	UpdatedAt       time.Time
	DeletedAt       *time.Time
}

// ContractStatuses are the states of a contract, in the order in which it passes them.
func ContractStatuses() []string {
	return []string{"to_send", "pending", "signed", "finished", "canceled"}
}

// A ContractFilter narrows a list; zero values do not. Filters combine with AND.
type ContractFilter struct {
	Page
	CustomerID int64
	Customers  []int64 // of any of these; nil for all
	Mine       int64   // the contract's or its customer's sales contact
	Status     string
	Unsigned   bool // to_send or pending
	Unpaid     bool // something remains to be paid, and the contract is not canceled
}

// A ContractChange holds the columns to write; nil leaves a column as it is.
type ContractChange struct {
	CustomerID, SalesID *int64
	TotalAmount         *Money
	RemainingAmount     *Money // written as the ledger entry that makes it true
	Status              *string
	Since               *time.Time // ErrConflict if the record was updated later; nil: not checked
}

// ContractSorts are the columns that --sort may name.
func ContractSorts() map[string]string {
	return map[string]string{
		"id": "id", "customer_id": "customer_id", "sales_id": "coalesce(sales_id, 0)", "sales_contact": "coalesce(sales_contact, '')",
		"total_amount": "total_amount", "remaining_amount": "remaining_amount", "status": "status",
		"signed_at": "coalesce(signed_at, 'infinity')", "created_at": "created_at", "updated_at": "updated_at",
	}
}

type contractRow struct {
	ID              int64      `db:"id"`
	CustomerID      int64      `db:"customer_id"`
	Customer        []byte     `db:"customer"`
	CustomerContact []byte     `db:"customer_contact"`
	CustomerEmail   []byte     `db:"customer_email"`
	CustomerPhone   []byte     `db:"customer_phone"`
	SalesID         *int64     `db:"sales_id"`
	SalesContact    *string    `db:"sales_contact"`
	TotalAmount     Money      `db:"total_amount"`
	RemainingAmount Money      `db:"remaining_amount"`
	Status          string     `db:"status"`
	SignedAt        *time.Time `db:"signed_at"`
	CreatedAt       time.Time  `db:"created_at"`
	UpdatedAt       time.Time  `db:"updated_at"`
	DeletedAt       *time.Time `db:"deleted_at"`
}

// Contracts lists at most Limit+1 contracts.
func (db *DB) Contracts(ctx context.Context, f ContractFilter) ([]Contract, error) {
	q := from[contractRow]("contracts")
	if f.CustomerID != 0 {
		q = q.Where(squirrel.Eq{"customer_id": f.CustomerID})
	}
	if f.Customers != nil {
		q = q.Where(ofCustomers("contracts", f.Customers))
	}
	if f.Mine != 0 {
		q = q.Where(squirrel.Or{squirrel.Eq{"sales_id": f.Mine}, squirrel.Eq{"customer_sales_id": f.Mine}})
	}
	if f.Status != "" {
		q = q.Where(squirrel.Eq{"status": f.Status})
	}
	if f.Unsigned {
		q = q.Where("status in ('to_send', 'pending')")
	}
	if f.Unpaid {
		q = q.Where("remaining_amount > 0 and status <> 'canceled'")
	}
	fetch := func(q squirrel.SelectBuilder, p Page) ([]Contract, error) {
		return listPage(ctx, db, q, "contracts", p, ContractSorts(), db.openContract)
	}
	if f.Search == "" {
		return fetch(q, f.Page)
	}
	return steady(db, func() ([]Contract, error) {
		m, err := db.mentions(ctx, f.Search, mentionedBy{view: "contracts", sequence: "contract_id_seq", contact: "sales_id", states: ContractStatuses(), total: true})
		if err != nil {
			return nil, err
		}
		return searched(f.Page, func(c Contract) int64 { return c.ID }, func(p Page) ([]Contract, error) { return fetch(q.Where(m.candidates(p)), p) }, func(c Contract) bool { return db.scoreContract(f.Search, c) > 0 })
	})
}

// scoreContract returns how well a contract, its contact and its customer match; 0 is not at all.
func (db *DB) scoreContract(text string, c Contract) int {
	return db.scoreRecord(text, c.ID, &c.TotalAmount, c.Status, orEmpty(c.SalesContact), c.Customer, c.CustomerContact, c.CustomerEmail, c.CustomerPhone)
}

// Contract is the live contract with that ID.
func (db *DB) Contract(ctx context.Context, id int64) (Contract, error) {
	return one(ctx, db, live[contractRow]("contracts", id), db.openContract)
}

// AddContract adds a contract; without SalesID its contact is the customer's.
func (db *DB) AddContract(ctx context.Context, c ContractChange) (Contract, error) {
	return one(ctx, db, added[contractRow]("contracts", "contract"), db.openContract,
		step{query: sq().Insert("contract").SetMap(contractValues(c, false))})
}

// UpdateContract writes the given columns in one transaction: contact, customer and total first, then the payment, then
// the status.
func (db *DB) UpdateContract(ctx context.Context, id int64, c ContractChange) (Contract, error) {
	touched, v := []bool{true, true}, version{id, c.Since}
	var after []step
	if c.RemainingAmount != nil {
		entry := squirrel.Select("id").Column("remaining_amount - ?", *c.RemainingAmount).From("contracts").
			Where("id = ? and deleted_at is null and remaining_amount <> ?", id, *c.RemainingAmount).Where(v.unchanged("contracts"))
		after = append(after,
			step{v.lock("contract"), sawRow(&touched[0])},
			step{query: sq().Insert("payment").Columns("contract_id", "amount").Select(entry)})
	}
	if c.Status != nil {
		update := sq().Update("contract").Set("status", *c.Status).Where(squirrel.Eq{"id": id, "deleted_at": nil}).Where(v.unchanged("contracts"))
		after = append(after, step{update.Suffix("returning id"), sawRow(&touched[1])})
	}
	record, err := change(ctx, db, "contract", "contracts", v, db.openContract, contractValues(c, true), nil, after)
	if err == nil && !(touched[0] && touched[1]) {
		return Contract{}, ErrDenied
	}
	return record, err
}

// PayContract records a payment; on is its date, nil for today.
func (db *DB) PayContract(ctx context.Context, id int64, amount Money, on *time.Time) (Contract, error) {
	values := map[string]any{"contract_id": id, "amount": amount}
	if on != nil {
		values["paid_on"] = on.Format(time.DateOnly)
	}
	return one(ctx, db, live[contractRow]("contracts", id), db.openContract,
		step{query: sq().Insert("payment").SetMap(values)})
}

// contractValues returns the columns of a change. An update leaves the status out: UpdateContract writes it last.
func contractValues(c ContractChange, update bool) map[string]any {
	values := map[string]any{}
	set(values, "customer_id", c.CustomerID)
	set(values, "sales_id", c.SalesID)
	set(values, "total_amount", c.TotalAmount)
	if !update {
		set(values, "status", c.Status)
	}
	return values
}

func (db *DB) openContract(r contractRow) (Contract, error) {
	return Contract{
		ID: r.ID, CustomerID: r.CustomerID,
		Customer:        db.open("customer.company_name", r.Customer),
		CustomerContact: db.open("customer.full_name", r.CustomerContact),
		CustomerEmail:   db.open("customer.email", r.CustomerEmail),
		CustomerPhone:   db.open("customer.phone", r.CustomerPhone),
		SalesID:         r.SalesID, SalesContact: r.SalesContact,
		TotalAmount: r.TotalAmount, RemainingAmount: r.RemainingAmount, Status: r.Status,
		SignedAt: r.SignedAt, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, DeletedAt: r.DeletedAt,
	}, nil
}
