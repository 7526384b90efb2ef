package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// This file adds many records in one transaction. PostgreSQL checks each one.

// Import returns a copy of db with one transaction for everything that an import writes, as Atomic does. In an atomic
// script it is the script's transaction, and commit and rollback do nothing: an error ends the script.
func (db *DB) Import(ctx context.Context, noun string) (
	to *DB, commit, rollback func(context.Context) error, err error,
) {
	as := *db
	to = &as
	commit, rollback = func(context.Context) error { return nil }, func(context.Context) error { return nil }
	if !db.IsAtomic() {
		if to, commit, rollback, err = db.Atomic(ctx); err != nil {
			return nil, nil, nil, err
		}
	}
	to.importing = true
	if err := to.run(ctx, step{query: squirrel.Expr("select lead_import($1)", noun)}); err != nil {
		return nil, nil, nil, errors.Join(err, rollback(ctx))
	}
	return to, commit, rollback, nil
}

// EndImport ends the group of changes that an import makes.
func (db *DB) EndImport(ctx context.Context) error { return db.run(ctx, endBatch()) }

// BeginPart begins a part of an import that EndPart can undo.
func (db *DB) BeginPart(ctx context.Context) error {
	return db.run(ctx, step{query: squirrel.Expr("savepoint part")})
}

// EndPart ends the part, or undoes what was written since BeginPart.
func (db *DB) EndPart(ctx context.Context, undo bool) error {
	end := []step{{query: squirrel.Expr("release savepoint part")}}
	if undo {
		end = append([]step{{query: squirrel.Expr("rollback to savepoint part")}}, end...)
	}
	return db.run(ctx, end...)
}

// Added is the result of adding records, by their place.
type Added struct {
	IDs     []int64 // 0 for a refused record, and for a payment
	Refused map[int]error
}

// An Addition is records of a noun as add_many reads them.
type Addition struct {
	table   string
	rows    string // JSON
	records int
}

// Addition seals records of a noun and finds their search tokens. It does not use the connection.
func (db *DB) Addition(noun string, records []Change) (Addition, error) {
	e := storeOf(noun)
	if e == nil {
		return Addition{}, say(ErrInvalid, "there are no records of %s", noun)
	}
	_, table := e.nounAndTable()
	rows := make([]map[string]any, len(records))
	for i, c := range records {
		var err error
		if rows[i], err = inJSON(db, e, c); err != nil {
			return Addition{}, err
		}
	}
	text, err := json.Marshal(rows)
	if err != nil {
		return Addition{}, fmt.Errorf("%w: %v", ErrInternal, err)
	}
	return Addition{table, string(text), len(records)}, nil
}

// AddMany adds records, in their order.
func (db *DB) AddMany(ctx context.Context, a Addition) (Added, error) {
	var answer []string
	query := squirrel.Expr("select add_many($1::regclass, $2)::text", a.table, a.rows)
	if err := db.run(ctx, step{query, collect(&answer, pgx.RowTo[string])}); err != nil {
		return Added{}, err
	}
	return added(answer, a.records)
}

// added reads a result of add_many.
func added(answer []string, records int) (Added, error) {
	out := Added{make([]int64, records), map[int]error{}}
	var row struct {
		IDs     []int64
		Refused []refusedRow
	}
	if len(answer) == 0 || json.Unmarshal([]byte(answer[0]), &row) != nil || len(row.IDs) > records {
		return out, fmt.Errorf("%w: the answer of add_many cannot be read", ErrInternal)
	}
	copy(out.IDs, row.IDs)
	for _, r := range row.Refused {
		out.Refused[int(r.ID)] = r.err()
	}
	return out, nil
}
