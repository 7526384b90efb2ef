package repo

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// This file changes many records in one transaction. PostgreSQL checks each one.

// A RefusedRecord is a record that is not changed, and the reason.
type RefusedRecord struct {
	ID  int64
	Err error
}

// Changed is the result of changing many records.
type Changed struct {
	Records int64 // that were changed, or would be
	Refused []RefusedRecord
}

// Many is a way to change many records.
type Many int

// The ways to change many records.
const (
	Trial  Many = iota // nothing is changed: it is tried and rolled back
	All                // nothing is changed if one is refused
	Partly             // those that are not refused are changed
)

// ChangeMany writes a change to each record of a noun, by its ID. One undo undoes all of them.
func (db *DB) ChangeMany(ctx context.Context, noun string, changes map[int64]Change, how Many) (Changed, error) {
	e := storeOf(noun)
	if e == nil {
		return Changed{}, say(ErrInvalid, "there are no records of %s", noun)
	}
	written := map[string]map[string]any{}
	for id, c := range changes {
		values, err := inJSON(db, e, c)
		if err != nil {
			return Changed{}, err
		}
		written[strconv.FormatInt(id, 10)] = values
	}
	text, err := json.Marshal(written)
	if err != nil {
		return Changed{}, fmt.Errorf("%w: %v", ErrInternal, err)
	}
	var out Changed
	var answer []string
	_, table := e.nounAndTable()
	query := squirrel.Expr("select change_many($1, $2::regclass, $3, $4, $5)::text", noun, table, string(text),
		how != Trial, how == Partly)
	steps := []step{{query, collect(&answer, pgx.RowTo[string])}}
	if !db.importing {
		steps = append(steps, endBatch())
	}
	if err := db.run(ctx, steps...); err != nil {
		return Changed{}, err
	}
	var row struct {
		Changed int64
		Refused []refusedRow
	}
	if len(answer) == 0 || json.Unmarshal([]byte(answer[0]), &row) != nil {
		return Changed{}, fmt.Errorf("%w: the answer of change_many cannot be read", ErrInternal)
	}
	out.Records = row.Changed
	for _, r := range row.Refused {
		out.Refused = append(out.Refused, RefusedRecord{r.ID, r.err()})
	}
	return out, nil
}

// inJSON returns the columns that a change writes, as jsonb_populate_record reads them.
func inJSON(db *DB, e stored, c Change) (map[string]any, error) {
	values := map[string]any{}
	for column, v := range c.given() {
		if err := e.write(db, values, column, v); err != nil {
			return nil, err
		}
	}
	if first, is := values["first"].(bool); is { // of a contact
		if delete(values, "first"); first {
			values["first_at"] = "now"
		}
	}
	return asJSON(values), nil
}

// asJSON makes the values of columns such that JSON has them as PostgreSQL reads them.
func asJSON(values map[string]any) map[string]any {
	for column, v := range values {
		switch v := v.(type) {
		case []byte:
			if v != nil {
				values[column] = `\x` + hex.EncodeToString(v)
			}
		case []int32: // as text, which the database reads faster than an array of JSON
			values[column] = arrayText(v)
		}
	}
	return values
}

// arrayText returns numbers as PostgreSQL writes an array.
func arrayText(numbers []int32) string {
	text := make([]byte, 1, 2+12*len(numbers))
	text[0] = '{'
	for i, n := range numbers {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, int64(n), 10)
	}
	return string(append(text, '}'))
}

// A refusedRow is an error of PostgreSQL about one of several records.
type refusedRow struct {
	ID                       int64
	Code, Constraint, Detail string
}

func (r refusedRow) err() error {
	return translate(&pgconn.PgError{Severity: "ERROR", Code: r.Code, ConstraintName: r.Constraint, Detail: r.Detail})
}
