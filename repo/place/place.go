// Package place locates crm's data for one run: on the server in the config, or on a private server of this machine,
// which it starts.
package place

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo"
	"crm/repo/embedded"
)

// ErrConfig is wrapped by errors about the config. Their text names the key.
var ErrConfig = errors.New("config")

// A Source is the origin of a config value. A greater one takes precedence.
type Source int

// The sources of values.
const (
	Default Source = iota
	File
	Environment
)

// A Config has the config's values about the database. If a URL and another key set the same parameter, From decides.
type Config struct {
	URL, AdminURL        string // as written; both empty: the private server
	SSLMode, SSLRootCert string
	SSLCert, SSLKey      string // the app role's client certificate
	ConnectTimeout       time.Duration
	Names                repo.Names
	From                 func(key string) Source // where the value of a key comes from; nil: all are defaults
	Dir, BinDir          string                  // of the private server; BinDir may be empty
	Demo                 bool                    // always the private server, with the default names
	Create               bool                    // create the private server if it does not exist
}

// A Place is the location of the data. The caller must Close it.
type Place struct {
	URL      string // of the app role; empty: not decided yet, see [Place.Invent]
	AdminURL string // of an administrator, for any database; may be empty
	Names    repo.Names
	Revive   func(ctx context.Context) error // starts the private server if it has stopped; nil for another server
	close    func() error
	dump     func(ctx context.Context, name string) (file string, err error) // nil: not the private server
}

// Find reads the config and, if it sets no server, starts the private server. Its errors are ErrConfig or
// repo.ErrUnavailable.
func Find(ctx context.Context, c Config) (Place, error) {
	if c.Demo {
		c.Names = repo.Names{Database: "crm", Schema: "crm", Owner: "crm_owner", App: "crm_app"}
	}
	if c.Demo || c.URL == "" && c.AdminURL == "" {
		return private(ctx, c)
	}
	at := Place{Names: c.Names}
	var err error
	if c.AdminURL != "" {
		admin := c
		admin.SSLCert, admin.SSLKey = "", "" // they authenticate the app role
		if at.AdminURL, _, err = admin.complete("database.admin_url", c.AdminURL, repo.Names{}); err != nil {
			return at, err
		}
	}
	if c.URL != "" {
		at.URL, at.Names, err = c.complete("database.url", c.URL, c.Names)
	}
	return at, err
}

// private joins or starts the private server.
func private(ctx context.Context, c Config) (Place, error) {
	at := Place{Names: c.Names}
	if _, err := os.Stat(c.Dir); err != nil && !c.Demo && !c.Create {
		return at, worded{
			errors.New("there is no database yet: crm init makes one on this machine, or set database.url; " +
				"crm --demo needs nothing"), repo.ErrUnavailable,
		}
	}
	h := &hold{conf: embedded.Config{Dir: c.Dir, BinDir: c.BinDir, Fast: c.Demo}}
	server, err := embedded.Start(ctx, h.conf)
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w: set %s to a directory of yours", err, map[bool]string{
			true:  "XDG_DATA_HOME",
			false: "embedded.dir or XDG_DATA_HOME",
		}[c.Demo])
	}
	if err != nil {
		return at, worded{err, repo.ErrUnavailable}
	}
	at.URL, at.AdminURL, at.close = server.URL(at.Names.Database, at.Names.App), server.URL("postgres", ""), h.close
	h.server, at.Revive = server, h.revive
	at.dump = func(ctx context.Context, name string) (string, error) {
		return h.server.Dump(ctx, c.BinDir, at.Names.Database, name)
	}
	return at, nil
}

// Program returns a program of PostgreSQL, pg_dump or pg_restore; see [embedded.Client]. Its errors are
// repo.ErrUnavailable.
func Program(binDir string) func(ctx context.Context, name string, major int) (string, int, error) {
	return func(ctx context.Context, name string, major int) (string, int, error) {
		path, version, err := embedded.Client(ctx, name, binDir, major)
		if err != nil {
			err = worded{err, repo.ErrUnavailable}
		}
		return path, version, err
	}
}

// A hold keeps the private server running, even if another process started it.
type hold struct {
	conf   embedded.Config
	mu     sync.Mutex // guards server
	server *embedded.Server
}

// revive joins or starts the server, and leaves the previous one.
func (h *hold) revive(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	server, err := embedded.Start(ctx, h.conf)
	if err != nil {
		return err
	}
	before := h.server
	h.server = server
	return before.Close()
}

func (h *hold) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.server.Close()
}

// Private reports whether the place is the private server.
func (p Place) Private() bool { return p.dump != nil }

// Dump writes the database of the private server to a new file beside its data and returns the file's path. The file's
// name is prefix and the time. Its errors are repo.ErrUnavailable.
func (p Place) Dump(ctx context.Context, prefix string) (file string, err error) {
	file, err = p.dump(ctx, fmt.Sprintf("%s-%s.dump", prefix, time.Now().UTC().Format("20060102T150405.000Z")))
	if err != nil && ctx.Err() == nil {
		err = worded{fmt.Errorf("the old state cannot be kept: %w", err), repo.ErrUnavailable}
	}
	return file, err
}

// Close leaves the private server, if the place is one.
func (p Place) Close() {
	if p.close != nil {
		_ = p.close()
	}
}

// Invent creates a connection string for the app role: the administrator's server, and a new password.
func (p *Place) Invent() (err error) {
	p.URL, err = as(p.AdminURL, p.Names.App, rand.Text(), p.Names.Database)
	return err
}

// Password returns the app role's password, empty if the connection string has none.
func (p Place) Password() string {
	conf, err := pgx.ParseConfig(p.URL)
	if err != nil {
		return ""
	}
	return conf.Password
}

// worded is an error with its own text that also matches a sentinel.
type worded struct {
	error
	kind error
}

func (w worded) Unwrap() []error { return []error{w.kind, w.error} }
