// Package embedded starts and shares a private PostgreSQL server for the demo, the company's own local server and every
// test.
//
// A server belongs to a directory. The first [Start] on a directory creates and starts its server, later calls join it,
// and the last [Server.Close] stops it, in one process or in many. The server listens on a Unix socket in a directory
// that only its user can enter, and never on the network. The directory's mode replaces passwords.
//
// Three lock files keep the processes apart:
//
//	start.lock   exclusive, while a process creates, starts or stops the server
//	users.lock   shared, by each user of the server until it leaves
//	server.lock  exclusive, by the server's own processes: free if none of them is left
package embedded

import (
	"errors"
	"net/url"
	"strings"
)

// ErrInUse is the error of [Remove] for a server that is in use.
var ErrInUse = errors.New("the private server is in use")

// oldest is the first supported major version of PostgreSQL.
const oldest = 14

// superuser is the role that owns a private server.
const superuser = "postgres"

// Config has the location of the private server and of its programs.
type Config struct {
	Dir      string // data directory's parent, private (0700); holds data/, log, locks
	BinDir   string // of PostgreSQL's programs (initdb, postgres); empty: search
	CacheDir string // of downloaded programs; empty: the user's cache
	Fast     bool   // data may be lost on a power cut: fsync=off, initdb --no-sync
}

// URL returns the connection string of database for the role user; an empty user is the superuser. It contains the
// directory of the server's socket, so it is valid as long as the server runs.
func (s *Server) URL(database, user string) string {
	return connString(s.socket, database, user)
}

func connString(socket, database, user string) string {
	if user == "" {
		user = superuser
	}
	query := url.Values{
		"host":                 {socket},
		"port":                 {"5432"},
		"sslmode":              {"disable"},
		"target_session_attrs": {"any"},
	}
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(user),
		Path:     "/" + database,
		RawQuery: strings.ReplaceAll(query.Encode(), "+", "%20"), // clients do not read + as a space
	}
	return u.String()
}

// Started reports whether this call of [Start] created the data directory, which is then empty.
func (s *Server) Started() bool { return s.created }
