package repo

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// An About is what belongs to a record of one of the nouns Noted. What the caller may not view is empty. Its records
// have the fields that the views whole_… of schema.sql show.
type About struct {
	Contacts []Contact // of a customer, the first one first
	Notes    []Note    // the newest 100
	Tags     []string
	Payments []Payment // of a contract, oldest first
}

// WholeCustomer returns the live customer with the ID and what belongs to it, in one statement; ErrNotFound if it does
// not exist. So do WholeContract and WholeEvent.
func (db *DB) WholeCustomer(ctx context.Context, id int64) (Customer, About, error) {
	return whole(ctx, db, customers, id)
}

// WholeContract returns a contract and what belongs to it.
func (db *DB) WholeContract(ctx context.Context, id int64) (Contract, About, error) {
	return whole(ctx, db, contracts, id)
}

// WholeEvent returns an event and what belongs to it.
func (db *DB) WholeEvent(ctx context.Context, id int64) (Event, About, error) {
	return whole(ctx, db, events, id)
}

// whole reads a live record and what belongs to it.
func whole[T any](ctx context.Context, db *DB, e entity[T], id int64) (T, About, error) {
	var about About
	var tagged []Tag
	lists := []belongings{
		partOf(db, notes, &about.Notes, "id", "text", "due", "done_at", "author", "created_at"),
		partOf(db, tags, &tagged, "name"),
	}
	switch e.noun {
	case customers.noun:
		lists = append(lists, partOf(db, contacts, &about.Contacts,
			"id", "full_name", "role", "email", "phone", "first"))
	case contracts.noun:
		lists = append(lists, partOf(db, payments, &about.Payments, "id", "paid_on", "amount"))
	}
	record, err := one(ctx, db, e.wholeOf(id, lists), func(r pgx.CollectableRow) (T, error) {
		record, targets, finish := e.scanned(db, e.shown())
		for _, l := range lists {
			targets = append(targets, l.targets...)
		}
		err := r.Scan(targets...)
		if err == nil {
			finish()
		}
		return *record, err
	})
	if err != nil {
		return *new(T), About{}, err
	}
	for _, l := range lists {
		l.fill()
	}
	for _, t := range tagged {
		about.Tags = append(about.Tags, t.Name)
	}
	return record, about, nil
}

// wholeOf returns the query for the live record with the ID and lists. It does not use squirrel's builder, which takes
// as long as reading the answer.
func (e entity[T]) wholeOf(id int64, lists []belongings) squirrel.Sqlizer {
	var names []string
	for _, c := range e.shown() {
		names = append(names, c.Name)
	}
	for _, l := range lists {
		names = append(names, l.columns...)
	}
	columns := strings.Join(names, ", ")
	return built{"select " + columns + " from whole_" + e.view + " where id = $1 and deleted_at is null", []any{id}}
}

// belongings are the records of an entity in one row: columns with an array each, and where they are scanned to. fill
// makes the records of the scanned arrays.
type belongings struct {
	columns []string
	targets []any
	fill    func()
}

// partOf returns the belongings that fill into with the named columns of an entity.
func partOf[T any](db *DB, e entity[T], into *[]T, names ...string) belongings {
	var b belongings
	var chosen []Column
	for _, c := range e.columns {
		if !slices.Contains(names, c.Name) {
			continue
		}
		element := reflect.PointerTo(c.Type)
		if c.Sealed != "" {
			element = reflect.TypeFor[[]byte]()
		}
		chosen = append(chosen, c)
		b.columns = append(b.columns, e.noun+"_"+c.Name)
		b.targets = append(b.targets, reflect.New(reflect.SliceOf(element)).Interface())
	}
	b.fill = func() {
		records := make([]T, reflect.ValueOf(b.targets[0]).Elem().Len())
		for i, c := range chosen {
			values := reflect.ValueOf(b.targets[i]).Elem()
			for j := range records {
				field := reflect.ValueOf(&records[j]).Elem().Field(c.field)
				switch value := values.Index(j); {
				case c.Sealed != "":
					field.SetString(db.open(c.Sealed, value.Bytes()))
				case field.Kind() == reflect.Pointer:
					field.Set(value)
				case !value.IsNil():
					field.Set(value.Elem())
				}
			}
		}
		*into = records
	}
	return b
}
