package repo

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/Masterminds/squirrel"
)

// A LastChange is the caller's last change of a record that is not taken back yet.
type LastChange struct {
	ID            int64 // of its entry in the trail
	At            time.Time
	Entity        string // customer, contract, event, user or payment
	EntityID      int64
	Action        string // add, update, delete, cancel or restore
	Before, After map[string]any
	ChangedAt     *time.Time // when somebody else changed the record after it; nil: nobody has
	ChangedBy     *string    // who that was; nil: the company's own set-up work
}

type lastChangeRow struct {
	ID        int64      `db:"id"`
	At        time.Time  `db:"at"`
	Entity    string     `db:"entity"`
	EntityID  int64      `db:"entity_id"`
	Action    string     `db:"action"`
	Before    values     `db:"before"`
	After     values     `db:"after"`
	ChangedAt *time.Time `db:"changed_at"`
	ChangedBy *string    `db:"changed_by"`
}

// LastChange answers what Undo would take back; ErrNotFound if there is nothing. Sealed values are opened.
func (db *DB) LastChange(ctx context.Context) (LastChange, error) {
	return one(ctx, db, from[lastChangeRow]("my_last_change()"), shaped(func(r lastChangeRow) LastChange {
		before, after := db.openValues(r.Entity, r.Before), db.openValues(r.Entity, r.After)
		return LastChange{r.ID, r.At, r.Entity, r.EntityID, r.Action, before, after, r.ChangedAt, r.ChangedBy}
	}))
}

// Undo takes a change back, by a change of its own: it deletes a record that was added, restores one that was deleted
// or canceled, writes the values from before an update, and adds the opposite of a payment. It returns ErrConflict if
// the change is not the caller's last one any more or somebody has changed the record since.
func (db *DB) Undo(ctx context.Context, c LastChange) error {
	table, id := c.record()
	write, err := db.opposite(c, table, id)
	if err != nil {
		return err
	}
	current, touched := true, true // unless the rows say otherwise
	err = db.run(ctx,
		// The lock waits for a change that is being made, so that the next step sees it.
		step{query: sq().Select("id").From(table).Where(squirrel.Eq{"id": id}).Suffix("for update")},
		step{sq().Select().Column(squirrel.Expr("coalesce(("+stillLast+") = ?, false)", c.ID)), value(&current)},
		step{query: squirrel.Expr("select set_config('crm.undoes', $1, true)", strconv.FormatInt(c.ID, 10))},
		step{write, sawRow(&touched)},
		step{query: squirrel.Expr("select set_config('crm.undoes', '', true)")})
	switch {
	case err == nil && !current:
		return say(ErrConflict, "it has been changed in this moment: nothing was taken back")
	case err == nil && !touched:
		return ErrDenied
	}
	return err
}

// record returns the table and the ID of the record that an undo writes to or adds to: of a payment, its contract.
func (c LastChange) record() (table string, id int64) {
	if c.Entity == payments.noun {
		id, _ = strconv.ParseInt(plainText(c.After["contract_id"]), 10, 64)
		return contracts.table, id
	}
	if e := storeOf(c.Entity); e != nil {
		_, table = e.nounAndTable()
	}
	return table, c.EntityID
}

// stillLast is the entry that can be taken back now.
const stillLast = "select l.id from my_last_change() l where l.changed_at is null"

// Cancels reports whether the change cancels a record or restores a canceled one.
func (c LastChange) Cancels() bool {
	_, marked := c.Before["canceled_at"]
	return marked
}

// mark is the column that says whether the record is deleted, or whether it is canceled if the change is about that.
func (c LastChange) mark() string {
	if c.Cancels() {
		return "canceled_at"
	}
	return "deleted_at"
}

// opposite returns the statement that takes a change back if it is still the last one. table and id are those of
// LastChange.record.
func (db *DB) opposite(c LastChange, table string, id int64) (squirrel.Sqlizer, error) {
	last := squirrel.Expr("("+stillLast+") = ?", c.ID)
	if c.Entity == payments.noun {
		entry := squirrel.Select().Column("?::bigint", id).Column("- ?::numeric", c.After["amount"]).
			Column("?::date", c.After["paid_on"]).Where(last)
		return sq().Insert(payments.table).Columns("contract_id", "amount",
			"paid_on").Select(entry).Suffix("returning true"), nil
	}
	values := map[string]any{c.mark(): nil}
	switch c.Action {
	case "add", "restore":
		values[c.mark()] = squirrel.Expr("now()")
	case "update":
		var err error
		if values, err = db.formerValues(c); err != nil {
			return nil, err
		}
	}
	return sq().Update(table).SetMap(values).Where(squirrel.Eq{"id": id}).Where(last).Suffix("returning id"), nil
}

// formerValues returns the columns of an update as they were before it, without those that the database maintains.
func (db *DB) formerValues(c LastChange) (map[string]any, error) {
	former, e := map[string]any{}, storeOf(c.Entity)
	for column, v := range c.Before {
		if e.column(column).computed {
			continue
		}
		if err := e.write(db, former, column, plainText(v)); err != nil {
			return nil, err
		}
		if e.column(column).Sealed != "" {
			// The same bytes as in the trail: from them the database sees that the change is taken back.
			former[column] = squirrel.Expr(
				`(select decode(substr(split_part(l.before->>?::text, ' ', 1), 3), 'hex') from my_last_change() l)`,
				column)
		}
	}
	return former, nil
}

// plainText is a value of the trail as text, empty for none.
func plainText(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}
