package repo

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// A LastChange is a change by the caller that is not undone yet: of one record, or of several that were changed
// together.
type LastChange struct {
	ID            int64 // of its entry in the trail
	At            time.Time
	Entity        string // customer, contract, event, user or payment
	EntityID      int64
	Action        string // add, update, delete, cancel or restore; of several: hand-over, update-many or import
	Before, After map[string]any
	Members       *int64     // how many changes were made together; nil: it is one
	Changed       *int64     // how many records of Entity these are about
	Fresh         bool       // added a record within the hour; its creator may delete it while none refers to it
	ChangedAt     *time.Time // the record was changed later, at this time; nil: it was not
	ChangedBy     *string    // the collaborator who changed it; nil: the company's own set-up
	Record        *string    // a tag, view or map by its name, because nobody sees its ID; nil: of another noun
}

type lastChangeRow struct {
	ID        int64      `db:"id"`
	At        time.Time  `db:"at"`
	Entity    string     `db:"entity"`
	EntityID  int64      `db:"entity_id"`
	Action    string     `db:"action"`
	Before    values     `db:"before"`
	After     values     `db:"after"`
	Members   *int64     `db:"members"`
	Records   *int64     `db:"records"`
	Fresh     bool       `db:"fresh"`
	ChangedAt *time.Time `db:"changed_at"`
	ChangedBy *string    `db:"changed_by"`
	Record    *string    `db:"record"`
}

// lastChanges selects the last changes with the names of records whose IDs nobody sees.
var lastChanges = fmt.Sprintf(`(select c.*, coalesce('tag ' || t.name || ' of ' || t.noun || ' ' || t.record_id,
		'view ' || v.name, 'map ' || m.name) as record
	from my_changes(%d) c left join tags t on c.entity = 'tag' and t.id = c.entity_id
		left join saved_views v on c.entity = 'view' and v.id = c.entity_id
		left join saved_maps m on c.entity = 'map' and m.id = c.entity_id
	order by c.id desc) c`, mostUndone)

// mostUndone is the number of last changes that a user can undo.
const mostUndone = 100

// LastChanges returns the caller's last changes, the newest first. Sealed values are opened.
func (db *DB) LastChanges(ctx context.Context) ([]LastChange, error) {
	return list(ctx, db, from[lastChangeRow](lastChanges), shaped(func(r lastChangeRow) LastChange {
		before, after := db.openValues(r.Entity, r.Before), db.openValues(r.Entity, r.After)
		return LastChange{
			r.ID, r.At, r.Entity, r.EntityID, r.Action, before, after, r.Members, r.Records, r.Fresh, r.ChangedAt,
			r.ChangedBy, r.Record,
		}
	}))
}

// Undo undoes a change by a new change: it deletes an added record, restores a deleted or canceled one, writes the
// values from before an update, and adds the opposite of a payment. Of changes that were made together it undoes all.
// It returns ErrConflict if the change is undone already or its record was changed since.
func (db *DB) Undo(ctx context.Context, c LastChange) error {
	if c.Members != nil {
		return db.undoTogether(ctx, c)
	}
	table, id := c.record()
	write, err := db.opposite(c, table, id)
	if err != nil {
		return err
	}
	current, touched := true, true // until the rows show otherwise
	err = db.run(ctx,
		// The lock waits for a concurrent change, so the next step sees it.
		step{query: sq().Select("id").From(table).Where(squirrel.Eq{"id": id}).Suffix("for update")},
		step{sq().Select().Column(squirrel.Expr("coalesce(("+stands+") = ?, false)", c.ID, c.ID)), value(&current)},
		step{query: squirrel.Expr("select set_config('crm.undoes', $1, true)", strconv.FormatInt(c.ID, 10))},
		step{write, sawRow(&touched)},
		step{query: squirrel.Expr("select set_config('crm.undoes', '', true)")})
	switch {
	case err == nil && !current:
		return say(ErrConflict, "it has just been changed: nothing was undone")
	case err == nil && !touched:
		return ErrDenied
	}
	return err
}

// record returns the table and the ID of the record that an undo changes. For a payment it is the contract.
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

// stands returns the query for the entry if it can be undone now.
var stands = fmt.Sprintf("select l.id from my_changes(%d) l where l.id = ? and l.changed_at is null", mostUndone)

// undoTogether undoes the changes that an entry leads. The database has their former values; only search tokens are
// computed here.
func (db *DB) undoTogether(ctx context.Context, c LastChange) error {
	type ledRow struct {
		ID       int64  `db:"id"`
		Entity   string `db:"entity"`
		EntityID int64  `db:"entity_id"`
		Before   values `db:"before"`
	}
	led, err := list(ctx, db, squirrel.Expr("select id, entity, entity_id, before from led_changes($1)", c.ID),
		pgx.RowToStructByName[ledRow])
	if err != nil {
		return err
	}
	tokens := map[string]map[string]any{}
	for _, m := range led {
		former, err := db.formerValues(LastChange{
			ID: m.ID, Entity: m.Entity, Before: db.openValues(m.Entity, m.Before),
		})
		if err != nil {
			return err
		}
		for column, v := range former {
			if strings.HasSuffix(column, "_tokens") {
				key := strconv.FormatInt(m.ID, 10)
				if tokens[key] == nil {
					tokens[key] = map[string]any{}
				}
				tokens[key][column] = v
			}
		}
	}
	return db.run(ctx, step{query: squirrel.Expr("select take_back($1, $2)", c.ID, tokens)})
}

// Records returns the IDs of the records of a noun that the change has changed.
func (db *DB) Records(ctx context.Context, c LastChange, noun string) (ids []int64, err error) {
	if c.Members == nil {
		if c.Entity == noun {
			ids = append(ids, c.EntityID)
		}
		return ids, nil
	}
	query := squirrel.Expr("select distinct entity_id from led_changes($1) where entity = $2", c.ID, noun)
	return list(ctx, db, query, pgx.RowTo[int64])
}

// Cancels reports whether the change cancels a record or restores a canceled one.
func (c LastChange) Cancels() bool {
	_, marked := c.Before["canceled_at"]
	return marked
}

// mark returns the column that marks the record as deleted, or as canceled if the change is about that.
func (c LastChange) mark() string {
	if c.Cancels() {
		return "canceled_at"
	}
	return "deleted_at"
}

// opposite returns the statement that undoes a change if it is still the last one. table and id are those of
// LastChange.record.
func (db *DB) opposite(c LastChange, table string, id int64) (squirrel.Sqlizer, error) {
	last := squirrel.Expr("("+stands+") = ?", c.ID, c.ID)
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

// formerValues returns the values of an update's columns before it, except columns that the database maintains.
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
			// The same bytes as in the trail: they show the database that the change is undone.
			former[column] = squirrel.Expr(
				`(select decode(substr(split_part(l.before->>?::text, ' ', 1), 3), 'hex') from my_changes(?) l
					where l.id = ?)`, column, mostUndone, c.ID)
		}
	}
	return former, nil
}

// plainText returns a value of the trail as text, empty for none.
func plainText(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}
