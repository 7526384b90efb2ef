package repo

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// An Entry of the trail: who changed one record, when, and the values before and after. Values are as to_jsonb of
// PostgreSQL writes them, with whole numbers as json.Number and amounts as text. Sealed values are opened.
type Entry struct {
	ID            int64
	At            time.Time
	UserID        *int64 // nil: the company's own set-up work
	UserName      *string
	Action        string // add, update, delete, cancel, restore, purge; sign-in, export and others change no record
	Before, After map[string]any
	RecordID      int64 // of a customer also one that was merged into it
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

type historyRow struct {
	entryRow
	RecordID int64 `db:"record_id"`
}

// values holds numbers as they are written: an amount never becomes a float.
type values map[string]any

// UnmarshalJSON reads an object; anything else becomes the value of the key "?".
func (v *values) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode((*map[string]any)(v)) != nil {
		*v = values{"?": string(text)}
	}
	return nil
}

// orNull returns nil, which PostgreSQL stores as NULL, if there are no values.
func (v values) orNull() any {
	if v == nil {
		return nil
	}
	return map[string]any(v)
}

// exact returns an amount as Money, and keeps every other number.
func exact(n json.Number) any {
	if m, err := ParseMoney(n.String()); err == nil && m.String() == n.String() {
		return m
	}
	return n
}

// History returns the trail of one record, oldest first; ErrNotFound if the record never existed. entity is one of
// Nouns.
func (db *DB) History(ctx context.Context, entity string, id int64) ([]Entry, error) {
	if entity == "user" {
		if err := db.noteFailures(ctx); err != nil {
			return nil, err
		}
	}
	query := squirrel.Expr("select "+strings.Join(columns[historyRow](), ", ")+" from history($1, $2)", entity, id)
	entries, err := list(ctx, db, query, shaped(func(r historyRow) Entry {
		return db.openEntry(entity, r.RecordID, r.entryRow)
	}))
	if err == nil && len(entries) == 0 {
		return nil, ErrNotFound
	}
	return entries, err
}

// Gone reports whether a record is deleted, and the customer into which it was merged, or 0.
func (db *DB) Gone(ctx context.Context, noun string, id int64) (deleted bool, into int64, err error) {
	found, err := list(ctx, db, squirrel.Expr("select gone($1, $2)", noun, id), pgx.RowTo[*int64])
	if err != nil || len(found) == 0 || found[0] == nil {
		return false, 0, err
	}
	return true, *found[0], nil
}

// RecentChanges returns the changes of one record in the last ten minutes, oldest first.
func (db *DB) RecentChanges(ctx context.Context, entity string, id int64) ([]Entry, error) {
	query := squirrel.Expr("select "+strings.Join(columns[entryRow](), ", ")+
		" from history($1, $2) where record_id = $2 and at > clock_timestamp() - interval '10 minutes' "+
		"and action in ('add', 'update', 'restore')", entity, id)
	return list(ctx, db, query, shaped(func(r entryRow) Entry { return db.openEntry(entity, id, r) }))
}

func (db *DB) openEntry(entity string, id int64, r entryRow) Entry {
	before, after := db.openValues(entity, r.Before), db.openValues(entity, r.After)
	return Entry{r.ID, r.At, r.UserID, r.UserName, r.Action, before, after, id}
}

// Placeholders for a personal value.
const (
	Erased     = "‹erased›"
	Unreadable = "‹unreadable›" // altered, or never sealed
)

// SealedWith returns the placeholder for a value whose key the keyset does not hold.
func SealedWith(key uint32) string { return fmt.Sprintf("‹sealed with key %d›", key) }

// openValues returns the values of a noun's entry with the sealed ones opened. The trail holds a sealed value as
// PostgreSQL writes bytea in JSON: \x and hex digits, followed by a digest if it was re-encrypted. Of an erased one
// only the digest is left.
func (db *DB) openValues(noun string, kept map[string]any) map[string]any {
	opened, e := maps.Clone(kept), storeOf(noun)
	for column, v := range kept {
		switch v := v.(type) {
		case string:
			if e != nil && !isPlain(e.column(column)) {
				_, table := e.nounAndTable()
				opened[column] = db.openValue(table+"."+column, v)
			}
		case json.Number:
			opened[column] = exact(v)
		}
	}
	return opened
}

// isPlain reports whether a column is declared and not sealed. A column that this program does not know may be sealed.
func isPlain(c Column) bool { return c.Name != "" && c.Sealed == "" }

