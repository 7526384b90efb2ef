package repo

import (
	"context"
	"slices"
	"strings"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// This file finds the stored customers that are like others; duplicate.go has the comparison.

// CustomerIndex returns an index of all live customers, for comparing many new ones: call Like for each, then Add.
func (db *DB) CustomerIndex(ctx context.Context) (*CustomerIndex, error) {
	x := newCustomerIndex(db.vault)
	err := db.ask(ctx, step{likeFrom().Where("deleted_at is null").OrderBy("id"), db.index(x)})
	return x, err
}

// LikeCustomer returns the live customers that are like c, the most similar first. It uses the blind index.
func (db *DB) LikeCustomer(ctx context.Context, c Customer) ([]Likeness, error) {
	return steady(db, func() ([]Likeness, error) {
		var sets [][]int32
		if c.Email != "" {
			exact, _, _ := db.vault.Needle(c.Email)
			sets = append(sets, exact...)
		}
		if c.Phone != "" {
			_, _, digits := db.vault.Needle(c.Phone)
			sets = append(sets, digits...)
		}
		if c.CompanyName != "" && c.FullName != "" {
			_, _, person := db.vault.Needle(c.FullName)
			_, _, company := db.vault.Needle(strings.Join(db.vault.CompanyWords(c.CompanyName), " "))
			sets = append(append(sets, person...), company...)
		}
		x := newCustomerIndex(db.vault)
		likely := offeredColumns(likeColumns, customers.view, customers.table+"_id_seq", sets,
			Page{Limit: mostCompared, Desc: true}, isDeleted(false), nil)
		if err := db.ask(ctx, inOrder(), step{inOrderOfID(likely), db.index(x)}); err != nil {
			return nil, err
		}
		return x.Like(c), nil
	})
}

// mostLookedUp is the number of customers from which on LikeCustomers reads all customers at once.
const mostLookedUp = 20

// LikeCustomers returns for each of the changed customers those that are like it: stored ones, and the changed ones
// before it.
func (db *DB) LikeCustomers(ctx context.Context, changed []Customer) (alike [][]Likeness, err error) {
	x, few := newCustomerIndex(db.vault), len(changed) <= mostLookedUp
	if !few {
		if x, err = db.CustomerIndex(ctx); err != nil {
			return nil, err
		}
	}
	for _, c := range changed {
		found := x.Like(c)
		if few {
			stored, err := db.LikeCustomer(ctx, c)
			if err != nil {
				return nil, err
			}
			found = slices.Concat(found, slices.DeleteFunc(stored, func(l Likeness) bool {
				return slices.ContainsFunc(found, func(f Likeness) bool { return f.Customer.ID == l.Customer.ID })
			}))
		}
		alike = append(alike, found)
		x.Add(c)
	}
	return alike, nil
}

// likeColumns are the columns in which customers are compared.
const likeColumns = "id, company_name, full_name, email, phone"

// likeFrom selects the columns in which customers are compared.
func likeFrom() squirrel.SelectBuilder { return sq().Select(likeColumns).From(customers.view) }

func inOrderOfID(rows squirrel.Sqlizer) squirrel.Sqlizer {
	return toDollar{squirrel.Expr("select * from (?) rows order by id", rows)}
}

// index adds the rows of likeFrom to an index while it reads them.
func (db *DB) index(x *CustomerIndex) func(pgx.Rows) error { return db.eachCompared(x.Add) }

// eachCompared calls do for each row of likeFrom while it reads them.
func (db *DB) eachCompared(do func(Customer)) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var c sealedCustomer
		_, err := pgx.ForEachRow(rows, c.targets(), func() error {
			do(db.opened(c))
			return nil
		})
		return err
	}
}

// A sealedCustomer is a row of likeFrom.
type sealedCustomer struct {
	id                            int64
	company, person, email, phone []byte
}

func (c *sealedCustomer) targets() []any {
	return []any{&c.id, &c.company, &c.person, &c.email, &c.phone}
}

func (db *DB) opened(c sealedCustomer) Customer {
	return Customer{
		ID: c.id, CompanyName: db.open("customer.company_name", c.company),
		FullName: db.open("customer.full_name", c.person),
		Email:    db.open("customer.email", c.email), Phone: db.open("customer.phone", c.phone),
	}
}
