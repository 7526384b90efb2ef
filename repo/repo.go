// Package repo keeps customers, contracts, events and collaborators in PostgreSQL.
//
// PostgreSQL checks permissions: every statement is sent with the caller's token in one round trip, and the policies of
// schema.sql decide. This package sends statements, reads rows and turns refusals into a few sentinel errors. It does
// not decide about permissions.
package repo

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// A Vault seals and opens personal columns, and computes their search tokens. column is a name such as
// "customer.email".
type Vault interface {
	// tokens are the search tokens of the text
	Seal(column, plaintext string) (sealed []byte, tokens []int32, err error)
	// Open returns the text of a sealed value. It never fails: Unreadable or SealedWith is returned for a value that
	// cannot be opened.
	Open(column string, sealed []byte) string
	// Needle returns the sets of tokens of a search: a matching text has all tokens of at least one set. exact finds
	// whole addresses, starts finds words with that beginning, anywhere finds every possible match.
	Needle(text string) (exact, starts, anywhere [][]int32)
	Fold(text string) string                   // without case and accents
	Same(a, b string) bool                     // whether they differ in case, accents and transcribed umlauts only
	Score(needle string, fields ...string) int // how well opened texts match; 0: not at all
	Readings(needle string) [][]string         // a matching record has all words of one reading

	// CompanyKey and PersonKey return the same text for all spellings of a name; CompanyWords returns the words of the
	// former.
	CompanyKey(name string) string
	CompanyWords(name string) []string
	PersonKey(name string) string
	IsTypo(a, b string) bool // of keys

	PlainTokens(text string) []int32   // of text that is not sealed
	PlainNeedle(text string) [][]int32 // the sets of tokens that a search in such text asks for
	// Generation changes when the keys change: then a running search must be repeated.
	Generation() int
}

// DB is the database as seen by one caller. Copies are cheap; see [DB.As].
type DB struct {
	pool      *pgxpool.Pool
	tx        *script // the transaction of an atomic script; nil otherwise
	fixed     []setting
	token     func() (string, error)
	heard     func() func(server time.Time) (moved bool) // see Timed; may be nil
	clock     time.Time                                  // the time of a seeding session; zero otherwise
	vault     Vault
	link      *link
	meeting   *meeting
	quiet     bool          // see Quiet
	importing bool          // the changes of many records belong to an import
	used      *atomic.Int64 // when the session's use was last recorded, in Unix seconds; nil: no session

	frequencies frequencies // of words in searches
}

// A Config has the connection parameters.
type Config struct {
	URL            string        // libpq URL or keywords of the app role
	Schema         string        // of crm's tables
	ConnectTimeout time.Duration // for one attempt
	QueryTimeout   time.Duration // for one exchange with the database; 0: none
	Vault          Vault
	Revive         func(ctx context.Context) error // starts the server if it is stopped; may be nil
	// called once when a database becomes unreachable that was reachable before; may be nil
	Away func()
	// called when a statement has waited for a lock of others for more than a second; may be nil
	Blocked func([]Blocker)
	// called once if the schema is of a newer crm that still serves this one; may be nil
	Newer func()
}

// Open creates a pool without connecting. If the database is unreachable, the first statement returns the error.
func Open(c Config) (*DB, error) {
	conf, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, fmt.Errorf("database.url cannot be read: want postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	db := &DB{
		frequencies: usual,
		vault:       c.Vault, link: &link{
			tell: c.Away, revive: c.Revive, blocked: c.Blocked, limit: c.QueryTimeout, clock: systemClock(),
		},
		fixed: fixed(c.Schema), meeting: newMeeting(c.Schema, c.Newer),
	}
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

// As returns a copy of db that authenticates with token; nil means unauthenticated.
func (db *DB) As(token func() (string, error)) *DB {
	as := *db
	as.token, as.used, as.heard = token, nil, nil
	if token != nil {
		as.used = new(atomic.Int64)
		as.used.Store(time.Now().Unix())
	}
	return &as
}

// Timed returns a copy of db with a clock of the caller that follows the database's clock. db calls heard when it sends
// a batch, and calls heard's result with the database's time when the answer arrives. The result reports whether tokens
// that were signed before are now known to be wrong.
func (db *DB) Timed(heard func() func(server time.Time) (moved bool)) *DB {
	as := *db
	as.heard = heard
	return &as
}

// Quiet returns a copy of db for background work. It neither reports that the database is unreachable nor waits for it.
func (db *DB) Quiet() *DB {
	quiet := *db
	quiet.quiet = true
	return &quiet
}

// At returns a copy of db that writes moment as the timestamp of records, instead of the current time. PostgreSQL
// ignores it except in a seeding session; see [Admin.OpenSeedingSession].
func (db *DB) At(moment time.Time) *DB {
	at := *db
	at.clock = moment
	return &at
}

// Close closes all connections. It waits only a short time for a silent network; then the server has to close them.
func (db *DB) Close() {
	closed := make(chan struct{})
	go func() { db.pool.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(cancelLimit):
	}
}

// Server returns the host, port and database, and whether the connection is encrypted, as text for users.
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
