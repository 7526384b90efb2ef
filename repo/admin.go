package repo

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Names are what the company calls its database, schema and roles.
type Names struct {
	Database, Schema string
	Owner, App       string
}

// SchemaVersion is the version of schema.sql that this program works with.
const SchemaVersion = "1"

// An Admin does what only an administrator's account may: create, and fill with fictional data.
type Admin struct {
	url   string // of the administrator, for any database
	names Names
}

// NewAdmin takes the connection string of a role that may create databases and roles.
func NewAdmin(url string, n Names) *Admin { return &Admin{url, n} }

// connect opens one connection to a database; empty is the one of the connection string.
func (a *Admin) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	conf, err := pgx.ParseConfig(a.url)
	if err != nil {
		return nil, fmt.Errorf("database.admin_url cannot be read: want postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	if database != "" {
		conf.Database = database
	}
	conn, err := pgx.ConnectConfig(ctx, conf)
	return conn, translate(err)
}

// Setup creates the roles, the database and the schema where they are missing, and says
// what it made; nothing means that all was there. The app role's password is sent as a SCRAM verifier, so
// that no log of the server holds it; empty leaves the role without one.
func (a *Admin) Setup(ctx context.Context, schemaSQL, appPassword string) (made []string, err error) {
	conn, err := a.connect(ctx, "")
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	roles, err := a.createRoles(ctx, conn, appPassword)
	if err != nil {
		return made, translate(err)
	}
	made = append(made, roles...)
	created, err := a.createDatabase(ctx, conn)
	if err != nil {
		return made, translate(err)
	}
	if created {
		made = append(made, "database "+a.names.Database)
	}
	created, err = a.createSchema(ctx, schemaSQL)
	if created {
		made = append(made, "schema "+a.names.Schema)
	}
	return made, err
}

func (a *Admin) createRoles(ctx context.Context, conn *pgx.Conn, appPassword string) (made []string, err error) {
	owner, app := quote(a.names.Owner), quote(a.names.App)
	for _, r := range []struct{ name, sql string }{
		{a.names.Owner, "create role " + owner + " nologin noinherit"},
		{a.names.App, "create role " + app + " login nosuperuser nocreatedb nocreaterole noinherit nobypassrls"},
	} {
		var there bool
		if err := conn.QueryRow(ctx, "select exists (select from pg_roles where rolname = $1)", r.name).Scan(&there); err != nil {
			return made, err
		}
		if there {
			continue
		}
		if _, err := conn.Exec(ctx, r.sql); err != nil && !isCode(err, "42710", "23505") {
			return made, err
		}
		made = append(made, "role "+r.name)
		if r.name == a.names.App && appPassword != "" {
			verifier, err := scramVerifier(appPassword)
			if err != nil {
				return made, err
			}
			if _, err := conn.Exec(ctx, "alter role "+app+" password '"+verifier+"'"); err != nil {
				return made, err
			}
		}
	}
	if _, err = conn.Exec(ctx, "grant "+owner+" to current_user"); isCode(err, "0LP01", "42501") {
		err = nil // a superuser needs no grant, and PostgreSQL 16 refuses one's own
	}
	return made, err
}

func (a *Admin) createDatabase(ctx context.Context, conn *pgx.Conn) (created bool, err error) {
	database := quote(a.names.Database)
	var there bool
	err = conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", a.names.Database).Scan(&there)
	if err != nil || there {
		return false, err
	}
	sql := "create database " + database + " owner " + quote(a.names.Owner) + " encoding 'UTF8' template template0"
	if _, err := conn.Exec(ctx, sql); err != nil {
		if isCode(err, "42P04", "23505") {
			return false, nil // somebody else has just made it
		}
		return false, err
	}
	_, err = conn.Exec(ctx, "revoke all on database "+database+" from public; grant connect on database "+database+" to "+quote(a.names.App))
	return true, err
}

