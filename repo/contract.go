package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
)

// A Contract belongs to a customer. The database computes RemainingAmount: the total minus the payments.
type Contract struct {
	ID              int64      `db:"id"`
	CustomerID      int64      `db:"customer_id" show:"detail"`
	Customer        string     `db:"customer" sealed:"customer.company_name" sort:"text"` // the company's name
	CustomerContact string     `db:"customer_contact" sealed:"customer.full_name" show:"detail"`
	CustomerEmail   string     `db:"customer_email" sealed:"customer.email" show:"hidden"`
	CustomerPhone   string     `db:"customer_phone" sealed:"customer.phone" show:"hidden"`
	SalesID         *int64     `db:"sales_id" show:"detail"`
	SalesContact    *string    `db:"sales_contact" sort:"by sales_id" search:"words" show:"wide"`
	TotalAmount     Money      `db:"total_amount" sort:"index"`
	RemainingAmount Money      `db:"remaining_amount" sort:"index" by:"database"`
	Status          string     `db:"status" sort:"index" show:"status" search:"words"`
	SignedAt        *time.Time `db:"signed_at" sort:"index" by:"database" show:"detail"`
	ExternalID      *string    `db:"external_id" sort:"-" show:"detail absent"` // its name in another program
	CreatedAt       time.Time  `db:"created_at" sort:"index" show:"detail"`
	UpdatedAt       time.Time  `db:"updated_at" sort:"index" show:"detail"`
	DeletedAt       *time.Time `db:"deleted_at" show:"detail absent" sort:"-"`
}

var contracts = entityOf[Contract]("contract", "contract", "contracts", finder{
	own: "own_contracts", mentionedBy: mentionedBy{
		view: "contracts", sequence: "contract_id_seq", contact: "sales_id", states: ContractStatuses(), total: true,
	},
})

// ContractStatuses are the states of a contract, in the order in which it passes them.
func ContractStatuses() []string {
	return []string{"to_send", "pending", "signed", "finished", "canceled"}
}

// A ContractFilter narrows a list; zero values do not. Filters combine with AND.
type ContractFilter struct {
	Page
	CustomerID int64
	Tag        string
	Customers  []int64 // of any of these; nil for all
	Mine       int64   // the contract's or its customer's sales contact
	Status     string
	Unsigned   bool // to_send or pending
	Unpaid     bool // something remains to be paid, and the contract is not canceled
}

// Contracts returns one page of contracts.
func (db *DB) Contracts(ctx context.Context, f ContractFilter) (List[Contract], error) {
	var where squirrel.And
	if f.CustomerID != 0 {
		where = append(where, squirrel.Eq{"customer_id": f.CustomerID})
	}
	if f.Customers != nil {
		where = append(where, ofCustomers("contracts", f.Customers))
	}
	if f.Status != "" {
		where = append(where, squirrel.Eq{"status": f.Status})
	}
	if f.Unsigned {
		where = append(where, squirrel.Expr("status in ('to_send', 'pending')"))
	}
	if f.Unpaid {
		where = append(where, squirrel.Expr("remaining_amount > 0 and status <> 'canceled'"))
	}
	if f.Tag != "" {
		has, err := db.tagged(ctx, contracts.noun, f.Tag)
		if err != nil {
			return List[Contract]{}, err
		}
		where = append(where, has)
	}
	f.counted = contracts.finder.own
	if f.Mine != 0 {
		return db.contractsOf(ctx, f.Mine, f.Page, where)
	}
	return contracts.search(ctx, db, where, f.Page, contracts.sorts())
}

// contractsOf returns one page of the contracts that meet where and whose sales contact, or whose customer's, is a
// collaborator. No index has both. If these are few, at most MostCounted, they are read first; otherwise a page that
// checks one contract after the other is soon full.
func (db *DB) contractsOf(ctx context.Context, contact int64, p Page, where squirrel.And) (List[Contract], error) {
	own := squirrel.Select("id").From("own_contracts").
		Where(squirrel.Eq{"sales_id": contact}).Where(isDeleted(p.Deleted))
	theirs := squirrel.Select("k.id").From("own_customers c").Join("own_contracts k on k.customer_id = c.id").
		Where("c.sales_id = ? and k.sales_id is distinct from ?", contact, contact).
		Where(isSet("k.deleted_at", p.Deleted))
	var ids []int64
	all := squirrel.Expr("array(? union all ? limit ?)", own, theirs, MostCounted+1)
	if err := db.ask(ctx, stopEarly(), step{sq().Select().Column(all), value(&ids)}); err != nil {
		return List[Contract]{}, err
	}
	few := len(ids) <= MostCounted
	known := p.Count && len(where) == 0 && p.Where == nil && p.Search == "" && (few || !p.Whole)
	p.Count = p.Count && !known
	if few {
		where = append(where, squirrel.Expr("id = any(?)", ids))
		p.among = contracts.firstOwn(p, where)
	} else {
		where = append(where, squirrel.Or{squirrel.Eq{"sales_id": contact}, squirrel.Eq{"customer_sales_id": contact}})
		p.counted = ""
	}
	found, err := contracts.search(ctx, db, where, p, contracts.sorts())
	if known {
		found.Total = int64(len(ids))
	}
	return found, err
}

// Contract returns the live contract with the ID, or ErrNotFound.
func (db *DB) Contract(ctx context.Context, id int64) (Contract, error) {
	return contracts.get(ctx, db, id)
}

// AddContract adds a contract. Without a sales_id its sales contact is the customer's.
func (db *DB) AddContract(ctx context.Context, c Change) (Contract, error) {
	return contracts.add(ctx, db, c)
}

// UpdateContract writes the given columns in one transaction: contact, customer and total first, then the payment that
// results in the given remaining_amount, then the status.
func (db *DB) UpdateContract(ctx context.Context, id int64, c Change) (Contract, error) {
	values, touched, v := c.given(), []bool{true, true}, c.of(id)
	var after []step
	if remaining, ok := values["remaining_amount"]; ok {
		entry := squirrel.Select("id").Column("remaining_amount - ?", remaining).From("contracts").
			Where("id = ? and deleted_at is null and remaining_amount <> ?", id, remaining).
			Where(v.unchanged("contracts"))
		after = append(after,
			step{v.lock("contract"), sawRow(&touched[0])},
			step{query: sq().Insert("payment").Columns("contract_id", "amount").Select(entry)})
	}
	if status, ok := values["status"]; ok {
		update := sq().Update("contract").Set("status", status).
			Where(squirrel.Eq{"id": id, "deleted_at": nil}).Where(v.unchanged("contracts"))
		after = append(after, step{update.Suffix("returning id"), sawRow(&touched[1])})
	}
	delete(values, "remaining_amount")
	delete(values, "status")
	record, err := contracts.change(ctx, db, v, values, nil, after)
	if err == nil && !(touched[0] && touched[1]) {
		return Contract{}, ErrDenied
	}
	return record, err
}
