package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// A Password is what the database keeps of one: argon2id's cost and salt (RFC 9106) and the SHA-256 of the derived key.
type Password struct {
	MemoryKiB, Iterations uint32
	Parallelism           uint8
	Salt, KeyHash         []byte
	OneTime               bool // works for a day, and for nothing but choosing another
}

// A Permission is one cell of the responsibility matrix.
type Permission struct {
	Action string `db:"action"`
	Scope  string `db:"scope"` // all or own
}

// Whoami is the signed-in user's record, what their role may do, and what they must do before they may: choose
// a "password", enrol "mfa", or nothing.
func (db *DB) Whoami(ctx context.Context) (me User, may []Permission, duty string, err error) {
	var mine []User
	if apart, err := db.alone(); err == nil {
		db = apart // signing in begins no script's transaction
	}
	err = db.ask(ctx,
		step{users.from().From("my_account()"), collect(&mine, users.row(db))},
		step{
			squirrel.Expr("select action, scope from my_permissions()"),
			collect(&may, pgx.RowToStructByName[Permission]),
		},
		step{squirrel.Expr("select coalesce(my_duty(), '')"), value(&duty)})
	if err == nil && len(mine) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return User{}, nil, "", err
	}
	return mine[0], may, duty, nil
}

// SignOut ends the caller's session in the database; in an atomic script, when its transaction has ended.
func (db *DB) SignOut(ctx context.Context) error {
	end := func(ctx context.Context, db *DB) error {
		return db.ask(ctx, step{query: squirrel.Expr("select sign_out()")}) // twice is once
	}
	if db.tx == nil || db.tx.tx == nil {
		return end(ctx, db.outside())
	}
	token, err := db.token() // its key is wiped until then
	if err != nil {
		return err
	}
	return db.As(func() (string, error) { return token, nil }).afterwards(ctx, end)
}

// ResetPassword gives a collaborator a one-time password, ends their sessions and unlocks the account; it answers when
// the password stops working.
func (db *DB) ResetPassword(ctx context.Context, id int64, p Password) (until time.Time, err error) {
	return until, db.run(ctx, step{unrepeatable{squirrel.Expr("select reset_password($1, $2, $3, $4, $5, $6)",
		id, p.MemoryKiB, p.Iterations, p.Parallelism, p.Salt, p.KeyHash)}, value(&until)})
}

// Unlock lets an account be tried again at once.
func (db *DB) Unlock(ctx context.Context, id int64) error {
	return db.run(ctx, step{query: squirrel.Expr("select unlock_user($1)", id)})
}
