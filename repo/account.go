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

// SignIn opens a session, or is ErrCredentials: for an unknown email, a wrong key and a locked account alike.
// The try is noted in one transaction and its outcome told in the next, so that it cannot be
// undone by whoever does not like it.
func (db *DB) SignIn(ctx context.Context, email string, key []byte, lifetime time.Duration) (Opening, error) {
	db = db.outside()
	ticket, err := db.try(ctx, squirrel.Expr("select sign_in($1, $2)", email, key))
	if err != nil {
		return Opening{}, err
	}
	query := squirrel.Expr("select session_id, session_key, collaborator_id, ends, server_time from open_session($1, $2)", ticket, lifetime)
	var opened []Opening
	if err := db.run(ctx, step{query, collect(&opened, same[Opening])}); err != nil {
		return Opening{}, err
	}
	return opened[0], nil
}

// Whoami is the signed-in user's record and what their role may do.
func (db *DB) Whoami(ctx context.Context) (User, []Permission, error) {
	var (
		me  []User
		may []Permission
	)
	err := db.ask(ctx,
		step{from[User]("my_account()"), collect(&me, same[User])},
		step{squirrel.Expr("select action, scope from my_permissions()"), collect(&may, same[Permission])})
	if err == nil && len(me) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return User{}, nil, err
	}
	return me[0], may, nil
}

// SignOut ends the caller's session in the database.
func (db *DB) SignOut(ctx context.Context) error {
	return db.outside().run(ctx, step{query: squirrel.Expr("select sign_out()")})
}

// try notes one try of a password and answers its ticket.
func (db *DB) try(ctx context.Context, query squirrel.Sqlizer) (ticket []byte, err error) {
	err = db.run(ctx, step{query, func(rows pgx.Rows) error {
		ticket, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[[]byte])
		return err
	}})
	return ticket, err
}

// ChangePassword replaces the caller's own password and ends their other sessions; a wrong current
// key is ErrCredentials and counts like a failed sign-in.
func (db *DB) ChangePassword(ctx context.Context, currentKey []byte, p Password) error {
	db = db.outside()
	ticket, err := db.try(ctx, squirrel.Expr("select sign_in((select email from users where id = (select me_id())), $1)", currentKey))
	if err != nil {
		return err
	}
	var changed bool
	err = db.run(ctx, step{
		squirrel.Expr("select change_password($1, $2, $3, $4, $5, $6)", ticket, p.MemoryKiB, p.Iterations, p.Parallelism, p.Salt, p.KeyHash),
		func(rows pgx.Rows) error {
			var err error
			changed, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
			return err
		},
	})
	if err == nil && !changed {
		return say(ErrCredentials, "the current password is wrong, or the account is locked for a while")
	}
	return err
}
