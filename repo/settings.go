package repo

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// This file fixes the settings of the program's statements. Settings of a role or a database have no effect, and
// neither have settings that another client has left on a connection of a pooler.

// A setting is a parameter of the server and its value.
type setting struct{ name, value string }

// fixed returns the settings of every statement. They override "alter role … set" and the settings of other users of a
// shared connection.
func fixed(schema string) []setting {
	return []setting{
		{"search_path", "pg_catalog, " + quote(schema) + ", pg_temp"}, // temporary objects do not hide crm's
		{"default_transaction_isolation", "read committed"},           // other snapshots outlive a revocation
		{"synchronous_commit", "on"},                                  // acknowledged commits are durable
		{"row_security", "on"},                                        // off raises an error where a policy applies
		{"gin_fuzzy_search_limit", "0"},                               // other values drop rows of searches at random
		{"exit_on_error", "off"},                                      // on closes the connection at an error
		{"client_encoding", "UTF8"},
		{"timezone", "UTC"}, // for current_date and the trail's timestamps
		{"bytea_output", "hex"},
		{"datestyle", "ISO"},
		{"intervalstyle", "postgres"},
		{"extra_float_digits", "1"},
		{"log_parameter_max_length_on_error", "0"},
		{"crm.clock", ""}, // no other current time
		{"crm.undoes", ""},
		{"crm.batch", ""},
		{"crm.request", ""},
		{"crm.kept", ""}, // another value could keep a request from being stored
	}
}

// splitSettings returns the names and the values of settings as the parameters of applySettings.
func splitSettings(settings []setting) (names, values []string) {
	for _, s := range settings {
		names, values = append(names, s.name), append(values, s.value)
	}
	return names, values
}

// serverClock is SQL for the database's time in microseconds since 1970. A number does not depend on the DateStyle of a
// shared connection.
const serverClock = `(extract(epoch from pg_catalog.clock_timestamp()) operator(pg_catalog.*) 1000000)::pg_catalog.int8`

// applyIdentity returns the statement that sets the token $2 and the request $3 until the transaction ends, and returns
// the row that readFirst reads. It fails if the schema does not serve a program of version $1.
func applyIdentity(schema string) string {
	return `select ` + serverClock + `, pg_catalog.current_setting('transaction_isolation'), ` + quote(schema) +
		`.schema_version($1),
		pg_catalog.set_config('crm.token', $2, true), pg_catalog.set_config('crm.request', $3, true)`
}

// applySettings returns the statement that sets parameters $2 to values $3 until the transaction ends. Otherwise it is
// the same as applyIdentity. The server parses it before the settings apply, so every name in it is qualified.
func applySettings(schema string) string {
	return `select ` + serverClock + `, pg_catalog.current_setting('transaction_isolation'),
			(select ` + quote(schema) + `.schema_version($1)), pg_catalog.set_config(name, value, true)
		from rows from (pg_catalog.unnest($2::pg_catalog.text[]), pg_catalog.unnest($3::pg_catalog.text[]))
			s (name, value)`
}

// readFirst reads the result of a batch's first statement: the database's time and the schema's version, which it
// passes to hear and meet, and the isolation level, which cannot be changed during a transaction. At any level but read
// committed the database treats callers as signed out; the error names the setting.
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

// claimSession sets parameters $1 to values $2 for the session and returns one row each, if the server process is $3.
// Otherwise it does nothing and returns no row.
const claimSession = `select pg_catalog.set_config(name, value, false)
	from rows from (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) s (name, value)
	where pg_catalog.pg_backend_pid() operator(pg_catalog.=) $3::pg_catalog.int4`

// claim fixes the settings for the session if the server process behind conn serves this client only, and reports
// whether it does. A server announces the process ID that pg_backend_pid() returns; a pooler announces a number of its
// own (PostgreSQL manual, 55.2.1 Start-up). claim takes one round trip and prepares nothing.
func claim(ctx context.Context, conn *pgx.Conn, settings []setting) (own bool, err error) {
	names, values := splitSettings(settings)
	rows, err := conn.Query(ctx, claimSession, pgx.QueryExecModeExec, names, values, int32(conn.PgConn().PID()))
	if err != nil {
		return false, err
	}
	defer rows.Close()
	own = rows.Next()
	rows.Close()
	return own, rows.Err()
}

// sharedKey is the key in a connection's custom data that marks it as possibly shared with other clients.
const sharedKey = "crm.shared"

// isShared reports whether other clients may use the same server process between two transactions. On such a connection
// no statement is prepared by name, and every batch sets the fixed settings.
func isShared(conn *pgx.Conn) bool {
	_, shared := conn.PgConn().CustomData()[sharedKey]
	return shared
}

// errOtherMode is the error of a connection that was opened in the mode for the other kind of server. The next
// connection has the right mode.
var errOtherMode = errors.New("the connection is shared")
