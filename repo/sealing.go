package repo

// This file maintains the table sealing_key: the ids of the keys with which the database accepts sealed values.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A SealingKey is the id and state of a key.
type SealingKey struct {
	ID    uint32
	State string // present, next (during a rotation to it) or retired
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

// RegisterKey makes key the present one if the database has none, and reports whether it did. It returns ErrConflict if
// another key is present, unless a rotation to or from key is in progress.
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

// oldKey returns the error for a value or keyset with a key that is not in use. used and present are key ids, empty for
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

// OldKeyset is the error for a value that is sealed with a key that is no longer in use. It is an ErrConflict.
type OldKeyset struct{ Used, Present string } // key ids

func (e OldKeyset) Error() string {
	return fmt.Sprintf("this machine's keyset is old: it seals with key %s, the database takes key %s", e.Used,
		e.Present)
}

// Is makes errors.Is(err, ErrConflict) true.
func (e OldKeyset) Is(target error) bool { return target == ErrConflict }

// Rotating returns the id of the new key of an unfinished rotation; 0 if there is none.
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

// BeginRotation accepts values sealed with key in addition to the present key, and adds an entry to the trail.
func (a *Admin) BeginRotation(ctx context.Context, key uint32) error {
	return a.noteRotation(ctx, key, "rotate",
		"update sealing_key set state = 'retired', since = now() where state = 'next' and id <> $1",
		"insert into sealing_key (id, state) values ($1, 'next') on conflict (id) do update set state = 'next', "+
			"since = now()")
}

// EndRotation makes key the present one. From then on the database refuses values sealed with any other key.
func (a *Admin) EndRotation(ctx context.Context, key uint32) error {
	return a.noteRotation(ctx, key, "rotated",
		"update sealing_key set state = 'retired', since = now() where state <> 'retired' and id <> $1",
		"update sealing_key set state = 'present', since = now() where id = $1")
}

// noteRotation runs the statements, whose parameter is the key's id, and adds an entry to the trail.
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
