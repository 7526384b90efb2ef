package repo

// This file re-encrypts values of older keys with the present key: customers, and their values in the trail. Users can work
// meanwhile: transactions are short, and locked rows are left for the next round.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	resealBatch = 200                    // rows of one transaction
	lockedPause = 100 * time.Millisecond // before the next round for locked rows
)

// A Resealing is one re-encryption.
type Resealing struct {
	Prefix []byte // the first bytes of every value of the present key
	// Reseal opens a value and seals it with the present key. It returns nil for a damaged value, which is left as it is.
	Reseal   func(column string, sealed []byte) (fresh []byte, tokens []int32, err error)
	Progress func(done, total int64) // may be nil
	done     int64
	total    int64
}

// sealedColumns are the columns of a customer that are sealed.
var sealedColumns = [...]string{"company_name", "full_name", "email", "phone"}

// Reseal re-encrypts all values of older keys, in rounds until none is left. It returns the numbers of changed rows and of
// rows with damaged values.
func (a *Admin) Reseal(ctx context.Context, r Resealing) (changed, damaged int64, err error) {
	if r.total, err = a.unsealed(ctx, r.Prefix); err != nil {
		return 0, 0, err
	}
	for left := r.total; left > 0; {
		damaged = 0
		before := r.done
		for _, table := range []batch{resealCustomers, resealTrail} {
			bad, err := a.resealAll(ctx, &r, table)
			damaged += bad
			if err != nil {
				return r.done, damaged, err
			}
		}
		if left, err = a.unsealed(ctx, r.Prefix); err != nil {
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

// A batch re-encrypts the next rows of a table, those with an id above after.
type batch func(ctx context.Context, tx pgx.Tx, r *Resealing, after int64) (resealed, error)

// resealed is the result of a batch: rows read, rows with damaged values, the last id.
type resealed struct{ rows, damaged, last int64 }

// resealAll runs all batches of a table once.
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

// staleCustomer and staleEntry find rows with values of another key; $1 is the present key's prefix.
const (
	staleCustomer = "(substr(company_name, 1, 5) <> $1 or substr(full_name, 1, 5) <> $1 or substr(email, 1, 5) <> $1 or substr(phone, 1, 5) <> $1)"
	staleEntry    = `concat_ws(' ', before::text, after::text) ~ ('"\\\\x01(?!' || substr(encode($1::bytea, 'hex'), 3) || ')') and entity = 'customer'`
)

// unsealed counts the rows with values of another key.
func (a *Admin) unsealed(ctx context.Context, prefix []byte) (rows int64, err error) {
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select (select count(*) from customer where "+staleCustomer+") + (select count(*) from audit where "+staleEntry+")", prefix).Scan(&rows)
	})
	return rows, err
}

// resealCustomers re-encrypts the next batch of customers; it skips locked rows.
func resealCustomers(ctx context.Context, tx pgx.Tx, r *Resealing, after int64) (b resealed, err error) {
	type customer struct {
		ID     int64
		Sealed [len(sealedColumns)][]byte
	}
	rows, err := tx.Query(ctx, "select id, "+strings.Join(sealedColumns[:], ", ")+" from customer where id > $2 and "+staleCustomer+
		" order by id limit $3 for no key update skip locked", r.Prefix, after, resealBatch)
	if err != nil {
		return b, err
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c customer, err error) {
		return c, row.Scan(&c.ID, &c.Sealed[0], &c.Sealed[1], &c.Sealed[2], &c.Sealed[3])
	})
	if err != nil {
		return b, err
	}
	updates := &pgx.Batch{}
	for _, c := range found {
		b.rows, b.last = b.rows+1, c.ID
		changes, whole := map[string]any{}, true
		for i, column := range sealedColumns {
			if c.Sealed[i] == nil || bytes.HasPrefix(c.Sealed[i], r.Prefix) {
				continue
			}
			fresh, tokens, err := r.Reseal("customer."+column, c.Sealed[i])
			if err != nil {
				return b, err
			}
			if fresh == nil {
				whole = false
				continue
			}
			changes[column], changes[column+"_tokens"] = fresh, tokens
		}
		if !whole {
			b.damaged++
		}
		if len(changes) == 0 {
			continue
		}
		sql, args, err := sq().Update("customer").SetMap(changes).Where("id = ?", c.ID).ToSql()
		if err != nil {
			return b, err
		}
		updates.Queue(sql, args...)
	}
	return b, tx.SendBatch(ctx, updates).Close()
}

// resealTrail seals the values in the next batch of the trail's entries anew.
func resealTrail(ctx context.Context, tx pgx.Tx, r *Resealing, after int64) (b resealed, err error) {
	type entry struct {
		ID            int64
		Before, After values
	}
	rows, err := tx.Query(ctx, "select id, before, after from audit where id > $2 and "+staleEntry+" order by id limit $3 for no key update", r.Prefix, after, resealBatch)
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

// resealValues seals a customer's values in the trail anew, each with the digest of its first form: that is what the hash
// chain holds of it. False where one is damaged.
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
