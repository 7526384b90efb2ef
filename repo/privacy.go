package repo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/Masterminds/squirrel"
)

// A PersonalData is everything that is held on a customer, deleted records too. Values are as in an Entry.
type PersonalData struct {
	Customer     map[string]any              `json:"customer"`
	SalesContact map[string]any              `json:"sales_contact"`
	Records      map[string][]map[string]any `json:"records"` // that belong to the customer, by noun
	Trail        []map[string]any            `json:"trail"`   // of the customer and of all the records above
}

// ExportCustomer returns all that is held on a customer, and records on the trail that it did. If an atomic script is
// rolled back, which would take the entry with it, the customer is exported again to nobody, for the entry.
func (db *DB) ExportCustomer(ctx context.Context, id int64) (data PersonalData, err error) {
	var text string
	export := step{squirrel.Expr("select export_customer($1)::text", id), value(&text)}
	if err = db.ask(ctx, export); err != nil {
		return data, err
	}
	if db.tx != nil {
		db.tx.after = append(db.tx.after, func(ctx context.Context, committed bool) {
			if !committed {
				_ = db.outside().Quiet().ask(ctx, step{query: export.query})
			}
		})
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	if err := d.Decode(&data); err != nil {
		return data, fmt.Errorf("%w: export_customer: %w", ErrInternal, err)
	}
	data.Customer = db.openValues("customer", data.Customer)
	data.SalesContact = db.openValues("", data.SalesContact)
	for noun, records := range data.Records {
		for i, r := range records {
			records[i] = db.openValues(noun, r)
		}
	}
	for _, entry := range data.Trail {
		entity, _ := entry["entity"].(string)
		for _, side := range []string{"before", "after"} {
			if kept, ok := entry[side].(map[string]any); ok {
				entry[side] = db.openValues(entity, kept)
			}
		}
	}
	return data, nil
}

// EraseCustomer takes the person out of a customer and the records that belong to it, for good: their sealed columns
// read Erased or nothing, no token finds them, and the trail keeps digests only. Contracts, events and amounts stay. It
// returns how many entries of the trail it changed.
func (db *DB) EraseCustomer(ctx context.Context, id int64) (entries int64, err error) {
	erased := map[string]string{} // for columns that may not be null
	for _, e := range stores() {
		for _, column := range e.sealed() {
			value, _, err := db.vault.Seal(column, Erased)
			if err != nil {
				return 0, err
			}
			erased[column] = fmt.Sprintf(`\x%x`, value)
		}
	}
	placeholders, err := json.Marshal(erased)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrInternal, err)
	}
	erase := squirrel.Expr("select erase_customer($1, $2::jsonb)", id, string(placeholders))
	return entries, db.run(ctx, step{unrepeatable{erase}, value(&entries)})
}
