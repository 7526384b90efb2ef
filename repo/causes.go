package repo

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// This file explains why the database cannot serve a request, by SQLSTATE (PostgreSQL manual, appendix A) or by the
// network's error, and names the remedy. All these errors are ErrUnavailable.

// A cause is a state of the server in which it refuses a connection or a statement.
type cause struct {
	text   string
	passes bool // the state ends by itself: retry
}

// causes are the states of a server by SQLSTATE, or by the two characters of its class.
var causes = map[string]cause{
	"53":    {"the database's server lacks something that it needs: see its log", false},
	"53100": {"the disk of the database's server is full: free some space there", false},
	"53200": {"the database's server is out of memory: see its log", false},
	"53300": {"the database takes no more connections: wait, close others, or raise max_connections", true},
	"53400": {"the database has reached a limit of its settings: see the server's log", false},
	"25006": {
		"the database takes no changes: it is a replica, or default_transaction_read_only is set; point database.url " +
			"to the primary", false,
	},
	"57P01": {"the database's server is shutting down, or an administrator ended the connection", true},
	"57P02": {"the database's server has crashed and recovers", true},
	"57P03": {"the database's server is starting or shutting down", true},
	"57P04": {"the database was dropped: restore it, or run crm init", false},
	"57P05": {"the connection idled for longer than the server allows", true},
	"58":    {"the database's server cannot read or write its files: see its log", false},
	"XX":    {"the database's server reports damaged data or a defect: see its log before anything else", false},
	"08":    {"the connection to the database was lost", true},
}

func causeOf(code string) (cause, bool) {
	c, ok := causes[code]
	if !ok && len(code) == 5 {
		c, ok = causes[code[:2]]
	}
	return c, ok
}

// refused returns the error of a statement or connection that was refused for the cause.
func (c cause) refused() error {
	if c.passes {
		return lost{said{c.text, ErrUnavailable}}
	}
	return say(ErrUnavailable, "%s", c.text)
}

// isClass reports whether a code begins with one of the prefixes.
func isClass(code string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(code, p) })
}

// unreachable returns the text for a failed connection. key is the config key that sets the address.
func unreachable(err *pgconn.ConnectError, key string) error {
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.As(err, &pg):
		return turnedAway(pg, err.Config, key)
	}
	if text := distrusted(err); text != "" {
		return say(ErrUnavailable, "%s", text)
	}
	return lost{said{unanswered(err, key), ErrUnavailable}}
}

// turnedAway returns the text for a server that refuses the connection.
func turnedAway(pg *pgconn.PgError, conf *pgconn.Config, key string) error {
	switch {
	case pg.Code == "28P01":
		return say(ErrUnavailable, "wrong password of the database's account %s: see %s", conf.User, key)
	case pg.Code == "28000":
		return say(ErrUnavailable,
			"the database refuses the account %s: does the role exist, may it log in, does pg_hba.conf admit "+
				"it; see %s", conf.User, key)
	case pg.Code == "42501":
		return say(ErrUnavailable, "the account %s may not connect to the database %s: run crm init, or grant connect",
			conf.User, conf.Database)
	case pg.Code == "3D000":
		return say(ErrUnavailable, "there is no database %s: run crm init, or see %s", conf.Database, key)
	case isClass(pg.Code, "22023", "42704", "0A000", "08P01") && sentParameters(conf) != "":
		return say(ErrUnavailable,
			"the server at %s refuses a parameter of %s: take out %s, or have the pooler ignore it", conf.Host, key,
			sentParameters(conf))
	case isClass(pg.Code, "22023", "42704", "0A000"), pg.Code == "08P01" && strings.Contains(pg.Message, "parameter"):
		return say(ErrUnavailable, "the server refuses a parameter of the connection (%s): remove it from %s",
			plainLine(pg.Message), key)
	case pg.Code == "08P01":
		return say(ErrUnavailable,
			"the server does not understand the connection (%s): is it PostgreSQL, and is %s right",
			plainLine(pg.Message), key)
	}
	if c, ok := causeOf(pg.Code); ok {
		return c.refused()
	}
	return lost{said{fmt.Sprintf("the database does not take connections now (%s)", pg.Code), ErrUnavailable}}
}

// sentParameters returns the names of the parameters in a connection string that not every server and pooler accepts.
func sentParameters(c *pgconn.Config) string {
	var names []string
	for name := range c.RuntimeParams {
		if name != "application_name" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// plainLine returns a server's message as one short line of printable characters.
func plainLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > 100 {
		return string(runes[:100]) + "…"
	}
	return text
}

// distrusted returns the text for a TLS connection that either side refuses; empty for other errors.
func distrusted(err *pgconn.ConnectError) string {
	var verification *tls.CertificateVerificationError
	var alert tls.AlertError
	switch host := err.Config.Host; {
	case errors.As(err, &verification):
		return fmt.Sprintf(
			"the certificate of the database at %s is not trusted: see database.sslmode and database.sslrootcert", host)
	case errors.As(err, &alert):
		return fmt.Sprintf(
			"the database at %s refuses the TLS connection (%s): see database.sslcert and database.sslkey", host,
			alert.Error())
	}
	return ""
}

// unanswered returns the text for a server that could not be reached.
func unanswered(err *pgconn.ConnectError, key string) string {
	at := fmt.Sprintf("%s:%d", err.Config.Host, err.Config.Port)
	if isSocket(err.Config.Host) {
		at = "the socket in " + err.Config.Host
	}
	var dns *net.DNSError
	var record tls.RecordHeaderError
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("the database's host %s is unknown to the name service: is %s right, and is there a network",
			err.Config.Host, key)
	case is(syscall.ECONNREFUSED), isSocket(err.Config.Host) && is(fs.ErrNotExist):
		return fmt.Sprintf("no database listens at %s: is it running, and is %s right", at, key)
	case is(syscall.EHOSTUNREACH), is(syscall.ENETUNREACH):
		return fmt.Sprintf("there is no route to the database at %s: is there a network, and is %s right", at, key)
	case isSocket(err.Config.Host) && is(fs.ErrPermission):
		return fmt.Sprintf("%s may not be opened by you: see unix_socket_permissions of the server, and %s", at, key)
	case is(context.DeadlineExceeded), pgconn.Timeout(err):
		return fmt.Sprintf("the database at %s did not answer in time: is it running, and does a firewall let the "+
			"connection pass; see database.connect_timeout", at)
	case errors.As(err, &record):
		return fmt.Sprintf("%s does not answer like a PostgreSQL server with TLS: is %s right", at, key)
	case demandsTLS(err.Config) && !is(io.ErrUnexpectedEOF):
		return fmt.Sprintf(
			"the database at %s cannot be reached: is it running, does it offer the TLS that database.sslmode "+
				"wants, and is %s right", err.Config.Host, key)
	}
	return fmt.Sprintf("the database at %s cannot be reached: is it running, is it PostgreSQL, and is %s right",
		err.Config.Host, key)
}

func isSocket(host string) bool { return strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") }

// demandsTLS reports whether every way to connect uses TLS.
func demandsTLS(c *pgconn.Config) bool {
	return c.TLSConfig != nil && !slices.ContainsFunc(c.Fallbacks,
		func(f *pgconn.FallbackConfig) bool { return f.TLSConfig == nil })
}
