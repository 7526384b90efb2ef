package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// A Password is what the database stores to verify a password: the cost and salt of argon2id (RFC 9106) and the SHA-256
// of the derived key.
type Password struct {
	MemoryKiB, Iterations uint32
	Parallelism           uint8
	Salt, KeyHash         []byte
	OneTime               bool // valid for a day, and only for choosing another password
}

// A Permission is one cell of the responsibility matrix.
type Permission struct {
	Action string `db:"action"`
	Scope  string `db:"scope"` // all or own
}

// Whoami returns the signed-in user, the permissions of their role, and what they must do before they may use them:
// "password" (choose a password), "mfa" (enrol a second factor) or nothing.
func (db *DB) Whoami(ctx context.Context) (me User, may []Permission, duty string, err error) {
	var mine []User
	if own, err := db.ownTransactions(); err == nil {
		db = own // signing in does not begin a script's transaction
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

// SignOut ends the caller's session in the database. In an atomic script it does so when the transaction has ended.
func (db *DB) SignOut(ctx context.Context) error {
	end := func(ctx context.Context, db *DB) error {
		return db.ask(ctx, step{query: squirrel.Expr("select sign_out()")}) // idempotent
	}
	if db.tx == nil || db.tx.tx == nil {
		return end(ctx, db.outsideScript())
	}
	token, err := db.token() // take it now: its key is wiped before a script ends
	if err != nil {
		return err
	}
	return db.As(func() (string, error) { return token, nil }).runAfter(ctx, end)
}

// ResetPassword gives a collaborator a one-time password, ends their sessions and unlocks the account. It returns the
// time at which the password expires.
func (db *DB) ResetPassword(ctx context.Context, id int64, p Password) (until time.Time, err error) {
	return until, db.run(ctx, step{unrepeatable{squirrel.Expr("select reset_password($1, $2, $3, $4, $5, $6)",
		id, p.MemoryKiB, p.Iterations, p.Parallelism, p.Salt, p.KeyHash)}, value(&until)})
}

// Unlock ends the lockout of an account.
func (db *DB) Unlock(ctx context.Context, id int64) error {
	return db.run(ctx, step{query: squirrel.Expr("select unlock_user($1)", id)})
}

// Lockout returns the end of an account's lockout; nil if there is none or the caller may not end it.
func (db *DB) Lockout(ctx context.Context, id int64) (until *time.Time, err error) {
	return until, db.ask(ctx, step{squirrel.Expr("select lockout_of($1)", id), value(&until)})
}