// openValue opens one value of an entry about a table with sealed columns.
func (db *DB) openValue(column, kept string) string {
	digits, isBytes := strings.CutPrefix(kept, `\x`)
	switch {
	case !isBytes && strings.HasPrefix(kept, "sha256:"):
		return Erased
	case !isBytes:
		return kept // a timestamp
	}
	digits, _, _ = strings.Cut(digits, " ")
	sealed, err := hex.DecodeString(digits)
	if err != nil {
		return Unreadable
	}
	return db.open(column, sealed)
}

// An AuditEntry is an Entry about any record or about an event that changed none, with its origin.
type AuditEntry struct {
	Entry
	Client    *string // the address of the machine; nil: the server's own
	SessionID *int64
	Entity    string // one of TrailEntities, or the noun that was refused or exported
	EntityID  int64  // 0: no single record
	Undoes    *int64 // the entry that this one undoes
}

type auditRow struct {
	entryRow
	Client    *string `db:"client"`
	SessionID *int64  `db:"session_id"`
	Entity    string  `db:"entity"`
	EntityID  int64   `db:"entity_id"`
	Undoes    *int64  `db:"undoes"`
}

// An AuditFilter narrows a list; zero values do not. Filters combine with AND.
type AuditFilter struct {
	Page
	UserID       int64
	Entity       string
	EntityID     int64
	Action       string
	Since, Until *time.Time // from Since on, before Until
}

// AuditSorts maps each column by which the trail can be sorted to SQL that is never null.
func AuditSorts() map[string]string {
	return map[string]string{
		"id": "id", "at": "at", "user_id": "coalesce(user_id, 0)", "entity": "entity", "action": "action",
	}
}

// Audits returns one page of the whole trail.
func (db *DB) Audits(ctx context.Context, f AuditFilter) (List[AuditEntry], error) {
	q := from[auditRow]("audits")
	equal := squirrel.Eq{}
	for column, id := range map[string]int64{"user_id": f.UserID, "entity_id": f.EntityID} {
		if id != 0 {
			equal[column] = id
		}
	}
	for column, word := range map[string]string{"entity": f.Entity, "action": f.Action} {
		if word != "" {
			equal[column] = word
		}
	}
	if len(equal) > 0 {
		q = q.Where(equal)
	}
	if f.Since != nil {
		q = q.Where("at >= ?", *f.Since)
	}
	if f.Until != nil {
		q = q.Where("at < ?", *f.Until)
	}
	if err := db.noteFailures(ctx); err != nil {
		return List[AuditEntry]{}, err
	}
	fetch := func(p Page) (List[AuditEntry], error) {
		return listPage(ctx, db, q, q, "audits", p, AuditSorts(), shaped(func(r auditRow) AuditEntry {
			e := db.openEntry(r.Entity, r.EntityID, r.entryRow)
			return AuditEntry{e, r.Client, r.SessionID, r.Entity, r.EntityID, r.Undoes}
		}))
	}
	if f.Search == "" {
		return fetch(f.Page)
	}
	// Sealed values in the trail have no search tokens. So entries are read and opened, and those that do not match are
	// dropped.
	matches := func(e AuditEntry) bool { return db.vault.Score(f.Search, e.texts()...) > 0 }
	return searched(f.Page, func(e AuditEntry) int64 { return e.ID }, fetch, matches)
}

// noteFailures adds recorded failed sign-ins to the trail that are not in it yet.
func (db *DB) noteFailures(ctx context.Context) error {
	return db.run(ctx, step{query: squirrel.Expr("select note_failures()")})
}

// texts returns the texts that a search compares: person, origin, action and values.
func (e AuditEntry) texts() []string {
	texts := []string{orEmpty(e.UserName), orEmpty(e.Client), e.Entity, e.Action}
	for _, kept := range []map[string]any{e.Before, e.After} {
		for _, v := range kept {
			texts = append(texts, fmt.Sprint(v))
		}
	}
	return texts
}

// NoteRefusal adds an entry to the trail: the caller was refused something. In an atomic script it does so when the
// transaction has ended. It does not wait for an unreachable database.
func (db *DB) NoteRefusal(ctx context.Context, command, entity string, id int64) error {
	return db.runAfter(ctx, func(ctx context.Context, db *DB) error {
		return db.run(ctx, step{query: squirrel.Expr("select note_refusal($1, $2, $3)", command, entity, id)})
	})
}

// NoteExport adds an entry to the trail: the caller received rows of a list in a format for programs. See NoteRefusal
// for atomic scripts.
func (db *DB) NoteExport(ctx context.Context, entity string, rows int, format string) error {
	return db.runAfter(ctx, func(ctx context.Context, db *DB) error {
		return db.run(ctx, step{query: squirrel.Expr("select note_export($1, $2, $3)", entity, rows, format)})
	})
}
