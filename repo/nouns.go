package repo

import (
	"context"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// This file lists the entities. Undo, the trail and find get their nouns from it.

// A stored is an entity of any record type.
type stored interface {
	nounAndTable() (noun, table string)
	column(name string) Column
	write(db *DB, values map[string]any, name string, value any) error
	sealed() []string
	all() []Column
	keyed(ctx context.Context, db *DB, externalID string) ([]int64, error)
}

// stores returns the entities in the order in which lists show their nouns.
func stores() []stored { return []stored{customers, contacts, contracts, events, notes, users} }

// everyStore returns the entities, also those whose records have no ID that users see.
func everyStore() []stored { return append(stores(), payments, tags, views, savedMaps) }

// storeOf returns the entity with a noun, or nil.
func storeOf(noun string) stored {
	for _, e := range everyStore() {
		if own, _ := e.nounAndTable(); own == noun {
			return e
		}
	}
	return nil
}

// Nouns returns the nouns of the records that have an ID, such as "customer".
func Nouns() []string {
	var nouns []string
	for _, e := range stores() {
		noun, _ := e.nounAndTable()
		nouns = append(nouns, noun)
	}
	return nouns
}

// nounAndTable returns the entity's noun and the table that its records are written to.
func (e entity[T]) nounAndTable() (noun, table string) { return e.noun, e.table }

// sealed returns the sealed columns of the entity's own table, as the ciphertext's associated data names them.
func (e entity[T]) sealed() (columns []string) {
	for _, c := range e.columns {
		if c.Sealed == e.table+"."+c.Name {
			columns = append(columns, c.Sealed)
		}
	}
	return columns
}

// keyed returns the ID of the live record with an external ID; none if there is no such record.
func (e entity[T]) keyed(ctx context.Context, db *DB, externalID string) ([]int64, error) {
	if e.column("external_id").Name == "" {
		return nil, nil
	}
	query := sq().Select("id").From(e.view).Where(squirrel.Eq{"external_id": externalID, "deleted_at": nil})
	return list(ctx, db, query, pgx.RowTo[int64])
}

// WithExternalID returns the ID of the live record of a noun with an external ID; none if there is no such record.
func (db *DB) WithExternalID(ctx context.Context, noun, externalID string) ([]int64, error) {
	if e := storeOf(noun); e != nil {
		return e.keyed(ctx, db, externalID)
	}
	return nil, nil
}

// belonging returns the live records whose column, such as customer_id, is one of these IDs.
func (e entity[T]) belonging(ctx context.Context, db *DB, column string, ids []int64) ([]T, error) {
	return list(ctx, db, e.from().Where(column+" = any(?) and deleted_at is null", ids), e.row(db))
}

// ContactsOf returns the live contacts of customers.
func (db *DB) ContactsOf(ctx context.Context, customers []int64) ([]Contact, error) {
	return contacts.belonging(ctx, db, "customer_id", customers)
}

// ContractsOf returns the live contracts of customers.
func (db *DB) ContractsOf(ctx context.Context, customers []int64) ([]Contract, error) {
	return contracts.belonging(ctx, db, "customer_id", customers)
}

// EventsOf returns the live events of contracts.
func (db *DB) EventsOf(ctx context.Context, contracts []int64) ([]Event, error) {
	return events.belonging(ctx, db, "contract_id", contracts)
}

// NamesOfCustomers calls do with the ID, company, person and email of live customers.
func (db *DB) NamesOfCustomers(ctx context.Context, ids []int64, do func(customer int64, c Customer)) error {
	query := sq().Select("id", "id", "company_name", "full_name", "email").From(customers.view)
	return db.names(ctx, query, ids, do)
}

// NamesOfContracts does that with the customers of live contracts.
func (db *DB) NamesOfContracts(ctx context.Context, ids []int64, do func(contract int64, c Customer)) error {
	query := sq().Select("id", "customer_id", "customer", "customer_contact", "customer_email").From(contracts.view)
	return db.names(ctx, query, ids, do)
}

func (db *DB) names(ctx context.Context, query squirrel.SelectBuilder, ids []int64, do func(int64, Customer)) error {
	query = query.Where("id = any(?) and deleted_at is null", ids)
	return db.ask(ctx, step{query, func(rows pgx.Rows) error {
		var id int64
		var c sealedCustomer
		_, err := pgx.ForEachRow(rows, []any{&id, &c.id, &c.company, &c.person, &c.email}, func() error {
			do(id, db.opened(c))
			return nil
		})
		return err
	}})
}

// TrailEntities returns the kinds of records that the trail's entries are about. Refusals may name other nouns.
func TrailEntities() []string {
	return append(Nouns(), tags.noun, views.noun, savedMaps.noun, payments.noun, "role", "keyset", "schema", "audit",
		"find", "inbox") // exports of several nouns
}

// TrailActions returns the actions of the trail's entries.
func TrailActions() []string {
	return []string{
		"add", "update", "delete", "cancel", "restore", "purge",
		"sign-in", "sign-in-failed", "sign-out", "session-end", "refuse", "export", "erase",
		"password", "password-cost", "password-reset", "unlock", "recovery-code",
		"mfa-on", "mfa-off", "mfa-clear", "mfa-require", "hand-over", "update-many", "merge", "import",
		"rotate", "rotated", "upgrade",
	}
}
