package repo

// This file re-encrypts values that an older key has sealed, while other clients work: all columns of the domain
// sealed, which it finds in the catalogue, and the copies of their values in the trail. Batches are short, so others
// wait only briefly. Locked rows are left for the next round.

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	resealBatch = 200                    // rows per transaction
	lockedPause = 100 * time.Millisecond // before the next round for rows that were locked
)

// A Resealing re-encrypts values with the present key.
type Resealing struct {
	Prefix []byte // the first bytes of every value that the present key has sealed
	// Reseal re-encrypts a value with the present key; nil for a value that cannot be opened, which stays unchanged.
	Reseal   func(column string, sealed []byte) (fresh []byte, tokens []int32, err error)
	Progress func(done, total int64) // may be nil
	done     int64
	total    int64
}

// A sealedTable is a table with sealed columns.
type sealedTable struct {
	Name    string
	Noun    string // in the trail's entries about its rows
	Columns []string
	Tokens  []string // the columns of search tokens: NAME_tokens goes with the column NAME
}

// sealedTables reads the tables from the catalogue. It calls no function of the schema, so it can also be used to
// verify one.
func sealedTables(ctx context.Context, tx pgx.Tx, schema string) ([]sealedTable, error) {
	rows, err := tx.Query(ctx, `with sealed as (
			select a.attrelid, array_agg(a.attname::text order by a.attname) as columns
			from pg_attribute a join pg_type d on d.oid = a.atttypid join pg_namespace n on n.oid = d.typnamespace
			where n.nspname = $1 and d.typname = 'sealed' and not a.attisdropped group by a.attrelid)
		select c.relname::text, coalesce((select split_part(encode(t.tgargs, 'escape'), '\000', 1) from pg_trigger t
				where t.tgrelid = c.oid and t.tgname = 'z_trail'), ''), s.columns,
			array(select a.attname::text from pg_attribute a
				where a.attrelid = c.oid and right(a.attname, 7) = '_tokens' and not a.attisdropped)
		from sealed s join pg_class c on c.oid = s.attrelid and c.relkind = 'r' order by c.relname`, schema)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[sealedTable])
}

// sealedColumns maps the noun of each table to its sealed columns.
func sealedColumns(tables []sealedTable) map[string][]string {
	columns := map[string][]string{}
	for _, t := range tables {
		if t.Noun != "" {
			columns[t.Noun] = t.Columns
		}
	}
	return columns
}

// stale is the condition for rows with values of another key than the present one, whose prefix is the parameter.
func (t sealedTable) stale(prefix string) string {
	conditions := make([]string, len(t.Columns))
	for i, column := range t.Columns {
		conditions[i] = "substr(" + quote(column) + ", 1, 5) <> " + prefix
	}
	return "(" + strings.Join(conditions, " or ") + ")"
}

// Reseal re-encrypts all values that are not sealed with the present key, in rounds until none is left. It returns the
// number of rows that it changed, and of rows with values that cannot be opened.
func (a *Admin) Reseal(ctx context.Context, r Resealing) (changed, damaged int64, err error) {
	var tables []sealedTable
	err = a.asOwner(ctx,
		func(tx pgx.Tx) (err error) { tables, err = sealedTables(ctx, tx, a.names.Schema); return err })
	if err != nil {
		return 0, 0, err
	}
	batches := []batch{trailOf(tables).reseal}
	for _, t := range tables {
		batches = append(batches, t.reseal)
	}
	if r.total, err = a.unsealed(ctx, tables, r.Prefix); err != nil {
		return 0, 0, err
	}
	for left := r.total; left > 0; {
		damaged = 0
		before := r.done
		for _, table := range batches {
			bad, err := a.resealAll(ctx, &r, table)
			damaged += bad
			if err != nil {
				return r.done, damaged, err
			}
		}
		if left, err = a.unsealed(ctx, tables, r.Prefix); err != nil {
			return r.done, damaged, err
		}
		if left -= damaged; left > 0 && r.done == before {
			select {
			case <-ctx.Done():
				return r.done, damaged, context.Cause(ctx)
			case <-time.After(lockedPause):
			}
		}
	}
	return r.done, damaged, nil
}

