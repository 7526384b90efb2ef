package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// A User is a collaborator's account without its secrets.
type User struct {
	ID             int64      `db:"id"`
	EmployeeNumber string     `db:"employee_number" search:"words" show:"wide"`
	FirstName      string     `db:"first_name" search:"words"`
	LastName       string     `db:"last_name" search:"words"`
	Email          string     `db:"email" search:"words" show:"whole"`
	Role           string     `db:"role" search:"words" show:"status"`
	CreatedAt      time.Time  `db:"created_at" show:"detail"`
	UpdatedAt      time.Time  `db:"updated_at" show:"detail"`
	DeletedAt      *time.Time `db:"deleted_at" show:"detail absent" sort:"-"`
}

// collaborators are few, so a search reads all of them
var users = entityOf[User]("user", "collaborator", "users", finder{own: "collaborator"})

// Roles returns the names of the roles that schema.sql creates, in its order.
func Roles() []string { return []string{"admin", "manage", "sales", "support"} }

// A UserFilter narrows a list; zero values do not.
type UserFilter struct {
	Page
	Role string
}

// Users returns one page of collaborators.
func (db *DB) Users(ctx context.Context, f UserFilter) (List[User], error) {
	var where squirrel.And
	if f.Role != "" {
		where = append(where, squirrel.Eq{"role": f.Role})
	}
	return users.search(ctx, db, where, f.Page, users.sorts())
}

// User returns the live collaborator with the ID, or ErrNotFound.
func (db *DB) User(ctx context.Context, id int64) (User, error) {
	return users.get(ctx, db, id)
}

// AddUser adds a collaborator who signs in with the password of p. The change must have an email. Without p the account
// cannot sign in.
func (db *DB) AddUser(ctx context.Context, c Change, p *Password) (User, error) {
	if p == nil {
		return users.add(ctx, db, c)
	}
	return users.add(ctx, db, c, step{query: squirrel.Expr("select set_first_password($1, $2, $3, $4, $5, $6, $7)",
		c.given()["email"], p.MemoryKiB, p.Iterations, p.Parallelism, p.Salt, p.KeyHash, p.OneTime)})
}

// A Reassignment moves all open records to the collaborator To before a change, and counts them.
type Reassignment struct {
	To    int64
	Moved Handed
}

// UpdateUser writes the given columns, after the reassignment unless it is nil.
func (db *DB) UpdateUser(ctx context.Context, id int64, c Change, r *Reassignment) (User, error) {
	return users.update(ctx, db, id, c, r.steps(id)...)
}

// DeleteUser marks a collaborator as deleted and ends their sessions, after the reassignment unless it is nil.
func (db *DB) DeleteUser(ctx context.Context, id int64, r *Reassignment) (User, error) {
	return users.mark(ctx, db, id, true, r.steps(id)...)
}

// RestoreUser brings a deleted collaborator back.
func (db *DB) RestoreUser(ctx context.Context, id int64) (User, error) {
	return users.mark(ctx, db, id, false)
}

// Handed counts the records that were moved.
type Handed struct {
	Customers int64 `db:"customers"`
	Contracts int64 `db:"contracts"` // open ones
	Events    int64 `db:"events"`    // coming ones
}

// HandOver moves a collaborator's customers, open contracts and coming events to another one.
func (db *DB) HandOver(ctx context.Context, from, to int64) (moved Handed, err error) {
	if from == to {
		return moved, say(ErrInvalid, "invalid --to: name another collaborator")
	}
	err = db.run(ctx, handOverStep(from, to, &moved), endBatch())
	return moved, err
}

// steps returns the step that moves records; none for nil.
func (r *Reassignment) steps(from int64) []step {
	if r == nil {
		return nil
	}
	return []step{handOverStep(from, r.To, &r.Moved)}
}

// handOverStep returns the step that moves records and counts them. Changes after it belong to it until the step
// endBatch.
func handOverStep(from, to int64, moved *Handed) step {
	return step{
		squirrel.Expr("select customers, contracts, events from hand_over($1, $2)", from, to),
		func(rows pgx.Rows) (err error) {
			*moved, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Handed])
			return err
		},
	}
}

// OpenWork counts the records that HandOver would move.
func (db *DB) OpenWork(ctx context.Context, id int64) (Handed, error) {
	count := func(view, contact, more string) squirrel.Sqlizer {
		q := squirrel.Select("count(*)").From(view).Where(squirrel.Eq{contact: id, "deleted_at": nil})
		if more != "" {
			q = q.Where(more)
		}
		return squirrel.Alias(q, view)
	}
	q := sq().Select().Column(count("customers", "sales_id", "")).
		Column(count("contracts", "sales_id", "status not in ('finished', 'canceled')")).
		Column(count("events", "support_id", "coalesce(end_date > now(), true)"))
	return one(ctx, db, q, pgx.RowToStructByName[Handed])
}

// An Overlap is a coming event of one support contact that overlaps an event of another.
type Overlap struct {
	EventID int64     `db:"event_id"`
	OtherID int64     `db:"other_id"`
	Contact string    `db:"contact"` // of the other event
	From    time.Time `db:"from_date"`
	To      time.Time `db:"to_date"` // of the other event
}

// Overlaps returns at most 20 overlaps that would result from moving the events of one support contact to another.
func (db *DB) Overlaps(ctx context.Context, from, to int64) ([]Overlap, error) {
	q := sq().Select("e.id as event_id", "o.id as other_id", "o.support_contact as contact",
		"o.start_date as from_date", "o.end_date as to_date").
		From("events e").
		Join("events o on o.support_id = ? and o.deleted_at is null and "+
			"coalesce(o.start_date, 'infinity') < e.end_date and "+
			"o.end_date > e.start_date", to).
		Where("e.support_id = ? and e.deleted_at is null and e.end_date > now()", from).OrderBy("o.start_date", "e.id",
		"o.id").Limit(20)
	return list(ctx, db, q, pgx.RowToStructByName[Overlap])
}

// OverlapsOf returns overlaps of the live events with the IDs with other events of their support contacts, at most
// limit. It returns an overlap of two of them once.
func (db *DB) OverlapsOf(ctx context.Context, ids []int64, limit uint64) ([]Overlap, error) {
	q := sq().Select("e.id as event_id", "o.id as other_id", "o.support_contact as contact",
		"o.start_date as from_date", "o.end_date as to_date").
		From("events e").
		Join("events o on o.support_id = e.support_id and o.deleted_at is null and "+
			"coalesce(o.start_date, 'infinity') < e.end_date and o.end_date > e.start_date and "+
			"coalesce(o.start_date, 'infinity') >= e.start_date - (select longest from event_spans)").
		Where("e.id = any(?) and e.deleted_at is null and (o.id < e.id or o.id > e.id and o.id <> all(?))", ids, ids).
		OrderBy("e.id", "o.start_date", "o.id").Limit(limit)
	return list(ctx, db, q, pgx.RowToStructByName[Overlap])
}
