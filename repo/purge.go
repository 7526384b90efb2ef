package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Counts are numbers of records by noun.
type Counts struct{ Users, Customers, Contacts, Contracts, Payments, Events, Notes int }

// Purged counts the fictional records that a purge removed, and those that it kept because real records refer to them.
type Purged struct{ Removed, Kept Counts }

// FictionalUser returns the live fictional collaborator with the email, or ErrNotFound. With p, a collaborator without
// a credential gets it; an existing password stays.
func (a *Admin) FictionalUser(ctx context.Context, email string, p *Password) (u User, err error) {
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select id, first_name, last_name, email, role from collaborator
			where fictional and deleted_at is null and lower(email) = lower($1)`, email).
			Scan(&u.ID, &u.FirstName, &u.LastName, &u.Email, &u.Role)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil || p == nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into credential (collaborator_id, memory_kib, iterations, parallelism, salt,
			key_hash)
			values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
			u.ID, p.MemoryKiB, p.Iterations, p.Parallelism, p.Salt, p.KeyHash)
		return err
	})
	return u, err
}

// counter returns a pointer to the count of a table's records, or to a scratch variable for other tables.
func (c *Counts) counter(table string) *int {
	counts := map[string]*int{
		users.table: &c.Users, customers.table: &c.Customers, contacts.table: &c.Contacts,
		contracts.table: &c.Contracts, payments.table: &c.Payments,
		events.table: &c.Events, notes.table: &c.Notes,
	}
	if count, ok := counts[table]; ok {
		return count
	}
	return new(int)
}

// Purge deletes the fictional records irreversibly and in one transaction. It keeps records that a real record refers
// to, directly or indirectly, and the payments of a kept contract, which determine its remaining amount. Credentials
// and sessions are deleted with their accounts. The trail stays and has an entry for every removal.
func (a *Admin) Purge(ctx context.Context) (p Purged, err error) {
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		tables, err := seededTables(ctx, tx, a.names.Schema)
		if err != nil {
			return err
		}
		// Writers wait, so no new record can refer to one that is about to be deleted.
		names := make([]string, len(tables))
		for i, t := range tables {
			names[i] = quote(t.Name)
		}
		if _, err := tx.Exec(ctx, "lock table "+strings.Join(names, ", ")+" in share row exclusive mode"); err != nil {
			return err
		}
		for _, t := range childrenFirst(tables) {
			tag, err := tx.Exec(ctx, t.purge())
			if err != nil {
				return err
			}
			*p.Removed.counter(t.Name) = int(tag.RowsAffected())
			if err := tx.QueryRow(ctx,
				"select count(*) from "+quote(t.Name)+" where fictional").Scan(p.Kept.counter(t.Name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Purged{}, err
	}
	return p, nil
}

// A seededTable is a table that marks fictional rows.
type seededTable struct {
	Name              string
	Children, Columns []string // seeded tables that refer to it, and their referring columns
}

// seededTables reads the tables and their foreign keys from the catalogue.
func seededTables(ctx context.Context, tx pgx.Tx, schema string) ([]seededTable, error) {
	rows, err := tx.Query(ctx, `with seeded as (
			select c.oid, c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
			join pg_attribute a on a.attrelid = c.oid and a.attname = 'fictional' and not a.attisdropped
			where n.nspname = $1 and c.relkind = 'r')
		select s.relname, coalesce(array_agg(o.relname) filter (where o.oid is not null), '{}'),
			coalesce(array_agg(a.attname::text) filter (where o.oid is not null), '{}')
		from seeded s left join (pg_constraint f join seeded o on o.oid = f.conrelid and f.contype = 'f'
			join pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[1]) on f.confrelid = s.oid
			and f.conrelid <> s.oid
		group by s.relname order by s.relname`, schema)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[seededTable])
}

// childrenFirst sorts tables so that a table comes after those that refer to it. Payments come last among those that
// refer to contracts: only then is it known which contracts stay.
func childrenFirst(tables []seededTable) (ordered []seededTable) {
	done := map[string]bool{}
	var add func(t seededTable)
	add = func(t seededTable) {
		if done[t.Name] {
			return
		}
		done[t.Name] = true
		for _, last := range []bool{false, true} {
			for _, child := range tables {
				if slices.Contains(t.Children, child.Name) && (child.Name == payments.table) == last {
					add(child)
				}
			}
		}
		ordered = append(ordered, t)
	}
	for _, t := range tables {
		if t.Name != payments.table {
			add(t)
		}
	}
	return ordered
}

// purge returns the statement that deletes the fictional rows to which no row refers.
func (t seededTable) purge() string {
	sql := "delete from " + quote(t.Name) + " t where t.fictional"
	for i, child := range t.Children {
		sql += fmt.Sprintf(" and not exists (select from %s c where c.%s = t.id)", quote(child), quote(t.Columns[i]))
	}
	if t.Name == payments.table {
		sql += ` and exists (select from contract k where k.id = t.contract_id and k.fictional
			and not exists (select from payment o where o.contract_id = k.id and not o.fictional)
			and not exists (select from event e where e.contract_id = k.id))`
	}
	return sql
}