// A batch re-encrypts the next rows of a table after an id.
type batch func(ctx context.Context, tx pgx.Tx, r *Resealing, after int64) (resealed, error)

// resealed is the result of a batch: the number of rows read, the number with damaged values, and the last id.
type resealed struct{ rows, damaged, last int64 }

// resealAll runs one round through a table.
func (a *Admin) resealAll(ctx context.Context, r *Resealing, next batch) (damaged int64, err error) {
	conn, err := a.connect(ctx, a.names.Database)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for last := int64(0); ; {
		var b resealed
		err := a.asOwnerOn(ctx, conn, func(tx pgx.Tx) (err error) {
			if _, err = tx.Exec(ctx, "set local crm.reseal = 'on'; set local crm.token = ''"); err == nil {
				b, err = next(ctx, tx, r, last)
			}
			return err
		})
		if errors.Is(err, ErrConflict) { // a deadlock with a hand-over: retry
			continue
		}
		damaged += b.damaged
		if err != nil || b.rows == 0 {
			return damaged, err
		}
		last = b.last
		r.done += b.rows - b.damaged
		if r.Progress != nil {
			r.Progress(r.done, max(r.total, r.done))
		}
	}
}

// sealedValues is a FROM item: the values of sealed columns in an entry a of the trail. $1 is sealedColumns.
const sealedValues = `jsonb_array_elements_text($1::jsonb -> a.entity) c (name),
	unnest(array[a.before ->> c.name, a.after ->> c.name]) v (value)`

// staleEntry is the condition for entries of the trail with values of another key. $1 is sealedColumns, $2 the prefix
// of the present key.
const staleEntry = `$1::jsonb ? a.entity and exists (select from ` + sealedValues + `
	where v.value like '\\x01%' and substr(v.value, 3, 10) <> encode($2::bytea, 'hex'))`

// unsealed counts the rows that are still to be re-encrypted.
func (a *Admin) unsealed(ctx context.Context, tables []sealedTable, prefix []byte) (rows int64, err error) {
	query := "select (select count(*) from audit a where " + staleEntry + ")"
	for _, t := range tables {
		query += " + (select count(*) from " + quote(t.Name) + " where " + t.stale("$2") + ")"
	}
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, query, sealedColumns(tables), prefix).Scan(&rows)
	})
	return rows, err
}

// reseal re-encrypts the next batch of the table's rows. It skips locked rows.
func (t sealedTable) reseal(ctx context.Context, tx pgx.Tx, r *Resealing, after int64) (b resealed, err error) {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = quote(c)
	}
	rows, err := tx.Query(ctx, "select id, array["+strings.Join(columns, ", ")+"]::bytea[] from "+
		quote(t.Name)+" where id > $2 and "+t.stale("$1")+
		" order by id limit $3 for no key update skip locked", r.Prefix, after, resealBatch)
	if err != nil {
		return b, err
	}
	type row struct {
		ID     int64
		Sealed [][]byte
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return b, err
	}
	updates := &pgx.Batch{}
	for _, f := range found {
		b.rows, b.last = b.rows+1, f.ID
		changes, whole, err := t.changes(r, f.Sealed)
		if err != nil {
			return b, err
		}
		if !whole {
			b.damaged++
		}
		if len(changes) == 0 {
			continue
		}
		sql, args, err := sq().Update(quote(t.Name)).SetMap(changes).Where("id = ?", f.ID).ToSql()
		if err != nil {
			return b, err
		}
		updates.Queue(sql, args...)
	}
	return b, tx.SendBatch(ctx, updates).Close()
}

// changes returns the columns of a row to write. whole is false if one of its values cannot be opened.
func (t sealedTable) changes(r *Resealing, values [][]byte) (changes map[string]any, whole bool, err error) {
	changes, whole = map[string]any{}, true
	for i, column := range t.Columns {
		if values[i] == nil || bytes.HasPrefix(values[i], r.Prefix) {
			continue
		}
		fresh, tokens, err := r.Reseal(t.Name+"."+column, values[i])
		if err != nil {
			return nil, false, err
		}
		if fresh == nil {
			whole = false
			continue
		}
		changes[quote(column)] = fresh
		if of := column + "_tokens"; slices.Contains(t.Tokens, of) {
			changes[quote(of)] = tokens
		}
	}
	return changes, whole, nil
}
