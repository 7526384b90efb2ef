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
	EmployeeNumber string     `db:"employee_number"`
	FirstName      string     `db:"first_name"`
	LastName       string     `db:"last_name"`
	Email          string     `db:"email"`
	Role           string     `db:"role"`
	CreatedAt      time.Time  `db:"created_at"`
	UpdatedAt      time.Time  `db:"updated_at"`
	DeletedAt      *time.Time `db:"deleted_at"`
}

// A UserFilter narrows a list; zero values do not.
type UserFilter struct {
	Page
	Role string
}

// A UserChange holds the columns to write; nil leaves a column as it is.
type UserChange struct {
	EmployeeNumber, FirstName, LastName, Email, Role *string
	Since                                            *time.Time // ErrConflict if the record was updated later; nil: not checked
}

// UserSorts are the columns that --sort may name.
func UserSorts() map[string]string {
	return map[string]string{
		"id": "id", "employee_number": "employee_number", "first_name": "first_name", "last_name": "last_name",
		"email": "email", "role": "role", "created_at": "created_at", "updated_at": "updated_at",
	}
}

// Users lists at most Limit+1 collaborators.
func (db *DB) Users(ctx context.Context, f UserFilter) ([]User, error) {
	q := from[User]("users")
	if f.Role != "" {
		q = q.Where(squirrel.Eq{"role": f.Role})
	}
	fetch := func(p Page) ([]User, error) { return listPage(ctx, db, q, "users", p, UserSorts(), same[User]) }
	if f.Search == "" {
		return fetch(f.Page)
	}
	// Collaborators are few: they are read, and what does not match is dropped.
	return searched(f.Page, func(u User) int64 { return u.ID }, fetch, func(u User) bool { return db.scoreUser(f.Search, u) > 0 })
}

// scoreUser returns how well a collaborator matches; 0 is not at all.
func (db *DB) scoreUser(text string, u User) int {
	return db.scoreRecord(text, u.ID, nil, u.FirstName, u.LastName, u.Email, u.Role, u.EmployeeNumber)
}

// User is the live collaborator with that ID.
func (db *DB) User(ctx context.Context, id int64) (User, error) {
	return one(ctx, db, live[User]("users", id), same[User])
}

// AddUser adds a collaborator who signs in with the password that p verifies. Email must be given.
// Without p the account exists and nobody can sign in to it.
func (db *DB) AddUser(ctx context.Context, c UserChange, p *Password) (User, error) {
	before := []step{{query: sq().Insert("collaborator").SetMap(userValues(c))}}
	if p != nil {
		before = append(before, step{query: squirrel.Expr("select set_first_password($1, $2, $3, $4, $5, $6, $7)",
			*c.Email, p.MemoryKiB, p.Iterations, p.Parallelism, p.Salt, p.KeyHash, p.OneTime)})
	}
	return one(ctx, db, added[User]("users", "collaborator"), same[User], before...)
}

// UpdateUser writes the given columns. Unless reassignTo is 0, that collaborator first takes over all open records.
func (db *DB) UpdateUser(ctx context.Context, id int64, c UserChange, reassignTo int64) (User, error) {
	return change(ctx, db, "collaborator", "users", version{id, c.Since}, same[User], userValues(c), handOver(id, reassignTo), nil)
}

// DeleteUser marks a collaborator as deleted and ends their sessions. Unless reassignTo is 0, that collaborator first
// takes over all open records.
func (db *DB) DeleteUser(ctx context.Context, id, reassignTo int64) (User, error) {
	return mark(ctx, db, "collaborator", "users", id, true, same[User], handOver(id, reassignTo)...)
}

// RestoreUser brings a deleted collaborator back.
func (db *DB) RestoreUser(ctx context.Context, id int64) (User, error) {
	return mark(ctx, db, "collaborator", "users", id, false, same[User])
}

// Handed counts the records that were handed over.
type Handed struct {
	Customers int64 `db:"customers"`
	Contracts int64 `db:"contracts"` // open ones
	Events    int64 `db:"events"`    // coming ones
}

// HandOver moves a collaborator's customers, open contracts and coming events to another one.
func (db *DB) HandOver(ctx context.Context, from, to int64) (moved Handed, err error) {
	err = db.run(ctx, step{squirrel.Expr("select customers, contracts, events from hand_over($1, $2)", from, to), func(rows pgx.Rows) error {
		moved, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Handed])
		return err
	}})
	return moved, err
}

func handOver(from, to int64) []step {
	if to == 0 {
		return nil
	}
	return []step{{query: squirrel.Expr("select hand_over($1, $2)", from, to)}}
}

func userValues(c UserChange) map[string]any {
	values := map[string]any{}
	set(values, "employee_number", c.EmployeeNumber)
	set(values, "first_name", c.FirstName)
	set(values, "last_name", c.LastName)
	set(values, "email", c.Email)
	set(values, "role", c.Role)
	return values
}
