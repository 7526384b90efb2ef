package repo

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// This file fixes the settings that the program's statements run under. A role's or a database's own settings do not
// count, nor does what another client has left on a connection that a pooler shares.

// A setting is a parameter of the server and its value.
type setting struct{ name, value string }

// fixed returns the settings of every statement, whatever "alter role … set" or another user of a shared connection has
// set.
func fixed(schema string) []setting {
	return []setting{
		{"search_path", "pg_catalog, " + quote(schema) + ", pg_temp"}, // nothing temporary hides what is crm's
		{"default_transaction_isolation", "read committed"},           // other snapshots outlive a revocation
		{"synchronous_commit", "on"},                                  // what is acknowledged lasts
		{"row_security", "on"},                                        // off turns policies into errors
		{"gin_fuzzy_search_limit", "0"},                               // others make searches miss rows at random
		{"exit_on_error", "off"},                                      // on ends the connection at a refusal
		{"client_encoding", "UTF8"},
		{"timezone", "UTC"}, // of current_date, and of moments on the trail
		{"bytea_output", "hex"},
		{"datestyle", "ISO"},
		{"intervalstyle", "postgres"},
		{"extra_float_digits", "1"},
		{"log_parameter_max_length_on_error", "0"},
		{"crm.clock", ""}, // nothing claims another time
		{"crm.undoes", ""},
		{"crm.batch", ""},
		{"crm.request", ""},
	}
}

// apart returns the names and the values of settings, as applySettings wants them.
func apart(settings []setting) (names, values []string) {
	for _, s := range settings {
		names, values = append(names, s.name), append(values, s.value)
	}
	return names, values
}

// serverClock is the database's time in microseconds since 1970: a number, whatever the DateStyle of a shared
// connection.
const serverClock = `(extract(epoch from pg_catalog.clock_timestamp()) operator(pg_catalog.*) 1000000)::pg_catalog.int8`

// applyIdentity returns the statement that sets the token $2 and the request $3 until the transaction ends, and returns
// what readFirst reads. It fails if the schema does not serve a program of version $1.
func applyIdentity(schema string) string {
	return `select ` + serverClock + `, pg_catalog.current_setting('transaction_isolation'), ` + quote(schema) +
		`.schema_version($1),
		pg_catalog.set_config('crm.token', $2, true), pg_catalog.set_config('crm.request', $3, true)`
}

// applySettings returns the statement that sets parameters $2 to values $3 until the transaction ends; otherwise it is
// applyIdentity's. It is parsed before they hold, so every name in it is qualified.
func applySettings(schema string) string {
	return `select ` + serverClock + `, pg_catalog.current_setting('transaction_isolation'),
			(select ` + quote(schema) + `.schema_version($1)), pg_catalog.set_config(name, value, true)
		from rows from (pg_catalog.unnest($2::pg_catalog.text[]), pg_catalog.unnest($3::pg_catalog.text[]))
			s (name, value)`
}

// readFirst reads the answer of a batch's first statement: the database's time and the schema's version, which hear and
// meet are called with, and the isolation level, which a transaction under way keeps. The database takes callers for
// signed out at any level but read committed; the error names the setting.
func readFirst(rows pgx.Rows, hear func(time.Time) bool, meet func(version int32)) (moved bool, err error) {
	defer rows.Close()
	if rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return false, err
		}
		if microseconds, ok := values[0].(int64); ok {
			moved = hear(time.UnixMicro(microseconds))
		}
		if version, ok := values[2].(int32); ok {
			meet(version)
		}
		if level, _ := values[1].(string); level != "read committed" {
			return moved, say(ErrUnavailable,
				"default_transaction_isolation is %s on a connection of the pooler: see docs/deployment.md, PgBouncer",
				level)
		}
	}
	rows.Close()
	return moved, rows.Err()
}

// claimSession sets parameters $1 to values $2 for the session and returns one row each, if the server process is $3;
// otherwise it does nothing and returns no row.
const claimSession = `select pg_catalog.set_config(name, value, false)
	from rows from (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) s (name, value)
	where pg_catalog.pg_backend_pid() operator(pg_catalog.=) $3::pg_catalog.int4`

// claim fixes the settings for the session, if the server process behind conn is the client's own, and reports whether
// it is. A server announces the process ID that pg_backend_pid() returns; a pooler announces a number of its own
// (PostgreSQL manual, 55.2.1 Start-up). It costs one round trip and prepares nothing.
func claim(ctx context.Context, conn *pgx.Conn, settings []setting) (own bool, err error) {
	names, values := apart(settings)
	rows, err := conn.Query(ctx, claimSession, pgx.QueryExecModeExec, names, values, int32(conn.PgConn().PID()))
	if err != nil {
		return false, err
	}
	defer rows.Close()
	own = rows.Next()
	rows.Close()
	return own, rows.Err()
}

// sharedKey marks a connection that may be shared with other clients, in its custom data.
const sharedKey = "crm.shared"

// isShared reports whether other clients may use the same server process between two transactions: then nothing is
// prepared by name, and every batch fixes its settings.
func isShared(conn *pgx.Conn) bool {
	_, shared := conn.PgConn().CustomData()[sharedKey]
	return shared
}

// errOtherMode is the error of a connection that was opened for the wrong kind of server: the next one will be right.
var errOtherMode = errors.New("the connection is shared")
