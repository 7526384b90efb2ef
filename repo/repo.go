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

	"github.com/jackc/pgx/v5/pgxpool"
)

// A Vault seals and opens the personal columns, and finds what is sealed; column is "customer.email" and the like.
type Vault interface {
	Seal(column, plaintext string) (sealed []byte, tokens []int32, err error) // tokens are what the text is found by
	// Open returns the text of a sealed value. It never fails: Unreadable or SealedWith stands for what cannot be opened.
	Open(column string, sealed []byte) string
	// Needle is what a search asks for: texts that match have all tokens of at least one set. Exact finds whole addresses,
	// starts the words that begin so, anywhere all that may match.
	Needle(text string) (exact, starts, anywhere [][]int32)
	Fold(text string) string                   // without case and accents
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
	tx      *script // an atomic script's transaction, nil otherwise
	fixed   []setting
	token   func() (string, error)
	heard   func() func(server time.Time) (moved bool) // see Timed; may be nil
	clock   time.Time                                  // of a seeding session, zero otherwise
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
	QueryTimeout   time.Duration // of one exchange with the database; 0: none
	Vault          Vault
	Revive         func(ctx context.Context) error // starts the database's server if it does not run; may be nil
	Away           func()                          // called once when a database that was there cannot be reached; may be nil
	Newer          func()                          // called once when the database is of a newer crm that still serves this one; may be nil
}

// Open prepares a pool without connecting: a database that is away is reported by the first statement.
func Open(c Config) (*DB, error) {
	conf, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, fmt.Errorf("database.url cannot be read: want postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	db := &DB{vault: c.Vault, link: &link{tell: c.Away, revive: c.Revive, limit: c.QueryTimeout, clock: systemClock()}, fixed: fixed(c.Schema), meeting: newMeeting(c.Schema, c.Newer)}
	conf.MaxConns, conf.MinConns = 4, 0
	conf.MaxConnIdleTime = 5 * time.Minute
	conf.ConnConfig.RuntimeParams["application_name"] = "crm" // the only parameter that every pooler accepts
	conf.PingTimeout = c.ConnectTimeout
	limit(conf.ConnConfig, c.ConnectTimeout)
	conf.BeforeConnect = db.chooseMode
	conf.AfterConnect = db.settle
	if db.pool, err = pgxpool.NewWithConfig(context.Background(), conf); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrInternal, err)
	}
	return db, nil
}

// As is the same database with the statements of whoever token speaks for; nil for nobody.
func (db *DB) As(token func() (string, error)) *DB {
	as := *db
	as.token, as.used, as.heard = token, nil, nil
	if token != nil {
		as.used = new(atomic.Int64)
		as.used.Store(time.Now().Unix())
	}
	return &as
}

// Timed returns db with a clock of the caller's that follows the database's. heard is called when a batch is sent; what
// it returns is called with the database's time when the answer comes, and reports whether tokens signed before are
// now known to be wrong.
func (db *DB) Timed(heard func() func(server time.Time) (moved bool)) *DB {
	as := *db
	as.heard = heard
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

// Close ends all connections. It does not wait for long on a silent network: the server ends them then.
func (db *DB) Close() {
	closed := make(chan struct{})
	go func() { db.pool.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(cancelLimit):
	}
}

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
