package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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

// Added is the result of adding records, by their place.
type Added struct {
	IDs     []int64 // 0 for a refused record, and for a payment
	Refused map[int]error
}

// AddMany adds records of a noun. Records that set the same columns are added in their order.
func (db *DB) AddMany(ctx context.Context, noun string, records []Change) (Added, error) {
	e := storeOf(noun)
	if e == nil {
		return Added{}, say(ErrInvalid, "there are no records of %s", noun)
	}
	out := Added{make([]int64, len(records)), map[int]error{}}
	_, table := e.nounAndTable()
	groups, order := map[string][]int{}, []string{} // records by the columns that they set
	rows := make([]map[string]any, len(records))
	for i, c := range records {
		var err error
		if rows[i], err = inJSON(db, e, c); err != nil {
			return out, err
		}
		columns := strings.Join(slices.Sorted(maps.Keys(rows[i])), ",")
		if groups[columns] == nil {
			order = append(order, columns)
		}
		groups[columns] = append(groups[columns], i)
	}
	var steps []step
	answers := make([][]string, len(order))
	for g, columns := range order {
		members := make([]map[string]any, len(groups[columns]))
		for j, i := range groups[columns] {
			members[j] = rows[i]
		}
		text, err := json.Marshal(members)
		if err != nil {
			return out, fmt.Errorf("%w: %v", ErrInternal, err)
		}
		query := squirrel.Expr("select add_many($1::regclass, $2)::text", table, string(text))
		steps = append(steps, step{query, collect(&answers[g], pgx.RowTo[string])})
	}
	if err := db.run(ctx, steps...); err != nil {
		return out, err
	}
	for g, columns := range order {
		if err := out.read(answers[g], groups[columns]); err != nil {
			return out, err
		}
	}
	return out, nil
}

// read reads a result of add_many about the records at the places.
func (a *Added) read(answer []string, places []int) error {
	var row struct {
		IDs     []int64
		Refused []refusedRow
	}
	if len(answer) == 0 || json.Unmarshal([]byte(answer[0]), &row) != nil || len(row.IDs) > len(places) {
		return fmt.Errorf("%w: the answer of add_many cannot be read", ErrInternal)
	}
	for j, id := range row.IDs {
		a.IDs[places[j]] = id
	}
	for _, r := range row.Refused {
		a.Refused[places[r.ID]] = r.err()
	}
	return nil
}
