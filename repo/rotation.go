package repo

// This file re-encrypts what an older key has sealed, while others work: every column of the domain sealed, which it
// finds in the catalogue, and the values that the trail holds of them. Batches are short, so nobody waits for long;
// rows that somebody has locked are left for the next round.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	resealBatch = 200                    // rows of one transaction
	lockedPause = 100 * time.Millisecond // before another round for rows that somebody held
)

// A Resealing re-encrypts values with the present key.
type Resealing struct {
	Prefix []byte // the first bytes of every value that the present key has sealed
	// Reseal opens a value and seals it with the present key; nil for one that cannot be opened and stays as it is.
	Reseal   func(column string, sealed []byte) (fresh []byte, tokens []int32, err error)
	Progress func(done, total int64) // may be nil
	done     int64
	total    int64
}

// A sealedTable is a table with sealed columns.
type sealedTable struct {
	Name    string
	Columns []string
	Tokens  []string // the columns of search tokens: NAME_tokens goes with the column NAME
}

// sealedTables reads them from the catalogue.
func sealedTables(ctx context.Context, tx pgx.Tx, schema string) ([]sealedTable, error) {
	rows, err := tx.Query(ctx, `select c.relname::text, sealed_columns(c.oid)::text[], token_columns(c.oid)::text[]
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = $1 and c.relkind = 'r' and sealed_columns(c.oid) <> '{}' order by c.relname`, schema)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[sealedTable])
}

// stale is the condition on rows with values of another key than the present one, whose prefix is $1.
func (t sealedTable) stale() string {
	conditions := make([]string, len(t.Columns))
	for i, column := range t.Columns {
		conditions[i] = "substr(" + quote(column) + ", 1, 5) <> $1"
	}
	return "(" + strings.Join(conditions, " or ") + ")"
}

// Reseal re-encrypts whatever is not sealed with the present key, round by round until nothing is left. It returns the
// number of rows that it changed, and of those with values that cannot be opened.
func (a *Admin) Reseal(ctx context.Context, r Resealing) (changed, damaged int64, err error) {
	var tables []sealedTable
	err = a.asOwner(ctx, func(tx pgx.Tx) (err error) { tables, err = sealedTables(ctx, tx, a.names.Schema); return err })
	if err != nil {
		return 0, 0, err
	}
	batches := []batch{resealTrail}
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

// A batch re-encrypts the next rows of a table, those behind an id.
type batch func(ctx context.Context, tx pgx.Tx, r *Resealing, after int64) (resealed, error)

// resealed is what a batch did: rows that were looked at, those with damaged values, the last id.
type resealed struct{ rows, damaged, last int64 }

// resealAll goes through a table once.
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
		if errors.Is(err, ErrConflict) { // a deadlock with somebody's hand-over: again
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

// staleEntry is the condition on entries of the trail with values of another key; $1 is the present key's prefix.
const staleEntry = `concat_ws(' ', before::text, after::text) ~ ('"\\\\x01(?!' || substr(encode($1::bytea, 'hex'), 3) || ')') and entity = 'customer'`

// unsealed counts the rows that are left.
func (a *Admin) unsealed(ctx context.Context, tables []sealedTable, prefix []byte) (rows int64, err error) {
	query := "select (select count(*) from audit where " + staleEntry + ")"
	for _, t := range tables {
		query += " + (select count(*) from " + quote(t.Name) + " where " + t.stale() + ")"
	}
	err = a.asOwner(ctx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, query, prefix).Scan(&rows) })
	return rows, err
}

// reseal re-encrypts the next batch of the table's rows; locked ones are left out.
func (t sealedTable) reseal(ctx context.Context, tx pgx.Tx, r *Resealing, after int64) (b resealed, err error) {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = quote(c)
	}
	rows, err := tx.Query(ctx, "select id, array["+strings.Join(columns, ", ")+"]::bytea[] from "+
		quote(t.Name)+" where id > $2 and "+t.stale()+
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

// changes are the columns of a row to write. whole is false if one of its values cannot be opened.
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

// resealTrail re-encrypts the values in the next batch of the trail's entries.
func resealTrail(ctx context.Context, tx pgx.Tx, r *Resealing, after int64) (b resealed, err error) {
	type entry struct {
		ID            int64
		Before, After values
	}
	rows, err := tx.Query(ctx, "select id, before, after from audit where id > $2 and "+
		staleEntry+" order by id limit $3 for no key update", r.Prefix, after, resealBatch)
	if err != nil {
		return b, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[entry])
	if err != nil {
		return b, err
	}
	updates := &pgx.Batch{}
	for _, e := range found {
		b.rows, b.last = b.rows+1, e.ID
		whole := true
		for _, kept := range []values{e.Before, e.After} {
			all, err := r.resealValues(kept)
			if err != nil {
				return b, err
			}
			whole = whole && all
		}
		if !whole {
			b.damaged++
		}
		updates.Queue("update audit set before = $2, after = $3 where id = $1", e.ID, e.Before.orNull(), e.After.orNull())
	}
	return b, tx.SendBatch(ctx, updates).Close()
}

// resealValues re-encrypts a customer's values in the trail, each with the digest of its first form, which is what the
// hash chain holds of it. whole is false if one of them cannot be opened.
func (r *Resealing) resealValues(kept values) (whole bool, err error) {
	whole = true
	for column, v := range kept {
		text, _ := v.(string)
		digits, digest, _ := strings.Cut(strings.TrimPrefix(text, `\x`), " ")
		if !strings.HasPrefix(text, `\x01`) {
			continue
		}
		sealed, err := hex.DecodeString(digits)
		if err != nil || bytes.HasPrefix(sealed, r.Prefix) {
			whole = whole && err == nil
			continue
		}
		fresh, _, err := r.Reseal("customer."+column, sealed)
		if err != nil {
			return false, err
		}
		if fresh == nil {
			whole = false
			continue
		}
		if digest == "" {
			digest = fmt.Sprintf("sha256:%x", sha256.Sum256(sealed))
		}
		kept[column] = fmt.Sprintf(`\x%x %s`, fresh, digest)
	}
	return whole, nil
}
