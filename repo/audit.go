package repo

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/Masterminds/squirrel"
)

// An Entry of the trail: who changed what of one record, from what to what. Values are as PostgreSQL's
// to_jsonb writes them, numbers as text; sealed ones are opened.
type Entry struct {
	ID            int64
	At            time.Time
	UserID        *int64 // nil: the company's own set-up work
	UserName      *string
	Action        string // add, update, delete, restore, purge
	Before, After map[string]any
}

type entryRow struct {
	ID       int64     `db:"id"`
	At       time.Time `db:"at"`
	UserID   *int64    `db:"user_id"`
	UserName *string   `db:"user_name"`
	Action   string    `db:"action"`
	Before   values    `db:"before"`
	After    values    `db:"after"`
}

// values keep numbers as they are written: an amount never becomes a float.
type values map[string]any

// UnmarshalJSON reads an object.
func (v *values) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode((*map[string]any)(v))
}

// History is the trail of one record, oldest first; ErrNotFound if it never existed. Entity is "customer",
// "contract", "event" or "user".
func (db *DB) History(ctx context.Context, entity string, id int64) ([]Entry, error) {
	query := squirrel.Expr("select "+strings.Join(columns[entryRow](), ", ")+" from history($1, $2)", entity, id)
	entries, err := list(ctx, db, query, func(r entryRow) (Entry, error) {
		before, err := db.openValues(entity, r.Before)
		if err != nil {
			return Entry{}, err
		}
		after, err := db.openValues(entity, r.After)
		return Entry{r.ID, r.At, r.UserID, r.UserName, r.Action, before, after}, err
	})
	if err == nil && len(entries) == 0 {
		return nil, ErrNotFound
	}
	return entries, err
}

// Erased stands for a personal value that was erased.
const Erased = "‹erased›"

// openValues opens the sealed values, which the trail holds as PostgreSQL writes bytea in JSON, \x and hex digits, with a digest
// behind if they were sealed anew. Of an erased one only the digest is left.
func (db *DB) openValues(entity string, values map[string]any) (map[string]any, error) {
	for column, v := range values {
		switch v := v.(type) {
		case string:
			if entity != "customer" {
				continue
			}
			var err error
			if values[column], err = db.openValue("customer."+column, v); err != nil {
				return nil, err
			}
		case json.Number:
			values[column] = v.String()
		}
	}
	return values, nil
}

// openValue opens one value of a customer's entry.
func (db *DB) openValue(column, kept string) (string, error) {
	digits, isBytes := strings.CutPrefix(kept, `\x`)
	switch {
	case !isBytes && strings.HasPrefix(kept, "sha256:"):
		return Erased, nil
	case !isBytes:
		return kept, nil // a time
	}
	digits, _, _ = strings.Cut(digits, " ")
	sealed, err := hex.DecodeString(digits)
	if err != nil {
		return "", fmt.Errorf("%w: a damaged entry of the trail", ErrInternal)
	}
	return db.open(column, sealed)
}
