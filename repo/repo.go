// Package repo keeps customers, contracts, events and collaborators in PostgreSQL.
//
// PostgreSQL is the guard: every statement travels with the caller's token in one round trip, and the
// policies of schema.sql decide. This package asks, reads the answer and turns refusals into
// a few sentinel errors; it decides nothing about permission.
package repo

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Vault seals and opens the personal columns, and finds what is sealed; column is "customer.email" and the like.
type Vault interface {
	Seal(column, plaintext string) (sealed []byte, tokens []int32, err error) // tokens are what the text is found by
	Open(column string, sealed []byte) (string, error)
	// Needle is what a search asks for: texts that match have all tokens of at least one set. Exact finds whole addresses,
	// starts the words that begin so, anywhere all that may match.
	Needle(text string) (exact, starts, anywhere [][]int32)
	Score(needle string, fields ...string) int // how well opened texts match; 0 is not at all
	Readings(needle string) [][]string         // the ways to read a needle: a record that matches has all words of one

	PlainTokens(text string) []int32   // of text that is not sealed
	PlainNeedle(text string) [][]int32 // the sets of tokens that a search in such text asks for
	// Generation changes with the keys: what was searched meanwhile is to be searched again.
	Generation() int
}

// DB is the database as one caller sees it. It is cheap to copy; see [DB.As].
type DB struct {
	pool    *pgxpool.Pool
	tx      pgx.Tx // of an atomic script, nil otherwise
	token   func() (string, error)
	clock   time.Time // of a seeding session, zero otherwise
	vault   Vault
	link    *link
	meeting *meeting
	quiet   bool          // see Quiet
	used    *atomic.Int64 // when the session was last said to be in use, Unix seconds; nil for nobody's
}

// A Config says where the database is.
type Config struct {
	URL            string        // libpq URL or keywords of the app role
	Schema         string        // where crm's tables are
	ConnectTimeout time.Duration // of one attempt
	Vault          Vault
	Newer          func() // called once when the database is of a newer crm that still serves this one; may be nil
	Away           func() // told once when a database that was there cannot be reached any more; may be nil
}

// Open prepares a pool without connecting: a database that is away is said by the first statement.
func Open(c Config) (*DB, error) {
	conf, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, fmt.Errorf("database.url cannot be read: want postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	conf.MaxConns, conf.MinConns = 4, 0
	conf.MaxConnIdleTime = 5 * time.Minute
	conf.ConnConfig.ConnectTimeout = c.ConnectTimeout
	conf.ConnConfig.RuntimeParams["application_name"] = "crm"
	conf.ConnConfig.RuntimeParams["search_path"] = pgx.Identifier{c.Schema}.Sanitize()
	conf.ConnConfig.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler { return cancelOnServer(c) }
	pool, err := pgxpool.NewWithConfig(context.Background(), conf)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrInternal, err)
	}
	return &DB{pool: pool, vault: c.Vault, link: &link{tell: c.Away}, meeting: &meeting{newer: c.Newer, schema: c.Schema}}, nil
}

// As is the same database with the statements of whoever token speaks for; nil for nobody.
func (db *DB) As(token func() (string, error)) *DB {
	as := *db
	as.token, as.used = token, nil
	if token != nil {
		as.used = new(atomic.Int64)
		as.used.Store(time.Now().Unix())
	}
	return &as
}

// Quiet is the same database for work that nobody waits for: it does not tell that the database is away, and
// does not wait for it.
func (db *DB) Quiet() *DB {
	quiet := *db
	quiet.quiet = true
	return &quiet
}

// At is the same database with records stamped with moment instead of now. PostgreSQL heeds it
// in a seeding session only, see [Admin.OpenSeedingSession].
func (db *DB) At(moment time.Time) *DB {
	at := *db
	at.clock = moment
	return &at
}

// Close ends all connections.
func (db *DB) Close() { db.pool.Close() }

// Server tells people where the database is: host, port, database and whether the way is encrypted.
func (db *DB) Server() string {
	c := db.pool.Config().ConnConfig
	if len(c.Host) > 0 && c.Host[0] == '/' {
		return fmt.Sprintf("%s on this machine", c.Database)
	}
	way := "TLS"
	if c.TLSConfig == nil {
		way = "no TLS"
	}
	return fmt.Sprintf("%s at %s:%d, %s", c.Database, c.Host, c.Port, way)
}

// Atomic begins a transaction that all statements of the returned DB share. Nothing of it
// lasts unless commit is called; rollback after commit does nothing.
func (db *DB) Atomic(ctx context.Context) (atomic *DB, commit, rollback func(context.Context) error, err error) {
	tx, err := db.pool.Begin(ctx)
	if err != nil {
		return nil, nil, nil, translate(err)
	}
	as := *db
	as.tx = tx
	end := func(how func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error { return translate(how(ctx)) }
	}
	return &as, end(tx.Commit), end(tx.Rollback), nil
}

// outside is the same caller outside of an atomic script's transaction.
func (db *DB) outside() *DB {
	as := *db
	as.tx = nil
	return &as
}

// A step is one statement of a batch and what to do with its rows.
type step struct {
	query squirrel.Sqlizer
	read  func(pgx.Rows) error // nil: the rows do not matter
}

// run sends the caller's token and the steps in one round trip and one transaction: all of them or none.
// The identity lasts exactly that transaction (set_config … true), also behind a transaction pooler.
func (db *DB) run(ctx context.Context, steps ...step) error { return db.exchange(ctx, true, steps) }

// ask is run for steps that change nothing: they may be sent again.
func (db *DB) ask(ctx context.Context, steps ...step) error { return db.exchange(ctx, false, steps) }

func (db *DB) exchange(ctx context.Context, writes bool, steps []step) error {
	token := ""
	if db.token != nil {
		var err error
		if token, err = db.token(); err != nil {
			return fmt.Errorf("%w: %w", ErrSignedOut, err)
		}
	}
	queries := make([]string, len(steps))
	arguments := make([][]any, len(steps))
	for i, s := range steps {
		var err error
		if queries[i], arguments[i], err = s.query.ToSql(); err != nil {
			return fmt.Errorf("%w: %v", ErrInternal, err)
		}
	}
	now := time.Now().Unix()
	idle := db.used != nil && now-db.used.Load() > touchEvery
	err := db.send(ctx, writes, func() *pgx.Batch {
		batch := &pgx.Batch{}
		db.meeting.begin(batch)
		batch.Queue("select set_config('crm.token', $1, true)", token)
		if idle {
			batch.Queue("select touch()")
		}
		if !db.clock.IsZero() {
			batch.Queue("select set_config('crm.clock', $1, true)", db.clock.Format(time.RFC3339Nano))
		}
		for i, s := range steps {
			queued := batch.Queue(queries[i], arguments[i]...)
			if s.read != nil {
				queued.Query(s.read)
			}
		}
		return batch
	})
	if idle && err == nil {
		db.used.Store(now)
	}
	return db.meeting.explain(ctx, db.pool, err)
}

// touchEvery is how often, in seconds, the database is told that a session is in use.
const touchEvery = 60
