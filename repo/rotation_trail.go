package repo

// This file re-encrypts the sealed values in the entries of the trail.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// trailOf is the trail of the tables.
type trailOf []sealedTable

// reseal re-encrypts the values in the next batch of the trail's entries.
func (tables trailOf) reseal(ctx context.Context, tx pgx.Tx, r *Resealing, after int64) (b resealed, err error) {
	type entry struct {
		ID            int64
		Entity        string
		Before, After values
	}
	rows, err := tx.Query(ctx, "select id, entity, before, after from audit a where id > $3 and "+
		staleEntry+" order by id limit $4 for no key update", sealedColumns(tables), r.Prefix, after, resealBatch)
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
		table := tables[slices.IndexFunc(tables, func(t sealedTable) bool { return t.Noun == e.Entity })]
		for _, kept := range []values{e.Before, e.After} {
			all, err := table.resealValues(r, kept)
			if err != nil {
				return b, err
			}
			whole = whole && all
		}
		if !whole {
			b.damaged++
		}
		updates.Queue("update audit set before = $2, after = $3 where id = $1", e.ID, e.Before.orNull(),
			e.After.orNull())
	}
	return b, tx.SendBatch(ctx, updates).Close()
}

// resealValues re-encrypts the values of a record in the trail. Each keeps the digest of its first ciphertext, which
// the hash chain covers. whole is false if one of them cannot be opened.
func (t sealedTable) resealValues(r *Resealing, kept values) (whole bool, err error) {
	whole = true
	for _, column := range t.Columns {
		text, _ := kept[column].(string)
		digits, digest, _ := strings.Cut(strings.TrimPrefix(text, `\x`), " ")
		if !strings.HasPrefix(text, `\x01`) {
			continue
		}
		sealed, err := hex.DecodeString(digits)
		if err != nil || bytes.HasPrefix(sealed, r.Prefix) {
			whole = whole && err == nil
			continue
		}
		fresh, _, err := r.Reseal(t.Name+"."+column, sealed)
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
