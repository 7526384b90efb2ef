package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
)

// A Password is what the database keeps of one: argon2id's cost and salt (RFC 9106) and the SHA-256 of the derived key.
type Password struct {
	MemoryKiB, Iterations uint32
	Parallelism           uint8
	Salt, KeyHash         []byte
	OneTime               bool // works for a day, and for nothing but choosing another
}

// Derivation is how the client turns a password into the key that signs in.
type Derivation struct {
	MemoryKiB   uint32 `db:"memory_kib"`
	Iterations  uint32 `db:"iterations"`
	Parallelism uint8  `db:"parallelism"`
	Salt        []byte `db:"salt"`
}

// An Opening is a new database session, handed out once.
type Opening struct {
	SessionID  int64     `db:"session_id"`
	Key        []byte    `db:"session_key"`
	UserID     int64     `db:"collaborator_id"`
	Ends       time.Time `db:"ends"`
	ServerTime time.Time `db:"server_time"`
}

// A Permission is one cell of the responsibility matrix.
type Permission struct {
	Action string `db:"action"`
	Scope  string `db:"scope"` // all or own
}

// SignInParams answers how to derive the key of an account; for an unknown email it makes something up.
func (db *DB) SignInParams(ctx context.Context, email string) (Derivation, error) {
	query := squirrel.Expr("select memory_kib, iterations, parallelism, salt from sign_in_params($1)", email)
	return one(ctx, db.outside(), query, same[Derivation])
}

// SignIn opens a session, or is ErrCredentials: for an unknown email, a wrong key or code and a locked account alike. Code is the
// second factor's, or one for recovery; empty where none was asked for. It is ErrCode where the key is right and the code is due.
// The try is noted in one transaction and its outcome told in the next, so that it cannot be
// undone by whoever does not like it.
func (db *DB) SignIn(ctx context.Context, email string, key []byte, code string, lifetime time.Duration) (Opening, error) {
	db = db.outside()
	ticket, err := db.try(ctx, squirrel.Expr("select sign_in($1, $2, $3)", email, key, orNull(code)))
	if err != nil {
		return Opening{}, err
	}
	query := squirrel.Expr("select session_id, session_key, collaborator_id, ends, server_time from open_session($1, $2)", ticket, lifetime)
	var opened []Opening
	if err := db.once(ctx, step{query, collect(&opened, same[Opening])}); err != nil {
		return Opening{}, err
	}
	return opened[0], nil
}

// Whoami is the signed-in user's record, what their role may do, and what they must do before they may: choose
// a "password", enrol "mfa", or nothing.
func (db *DB) Whoami(ctx context.Context) (me User, may []Permission, duty string, err error) {
	var mine []User
	err = db.ask(ctx,
		step{from[User]("my_account()"), collect(&mine, same[User])},
		step{squirrel.Expr("select action, scope from my_permissions()"), collect(&may, same[Permission])},
		step{squirrel.Expr("select coalesce(my_duty(), '')"), value(&duty)})
	if err == nil && len(mine) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return User{}, nil, "", err
	}
	return mine[0], may, duty, nil
}

// SignOut ends the caller's session in the database.
func (db *DB) SignOut(ctx context.Context) error {
	return db.outside().ask(ctx, step{query: squirrel.Expr("select sign_out()")}) // twice is once
}

// try notes one try of a password and answers its ticket.
func (db *DB) try(ctx context.Context, query squirrel.Sqlizer) (ticket []byte, err error) {
	return ticket, db.once(ctx, step{query, value(&ticket)})
}

// prove is the ticket of the caller's own password and code.
func (db *DB) prove(ctx context.Context, key []byte, code string) ([]byte, error) {
	return db.try(ctx, squirrel.Expr("select sign_in((select email from my_account()), $1, $2)", key, orNull(code)))
}

// ChangePassword replaces the caller's own password and ends their other sessions. Errors are SignIn's; a wrong key or code
// counts like a failed sign-in.
func (db *DB) ChangePassword(ctx context.Context, currentKey []byte, code string, p Password) error {
	db = db.outside()
	ticket, err := db.prove(ctx, currentKey, code)
	if err != nil {
		return err
	}
	return db.run(ctx, step{query: squirrel.Expr("select change_password($1, $2, $3, $4, $5, $6)",
		ticket, p.MemoryKiB, p.Iterations, p.Parallelism, p.Salt, p.KeyHash)})
}

// RaiseCost keeps the caller's password at another cost of argon2id, in the first minute of their session.
func (db *DB) RaiseCost(ctx context.Context, currentKey []byte, p Password) error {
	return db.outside().run(ctx, step{query: squirrel.Expr("select raise_cost($1, $2, $3, $4, $5, $6)",
		currentKey, p.MemoryKiB, p.Iterations, p.Parallelism, p.Salt, p.KeyHash)})
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