// createSchema runs schema.sql in one transaction, unless the schema is there; then its version must be ours.
func (a *Admin) createSchema(ctx context.Context, schemaSQL string) (created bool, err error) {
	conn, err := a.connect(ctx, a.names.Database)
	if err != nil {
		return false, err
	}
	defer conn.Close(ctx)
	if there, err := a.checkVersion(ctx, conn); there || err != nil {
		return false, err
	}
	sql := strings.NewReplacer(`:"schema"`, quote(a.names.Schema), `:"owner"`, quote(a.names.Owner), `:"app"`, quote(a.names.App)).Replace(schemaSQL)
	tx, err := conn.Begin(ctx)
	if err != nil {
		return false, translate(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, "revoke create on schema public from public"); err != nil {
		return false, translate(err)
	}
	if _, err := tx.Exec(ctx, sql); err != nil {
		if isCode(err, "42P06") {
			return false, nil // somebody else has just made it
		}
		return false, fmt.Errorf("%w: schema.sql: %w", ErrInternal, err)
	}
	// Behind a transaction pooler the connection's own search_path may not arrive: the role brings it along.
	path := "alter role " + quote(a.names.App) + " in database " + quote(a.names.Database) + " set search_path = " + quote(a.names.Schema)
	if _, err := tx.Exec(ctx, "reset role; "+path); err != nil {
		return false, translate(err)
	}
	return true, translate(tx.Commit(ctx))
}

func (a *Admin) checkVersion(ctx context.Context, conn *pgx.Conn) (there bool, err error) {
	err = conn.QueryRow(ctx, "select exists (select from pg_namespace where nspname = $1)", a.names.Schema).Scan(&there)
	if err != nil || !there {
		return there, translate(err)
	}
	var version string
	err = conn.QueryRow(ctx, "select value from "+quote(a.names.Schema)+".setting where name = 'schema_version'").Scan(&version)
	if err != nil {
		return true, say(ErrConflict, "the schema %s is there and is not crm's: choose another database.schema", a.names.Schema)
	}
	if version != SchemaVersion {
		return true, say(ErrConflict, "the schema %s has version %s, this crm works with version %s", a.names.Schema, version, SchemaVersion)
	}
	return true, nil
}

// asOwner runs do in a transaction as the owner role.
func (a *Admin) asOwner(ctx context.Context, do func(pgx.Tx) error) error {
	conn, err := a.connect(ctx, a.names.Database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	tx, err := conn.Begin(ctx)
	if err != nil {
		return translate(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, "set local role "+quote(a.names.Owner)+"; set local search_path = "+quote(a.names.Schema)); err != nil {
		return translate(err)
	}
	if err := do(tx); err != nil {
		return translate(err)
	}
	return translate(tx.Commit(ctx))
}

// HasRole reports whether a live collaborator has the role.
func (a *Admin) HasRole(ctx context.Context, role string) (there bool, err error) {
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select exists (select from collaborator where role = $1 and deleted_at is null)", role).Scan(&there)
	})
	return there, err
}

// AddUser adds a collaborator without asking the guard: the first administrator, and seeded accounts, which
// are fictional. p may be nil: nobody can sign in then.
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
		_, err = tx.Exec(ctx, "insert into credential values ($1, $2, $3, $4, $5, $6)", id, p.MemoryKiB, p.Iterations, p.Parallelism, p.Salt, p.KeyHash)
		return err
	})
	return id, err
}

// SetSessionLifetime says how long a sign-in may last at most; it reports whether that was news.
func (a *Admin) SetSessionLifetime(ctx context.Context, lifetime string) (changed bool, err error) {
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update setting set value = $1::interval::text
			where name = 'session_lifetime' and value::interval <> $1::interval`, lifetime)
		changed = tag.RowsAffected() > 0
		return err
	})
	return changed, err
}

// OpenSeedingSession is a session of a collaborator whose records are marked as fictional.
func (a *Admin) OpenSeedingSession(ctx context.Context, userID int64) (o Opening, err error) {
	o.UserID = userID
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select session_id, session_key, ends, clock_timestamp() from open_seeding_session($1)", userID).
			Scan(&o.SessionID, &o.Key, &o.Ends, &o.ServerTime)
	})
	return o, err
}

// isCode reports whether err is PostgreSQL's, with one of the codes.
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

// scramVerifier is what PostgreSQL keeps of a password (RFC 5803; PostgreSQL manual, 53.3 pg_authid).
func scramVerifier(password string) (string, error) {
	const iterations = 4096
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", err
	}
	sum := func(key []byte, text string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	stored := sha256.Sum256(sum(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, b64(salt), b64(stored[:]), b64(sum(salted, "Server Key"))), nil
}

// HasSchema reports whether the database and crm's schema in it are there.
func (a *Admin) HasSchema(ctx context.Context) (there bool, err error) {
	conn, err := a.connect(ctx, "")
	if err != nil {
		return false, err
	}
	err = conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", a.names.Database).Scan(&there)
	_ = conn.Close(ctx)
	if err != nil || !there {
		return false, translate(err)
	}
	if conn, err = a.connect(ctx, a.names.Database); err != nil {
		return false, err
	}
	defer conn.Close(ctx)
	return a.checkVersion(ctx, conn)
}

// Alone keeps other administrators out while do runs.
func (a *Admin) Alone(ctx context.Context, do func() error) error {
	conn, err := a.connect(ctx, "")
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "select pg_advisory_lock(hashtext('crm administration'))"); err != nil {
		return translate(err)
	}
	return do()
}

// DropDatabase throws the database away with everything in it.
func (a *Admin) DropDatabase(ctx context.Context) error {
	conn, err := a.connect(ctx, "")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "drop database if exists "+quote(a.names.Database)+" with (force)")
	return translate(err)
}

// Noted reports whether the name was noted with Note.
func (a *Admin) Noted(ctx context.Context, name string) (noted bool, err error) {
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select exists (select from setting where name = $1)", name).Scan(&noted)
	})
	return noted, err
}

// Note remembers that something was done.
func (a *Admin) Note(ctx context.Context, name string) error {
	return a.asOwner(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "insert into setting values ($1, 'done') on conflict do nothing", name)
		return err
	})
}
