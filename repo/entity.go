package repo

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// This file reads and writes the records of an entity by its columns (column.go).

// A Change maps columns of an entity to their new values. nil and an empty text become NULL. A pointer stands for its
// value; a nil pointer leaves the column as it is. Under Seen it may hold the updated_at of the record that the caller
// has read: if the record was changed since, the change fails with ErrConflict. Under Same it may hold a *bool: an
// update sets it to whether the record had these values already.
type Change map[string]any

// Seen and Same are the keys of a Change that are no columns.
const (
	Seen = "seen"
	Same = "same"
)

// given returns the values that the change holds for columns, by column.
func (c Change) given() map[string]any {
	values := map[string]any{}
	for column, v := range c {
		if column == Seen || column == Same {
			continue
		}
		if p := reflect.ValueOf(v); p.Kind() == reflect.Pointer {
			if p.IsNil() {
				continue
			}
			v = p.Elem().Interface()
		}
		values[column] = v
	}
	return values
}

// of returns the record with the ID in the state that the change expects.
func (c Change) of(id int64) version {
	same, _ := c[Same].(*bool)
	return version{id, c.seenAt(), same}
}

// seenAt returns the timestamp under Seen, or nil.
func (c Change) seenAt() *time.Time {
	switch at := c[Seen].(type) {
	case time.Time:
		return &at
	case *time.Time:
		return at
	}
	return nil
}

// An entity is a struct type T whose records are read from a view and written to a table.
type entity[T any] struct {
	noun, table, view string
	finder            finder
	columns           []Column
	liveSQL           string // of live
}

func entityOf[T any](noun, table, view string, by finder) entity[T] {
	e := entity[T]{noun, table, view, by, ColumnsOf[T](), ""}
	e.liveSQL, _, _ = e.from().Where(squirrel.Eq{"id": 0, "deleted_at": nil}).ToSql()
	return e
}

// from selects the entity's columns from its view, except columns that only searches read.
func (e entity[T]) from() squirrel.SelectBuilder {
	return selected(e.shown()).From(e.view)
}

// shown returns the columns of from.
func (e entity[T]) shown() []Column {
	if i := slices.IndexFunc(e.columns, Column.IsForSearch); i >= 0 {
		return e.columns[:i]
	}
	return e.columns
}

// compared selects all of the entity's columns.
func (e entity[T]) compared() squirrel.SelectBuilder { return selected(e.columns).From(e.view) }

func selected(columns []Column) squirrel.SelectBuilder {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return sq().Select(names...)
}

// sorts returns the SQL of each sort key.
func (e entity[T]) sorts() map[string]string { return SortKeys[T]() }

// row returns a function that reads a row of from or compared and opens its sealed columns.
func (e entity[T]) row(db *DB) pgx.RowToFunc[T] {
	return func(row pgx.CollectableRow) (T, error) {
		record, targets, finish := e.scanned(db, e.columns[:len(row.FieldDescriptions())])
		err := row.Scan(targets...)
		if err == nil {
			finish()
		}
		return *record, err
	}
}

// scanned returns a new record and the targets to which a row of the columns is scanned. After that finish sets the
// record's sealed and derived fields.
func (e entity[T]) scanned(db *DB, columns []Column) (record *T, targets []any, finish func()) {
	record = new(T)
	v := reflect.ValueOf(record).Elem()
	targets, sealed, lists := make([]any, len(columns)), make([][]byte, len(columns)), make([][][]byte, len(columns))
	for i, c := range columns {
		switch {
		case c.Sealed != "" && c.IsForSearch():
			targets[i] = &lists[i]
		case c.Sealed != "":
			targets[i] = &sealed[i]
		default:
			targets[i] = v.Field(c.field).Addr().Interface()
		}
	}
	return record, targets, func() {
		for i, c := range columns {
			switch {
			case c.Sealed != "" && c.IsForSearch():
				v.Field(c.field).Set(reflect.ValueOf(db.openAll(c.Sealed, lists[i])))
			case c.Sealed != "":
				v.Field(c.field).SetString(db.open(c.Sealed, sealed[i]))
			}
		}
		if d, ok := any(record).(derived); ok {
			d.derive()
		}
	}
}

// A derived record computes fields from other fields after it is read.
type derived interface{ derive() }

// id returns the ID of a record.
func (e entity[T]) id(record T) int64 {
	id, _ := e.column("id").Value(record).(int64)
	return id
}

// score returns how well a record matches a needle; 0 means not at all. Without an index of sealed texts of its own, a
// record also matches by its number, and by its total if it has one.
func (e entity[T]) score(db *DB, needle string, record T) int {
	if e.finder.sealed {
		return db.vault.Score(needle, e.texts(record)...)
	}
	var total *Money
	if e.finder.total {
		amount, _ := e.column("total_amount").Value(record).(Money)
		total = &amount
	}
	return db.scoreRecord(needle, e.id(record), total, e.texts(record)...)
}

// texts returns the texts of a record that a search compares.
func (e entity[T]) texts(record T) []string {
	var texts []string
	for _, c := range e.columns {
		if c.search == "-" || c.Sealed == "" && c.search == "" {
			continue
		}
		switch value := c.Value(record).(type) {
		case string:
			texts = append(texts, value)
		case []string:
			texts = append(texts, value...)
		}
	}
	return texts
}

// column returns the entity's column with that name; the zero Column if there is none.
func (e entity[T]) column(name string) Column {
	for _, c := range e.columns {
		if c.Name == name {
			return c
		}
	}
	return Column{}
}

// write sets a column, and its search tokens if it has any, in the values of an insert or update. An empty text becomes
// NULL.
func (e entity[T]) write(db *DB, values map[string]any, name string, value any) (err error) {
	text, isText := value.(string)
	if isText {
		value = orNull(text)
	}
	c := e.column(name)
	switch {
	case c.Sealed != "" && c.search == "-":
		if values[name] = nil; text != "" {
			values[name], _, err = db.vault.Seal(c.Sealed, text)
		}
	case c.Sealed != "" && text == "":
		values[name], values[name+"_tokens"] = nil, []int32{}
	case c.Sealed != "":
		values[name], values[name+"_tokens"], err = db.vault.Seal(c.Sealed, text)
	case c.search == "index":
		values[name], values[name+"_tokens"] = value, db.vault.PlainTokens(text)
	default:
		values[name] = value
	}
	return err
}

// values returns the columns to write for a change.
func (e entity[T]) values(db *DB, c Change) (map[string]any, error) {
	values := map[string]any{}
	for column, v := range c.given() {
		if err := e.write(db, values, column, v); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// withoutSame returns the change without sealed texts that the record already has. Encryption is randomised, so
// PostgreSQL would see a change (D23).
func (e entity[T]) withoutSame(c Change, record T) Change {
	rest := maps.Clone(c)
	for name, v := range c.given() {
		text, _ := v.(string)
		if column := e.column(name); column.Sealed != "" {
			if was, _ := column.Value(record).(string); was == text {
				delete(rest, name)
			}
		}
	}
	return rest
}

// writesSealed reports whether a change writes sealed columns.
func (e entity[T]) writesSealed(c Change) bool {
	for name := range c.given() {
		if e.column(name).Sealed != "" {
			return true
		}
	}
	return false
}
