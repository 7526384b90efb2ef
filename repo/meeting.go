package repo

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// This file compares the version of the program with that of the schema. The first statement of every batch calls
// schema_version() of schema.sql, which fails for a program that the schema does not serve: the rest of the batch is
// not executed.

// SchemaVersion is the version of schema.sql that this program works with.
const SchemaVersion = 6

// FirstVersion is the first released version. A database of it or a later one can be upgraded.
const FirstVersion = 3

// A meeting is the known state of the schema's version. All copies of a DB share it.
type meeting struct {
	schema string
	newer  func() // may be nil
	told   atomic.Bool
	own    string // the first statement of a batch, on a connection of the program's own
	shared string // the same on a shared one
}

// errNoSchema is the error for a database without crm's schema or with an older schema: a function or table does not
// exist.
var errNoSchema = say(ErrUnavailable, "the database does not hold crm's schema: run crm init")

func newMeeting(schema string, newer func()) *meeting {
	return &meeting{schema: schema, newer: newer, own: applyIdentity(schema), shared: applySettings(schema)}
}

// met handles the schema's version in an answer: for a newer schema it calls newer, once.
func (m *meeting) met(version int32) {
	if version > SchemaVersion && m.newer != nil && !m.told.Swap(true) {
		m.newer()
	}
}

// explain returns the error for a database without schema_version(): an older schema, or none.
func (m *meeting) explain(ctx context.Context, pool *pgxpool.Pool, err error) error {
	if !errors.Is(err, errNoSchema) {
		return err
	}
	var there bool
	name := pgx.Identifier{m.schema, "setting"}.Sanitize()
	if pool.QueryRow(ctx, "select to_regclass($1) is not null", name).Scan(&there) != nil || !there {
		return err
	}
	return say(ErrUnavailable, "the database is of schema version %d or older and this crm of %d: run crm upgrade",
		FirstVersion, SchemaVersion)
}

// unserved returns the error for a schema that does not serve this program; detail is "VERSION RELEASE".
func unserved(detail string) error {
	version, release, _ := strings.Cut(detail, " ")
	number, _ := strconv.Atoi(version)
	return versionError(number, release)
}

// versionError returns the error for a schema of another version than this program's; nil for the same. release is the
// crm version of the schema, empty if unknown.
func versionError(schema int, release string) error {
	switch {
	case schema < SchemaVersion:
		return say(ErrUnavailable, "the database is of schema version %d and this crm of %d: run crm upgrade", schema,
			SchemaVersion)
	case schema > SchemaVersion && release == "":
		return say(ErrUnavailable, "the database is of schema version %d and this crm of %d: install a newer crm",
			schema, SchemaVersion)
	case schema > SchemaVersion:
		return say(ErrUnavailable, "the database is of schema version %d and this crm of %d: install crm %s or newer",
			schema, SchemaVersion, release)
	}
	return nil
}
