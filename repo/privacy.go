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
	Customer     map[string]any   `json:"customer"`
	SalesContact map[string]any   `json:"sales_contact"`
	Contracts    []map[string]any `json:"contracts"`
	Payments     []map[string]any `json:"payments"`
	Events       []map[string]any `json:"events"`
	Trail        []map[string]any `json:"trail"` // of the customer and of all the records above
}

// ExportCustomer answers what is held on a customer, and the trail says so. It looks from outside of an atomic script, so that the
// entry stays whatever becomes of the script.
func (db *DB) ExportCustomer(ctx context.Context, id int64) (data PersonalData, err error) {
	var text string
	err = db.outside().ask(ctx, step{squirrel.Expr("select export_customer($1)::text", id), value(&text)})
	if err != nil {
		return data, err
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	if err := d.Decode(&data); err != nil {
		return data, fmt.Errorf("%w: export_customer: %w", ErrInternal, err)
	}
	if data.Customer, err = db.openValues("customer", data.Customer); err != nil {
		return data, err
	}
	for _, records := range [][]map[string]any{{data.SalesContact}, data.Contracts, data.Payments, data.Events} {
		for _, r := range records {
			if _, err := db.openValues("", r); err != nil { // in place
				return data, err
			}
		}
	}
	for _, entry := range data.Trail {
		entity, _ := entry["entity"].(string)
		for _, side := range []string{"before", "after"} {
			values, _ := entry[side].(map[string]any)
			if _, err := db.openValues(entity, values); err != nil {
				return data, err
			}
		}
	}
	return data, nil
}

// EraseCustomer takes the person out of a customer, for good: the sealed columns read Erased or nothing, no token finds them, and the
// trail keeps digests only. Contracts, events and amounts stay. It answers how many entries of the trail it changed.
func (db *DB) EraseCustomer(ctx context.Context, id int64) (entries int64, err error) {
	company, _, err := db.vault.Seal("customer.company_name", Erased)
	if err != nil {
		return 0, err
	}
	name, _, err := db.vault.Seal("customer.full_name", Erased)
	if err != nil {
		return 0, err
	}
	return entries, db.run(ctx, step{unrepeatable{squirrel.Expr("select erase_customer($1, $2::bytea, $3::bytea)", id, company, name)}, value(&entries)})
}
