package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// A Payment is an entry of a contract's ledger. A negative amount corrects an earlier one.
type Payment struct {
	ID         int64     `db:"id"`
	ContractID int64     `db:"contract_id"`
	Customer   string    `db:"customer" sealed:"customer.company_name" sort:"text"` // the company's name
	PaidOn     time.Time `db:"paid_on" show:"day whole"`                            // at midnight UTC
	Amount     Money     `db:"amount"`
	RecordedBy *string   `db:"recorded_by" by:"database"` // nil: the company's set-up
	CreatedAt  time.Time `db:"created_at" by:"database" show:"detail"`
}

var payments = entityOf[Payment]("payment", "payment", "payments", finder{})

// Payments returns the payments of a contract, oldest first, in one round trip; ErrNotFound if the contract does not
// exist.
func (db *DB) Payments(ctx context.Context, contract int64) ([]Payment, error) {
	var paid []Payment
	found := false
	err := db.ask(ctx, step{contracts.live(contract), sawRow(&found)}, paymentsOf(db, contract, &paid))
	if err == nil && !found {
		return nil, ErrNotFound
	}
	return paid, err
}

// paymentsOf is the step that reads the payments of a contract.
func paymentsOf(db *DB, contract int64, into *[]Payment) step {
	of := payments.from().Where(squirrel.Eq{"contract_id": contract}).OrderBy("id")
	return step{of, collect(into, payments.row(db))}
}

// PayContract records a payment; on is its date, nil for today.
func (db *DB) PayContract(ctx context.Context, id int64, amount Money, on *time.Time) (Contract, error) {
	values := map[string]any{"contract_id": id, "amount": amount}
	if on != nil {
		values["paid_on"] = on.Format(time.DateOnly)
	}
	return one(ctx, db, contracts.live(id), contracts.row(db), step{query: sq().Insert(payments.table).SetMap(values)})
}

// A PaymentFilter narrows a list; zero values do not. Filters combine with AND.
type PaymentFilter struct {
	Page
	ContractID   int64
	From, Before *time.Time // the first day, and the day after the last one
}

// Ledger returns one page of the payments of all contracts.
func (db *DB) Ledger(ctx context.Context, f PaymentFilter) (List[Payment], error) {
	var where squirrel.And
	if f.ContractID != 0 {
		where = append(where, squirrel.Eq{"contract_id": f.ContractID})
	}
	if f.From != nil {
		where = append(where, squirrel.Expr("paid_on >= ?::date", f.From.Format(time.DateOnly)))
	}
	if f.Before != nil {
		where = append(where, squirrel.Expr("paid_on < ?::date", f.Before.Format(time.DateOnly)))
	}
	return payments.search(ctx, db, where, f.Page, payments.sorts())
}

// A PaidKey is what two records of one payment have in common.
type PaidKey struct {
	Contract int64
	Day      string // 2026-03-28
	Amount   Money
}

// PaidKeys counts the payments of contracts by their keys, and keeps others from adding payments to those that the
// caller may change until the transaction ends. A payment that an entry of the opposite amount takes back does not
// count.
func (db *DB) PaidKeys(ctx context.Context, of []int64) (map[PaidKey]int, error) {
	count := map[PaidKey]int{}
	lock := sq().Select("id").From(contracts.table).Where("id = any(?)", of).OrderBy("id").Suffix("for no key update")
	q := sq().Select("contract_id", "to_char(paid_on, 'YYYY-MM-DD')", "amount").From(payments.view).
		Where("contract_id = any(?)", of)
	return count, db.ask(ctx, step{query: lock}, step{q, func(rows pgx.Rows) error {
		var k PaidKey
		_, err := pgx.ForEachRow(rows, []any{&k.Contract, &k.Day, &k.Amount}, func() error {
			count[k]++
			count[PaidKey{k.Contract, k.Day, -k.Amount}]--
			return nil
		})
		return err
	}})
}
