package repo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/Masterminds/squirrel"
)

// A PersonalData has all data about a customer, including deleted records. Values are as in an Entry.
type PersonalData struct {
	Customer     map[string]any              `json:"customer"`
	SalesContact map[string]any              `json:"sales_contact"`
	Records      map[string][]map[string]any `json:"records"` // of the customer, by noun
	Trail        []map[string]any            `json:"trail"`   // of the customer and of all the records above
}

// ExportCustomer returns all data about a customer, and adds an entry to the trail. The rollback of an atomic script
// would remove the entry; then the customer is exported once more, without output, to write the entry again.
func (db *DB) ExportCustomer(ctx context.Context, id int64) (data PersonalData, err error) {
	var text string
	export := step{squirrel.Expr("select export_customer($1)::text", id), value(&text)}
	if err = db.ask(ctx, export); err != nil {
		return data, err
	}
	if db.tx != nil {
		db.tx.after = append(db.tx.after, func(ctx context.Context, committed bool) {
			if !committed {
				_ = db.outsideScript().Quiet().ask(ctx, step{query: export.query})
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

// EraseCustomer removes a person's data from a customer and its records, irreversibly: sealed columns become Erased or
// null, search tokens are removed, and the trail keeps digests only. Contracts, events and amounts stay. It returns the
// number of changed entries of the trail.
func (db *DB) EraseCustomer(ctx context.Context, id int64) (entries int64, err error) {
	erased := map[string]string{} // the value of columns that cannot be null
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
