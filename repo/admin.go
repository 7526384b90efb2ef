package repo

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Names are what the company calls its database, schema and roles.
type Names struct {
	Database, Schema string
	Owner, App       string
}

// An Admin acts through an administrator's account: it creates the database, adds fictional data, re-encrypts, and
// checks.
type Admin struct {
	url   string // of the administrator; its database does not matter
	names Names
	held  *pgx.Conn // for transactions as the owner role; nil: each opens a connection of its own
}

// NewAdmin returns an Admin for the connection string of a role that may create databases and roles.
func NewAdmin(url string, n Names) *Admin { return &Admin{url: url, names: n} }

// Hold returns a copy of a that keeps one connection to the database, for many short transactions: a new connection
// costs more than such a transaction. Only one goroutine may use the copy. The caller must call release.
func (a *Admin) Hold(ctx context.Context) (held *Admin, release func(), err error) {
	conn, err := a.connect(ctx, a.names.Database)
	if err != nil {
		return nil, nil, err
	}
	return &Admin{a.url, a.names, conn}, func() { _ = conn.Close(context.WithoutCancel(ctx)) }, nil
}

// connect opens a connection to a database; empty means that of the connection string. The string must lead to the
// server itself, not to a pooler: an administrator's locks last as long as the session, and a pooler ends it earlier.
func (a *Admin) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	conf, err := pgx.ParseConfig(a.url)
	if err != nil {
		return nil, say(ErrInvalid,
			"database.admin_url cannot be read: want postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	if database != "" {
		conf.Database = database
	}
	conf.RuntimeParams["application_name"] = "crm init"
	limit(conf, cmp.Or(conf.ConnectTimeout, openLimit))
	conn, err := pgx.ConnectConfig(ctx, conf)
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return nil, unreachable(connect, "database.admin_url")
	}
	if err != nil {
		return nil, translate(err)
	}
	own, err := claim(ctx, conn, fixed("pg_catalog"))
	if err == nil && own {
		return conn, nil
	}
	_ = conn.Close(ctx)
	if err != nil {
		return nil, translate(err)
	}
	return nil, say(ErrInvalid, "database.admin_url leads to a connection pooler: name the PostgreSQL server itself")
}

// Try connects once as the app role with the connection string url. It returns ErrCredentials for a wrong password.
func (a *Admin) Try(ctx context.Context, url string) error {
	conf, err := pgx.ParseConfig(url)
	if err != nil {
		return say(ErrInvalid, "database.url cannot be read: want postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	limit(conf, cmp.Or(conf.ConnectTimeout, openLimit))
	conn, err := pgx.ConnectConfig(ctx, conf)
	if isCode(err, "28P01") {
		return ErrCredentials
	}
	if err != nil {
		return translate(err)
	}
	return translate(conn.Close(ctx))
}

// HasAppRole reports whether the app role exists.
func (a *Admin) HasAppRole(ctx context.Context) (there bool, err error) {
	conn, err := a.connect(ctx, "")
	if err != nil {
		return false, err
	}
	defer conn.Close(ctx)
	return hasRole(ctx, conn, a.names.App)
}

func hasRole(ctx context.Context, conn *pgx.Conn, name string) (there bool, err error) {
	err = conn.QueryRow(ctx, "select exists (select from pg_roles where rolname = $1)", name).Scan(&there)
	return there, translate(err)
}

// checkVersion reports whether the schema exists. It returns ErrUnavailable for a schema of another version and
// ErrConflict for one that is not crm's.
func (a *Admin) checkVersion(ctx context.Context, conn querier) (there bool, err error) {
	version, err := a.version(ctx, conn)
	if version != 0 && err == nil {
		err = versionError(version, "")
	}
	return version != 0, translate(err)
}

// asOwner runs do in a transaction as the owner role.
func (a *Admin) asOwner(ctx context.Context, do func(pgx.Tx) error) error {
	if a.held != nil {
		return a.asOwnerOn(ctx, a.held, do)
	}
	conn, err := a.connect(ctx, a.names.Database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return a.asOwnerOn(ctx, conn, do)
}

func (a *Admin) asOwnerOn(ctx context.Context, conn *pgx.Conn, do func(pgx.Tx) error) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return translate(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, "set local role "+quote(a.names.Owner)+"; set local search_path = pg_catalog, "+
		quote(a.names.Schema)+", pg_temp"); err != nil {
		return translate(err)
	}
	if _, err := a.checkVersion(ctx, tx); err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return translate(err)
	}
	return translate(tx.Commit(ctx))
}

// HasRole reports whether a live collaborator has the role.
func (a *Admin) HasRole(ctx context.Context, role string) (there bool, err error) {
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select exists (select from collaborator where role = $1 and deleted_at is null)",
			role).Scan(&there)
	})
	return there, err
}

// AddUser adds a collaborator without a permission check: the first administrator, or a fictional account. With a nil
// p, the account cannot sign in.
func (a *Admin) AddUser(ctx context.Context, u User, p *Password, fictional bool) (id int64, err error) {
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `insert into collaborator (first_name, last_name, email, role)
			values ($1, $2, $3, $4) returning id`, u.FirstName, u.LastName, u.Email, u.Role).Scan(&id)
		if err != nil {
			return err
		}
		if fictional {
			if _, err := tx.Exec(ctx, "update collaborator set fictional = true where id = $1", id); err != nil {
				return err
			}
		}
		if p == nil {
			return nil
		}
		_, err = tx.Exec(ctx, "insert into credential (collaborator_id, memory_kib, iterations, parallelism, salt, "+
			"key_hash) values ($1, $2, $3, $4, $5, $6)", id, p.MemoryKiB, p.Iterations, p.Parallelism, p.Salt,
			p.KeyHash)
		return err
	})
	return id, err
}

// SetLimit sets the setting session_lifetime or session_idle; zero means no limit. It reports whether the value has
// changed.
func (a *Admin) SetLimit(ctx context.Context, setting string, limit time.Duration) (changed bool, err error) {
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update setting set value = coalesce(nullif($2, interval '0')::text, '')
			where name = $1 and nullif(value, '')::interval is distinct from nullif($2, interval '0')`, setting, limit)
		changed = tag.RowsAffected() > 0
		return err
	})
	return changed, err
}

// OpenSeedingSession opens a session of a collaborator. Records written in it are marked as fictional.
func (a *Admin) OpenSeedingSession(ctx context.Context, userID int64) (o Opening, err error) {
	o.UserID = userID
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select session_id, session_key, ends, clock_timestamp() from open_seeding_session($1)",
			userID).
			Scan(&o.SessionID, &o.Key, &o.Ends, &o.ServerTime)
	})
	return o, err
}

// FlushTokens empties the pending lists of the search indexes, which changes of seeding sessions fill.
func (a *Admin) FlushTokens(ctx context.Context) error {
	return a.asOwner(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `select gin_clean_pending_list(c.oid) from pg_class c join pg_am m on m.oid = c.relam
			where m.amname = 'gin' and c.relnamespace = $1::regnamespace`, quote(a.names.Schema))
		return err
	})
}

// isCode reports whether err is an error of PostgreSQL with one of the codes.
func isCode(err error, codes ...string) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	for _, c := range codes {
		if pg.Code == c {
			return true
		}
	}
	return false
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
