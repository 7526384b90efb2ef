package repo

// This file keeps the table sealing_key: the ids of the keys that the database takes sealed values under.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A SealingKey is a key that the database knows by its id.
type SealingKey struct {
	ID    uint32
	State string // present, next (a rotation to it has begun) or retired
	Since time.Time
}

// SealingKeys returns the known keys, the present one first, then the newest.
func (a *Admin) SealingKeys(ctx context.Context) (keys []SealingKey, err error) {
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx,
			"select id, state, since from sealing_key order by state <> 'present', since desc, id")
		if err != nil {
			return err
		}
		keys, err = pgx.CollectRows(rows, pgx.RowToStructByPos[SealingKey])
		return err
	})
	return keys, err
}

// RegisterKey makes the key the present one of a database that has none, and reports whether it did. If another key is
// present it is ErrConflict, unless a rotation goes to key or comes from it.
func (a *Admin) RegisterKey(ctx context.Context, key uint32) (made bool, err error) {
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `insert into sealing_key (id, state)
			select $1, 'present' where not exists (select from sealing_key where state = 'present')`, int64(key))
		if err != nil {
			return err
		}
		made = tag.RowsAffected() == 1
		var inUse bool
		if err := tx.QueryRow(ctx, "select exists (select from sealing_key where id = $1 and state <> 'retired')",
			int64(key)).Scan(&inUse); err != nil {
			return err
		}
		if !inUse {
			return oldKey(fmt.Sprint(key), presentKey(ctx, tx))
		}
		return nil
	})
	return made, err
}

func presentKey(ctx context.Context, tx pgx.Tx) (id string) {
	_ = tx.QueryRow(ctx, "select coalesce((select id::text from sealing_key where state = 'present'), '')").Scan(&id)
	return id
}

// oldKey is the refusal of a value or keyset under a key that is not in use. used and present are key ids, empty for
// none.
func oldKey(used, present string) error {
	switch {
	case present == "":
		return say(ErrConflict, "the database knows no sealing key: run crm init with the keyset that is in use")
	case used == "":
		return say(ErrConflict, "the value is not a sealed one: nothing was written")
	}
	return OldKeyset{used, present}
}

// OldKeyset is the refusal of what is sealed with a key that is not in use any more. It is an ErrConflict.
type OldKeyset struct{ Used, Present string } // key ids

func (e OldKeyset) Error() string {
	return fmt.Sprintf("this machine's keyset is old: it seals with key %s, the database takes key %s", e.Used,
		e.Present)
}

// Is makes errors.Is(err, ErrConflict) true.
func (e OldKeyset) Is(target error) bool { return target == ErrConflict }

// Rotating returns the id of the key that an unfinished rotation goes to; 0 if there is none.
func (a *Admin) Rotating(ctx context.Context) (key uint32, err error) {
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, "select id from sealing_key where state = 'next'").Scan(&key)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return key, err
}

// BeginRotation lets values be sealed with key as well as with the present one, and notes the rotation on the trail.
func (a *Admin) BeginRotation(ctx context.Context, key uint32) error {
	return a.noteRotation(ctx, key, "rotate",
		"update sealing_key set state = 'retired', since = now() where state = 'next' and id <> $1",
		"insert into sealing_key (id, state) values ($1, 'next') on conflict (id) do update set state = 'next', "+
			"since = now()")
}

// EndRotation makes key the present one and refuses values under any other from then on.
func (a *Admin) EndRotation(ctx context.Context, key uint32) error {
	return a.noteRotation(ctx, key, "rotated",
		"update sealing_key set state = 'retired', since = now() where state <> 'retired' and id <> $1",
		"update sealing_key set state = 'present', since = now() where id = $1")
}

// noteRotation runs the statements, which take the key's id, and adds an entry to the trail.
func (a *Admin) noteRotation(ctx context.Context, key uint32, action string, statements ...string) error {
	return a.asOwner(ctx, func(tx pgx.Tx) error {
		for _, sql := range append(statements,
			"insert into audit (entity, entity_id, action) values ('keyset', $1, '"+action+"')") {
			if _, err := tx.Exec(ctx, sql, int64(key)); err != nil {
				return err
			}
		}
		return nil
	})
}
