// Package embedded starts and shares a private PostgreSQL server: the demo, the company's own
// local server and every test run on one.
//
// A server belongs to a directory. Whoever calls [Start] on that directory first creates and starts
// it, whoever comes later joins it, and the last to leave stops it, in one process or in many. It is
// reached through a Unix socket in a directory which only its user may enter; it never listens on
// the network, and that directory is what stands in for passwords.
//
// Three lock files keep the processes apart:
//
//	start.lock   exclusive, while somebody creates, starts or stops the server
//	users.lock   shared, by each user for as long as it stays
//	server.lock  exclusive, by the server's own processes: free means that none of them is left
package embedded

import (
	"errors"
	"net/url"
	"strings"
)

// ErrInUse says that [Remove] found somebody on the server.
var ErrInUse = errors.New("the private server is in use")

// oldest is the first major version of PostgreSQL that is good enough.
const oldest = 14

// superuser is the role that owns a private server.
const superuser = "postgres"

// Config says where the private server lives and which programs run it.
type Config struct {
	Dir      string // data directory's parent, private (0700); holds data/, log, locks
	BinDir   string // PostgreSQL's programs (initdb, postgres); empty means search
	CacheDir string // where downloaded programs are kept; empty means the user's cache
	Fast     bool   // data may be lost on a power cut: fsync=off, initdb --no-sync
}

// URL is the connection string of database for the role user; an empty user is the superuser. It
// names the directory of the server's socket, so it works for as long as the server runs.
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

// Started tells whether this call of [Start] made the data directory: nothing is in it yet.
func (s *Server) Started() bool { return s.created }
