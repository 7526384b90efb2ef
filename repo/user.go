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
	EmployeeNumber string     `db:"employee_number" search:"words"`
	FirstName      string     `db:"first_name" search:"words"`
	LastName       string     `db:"last_name" search:"words"`
	Email          string     `db:"email" search:"words"`
	Role           string     `db:"role" search:"words" show:"status"`
	CreatedAt      time.Time  `db:"created_at" show:"detail"`
	UpdatedAt      time.Time  `db:"updated_at" show:"detail"`
	DeletedAt      *time.Time `db:"deleted_at" show:"detail absent" sort:"-"`
}

var users = entityOf[User]("user", "collaborator", "users", finder{}) // collaborators are few: a search reads all of them

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

// AddUser adds a collaborator who signs in with the password that p verifies. The change must hold the email.
// Without p the account exists and nobody can sign in to it.
func (db *DB) AddUser(ctx context.Context, c Change, p *Password) (User, error) {
	if p == nil {
		return users.add(ctx, db, c)
	}
	return users.add(ctx, db, c, step{query: squirrel.Expr("select set_first_password($1, $2, $3, $4, $5, $6, $7)",
		c.given()["email"], p.MemoryKiB, p.Iterations, p.Parallelism, p.Salt, p.KeyHash, p.OneTime)})
}

// UpdateUser writes the given columns. Unless reassignTo is 0, that collaborator first takes over all open records.
func (db *DB) UpdateUser(ctx context.Context, id int64, c Change, reassignTo int64) (User, error) {
	return users.update(ctx, db, id, c, handOver(id, reassignTo)...)
}

// DeleteUser marks a collaborator as deleted and ends their sessions. Unless reassignTo is 0, that collaborator first
// takes over all open records.
func (db *DB) DeleteUser(ctx context.Context, id, reassignTo int64) (User, error) {
	return users.mark(ctx, db, id, true, handOver(id, reassignTo)...)
}

// RestoreUser brings a deleted collaborator back.
func (db *DB) RestoreUser(ctx context.Context, id int64) (User, error) {
	return users.mark(ctx, db, id, false)
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
