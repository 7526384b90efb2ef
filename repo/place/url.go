package place

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"crm/repo"
)

// This file reads and completes connection strings: URLs, or keywords and values (PostgreSQL manual, 34.1.1).
// Errors never quote one: it may contain a password.

func unreadable(key string) error {
	return worded{fmt.Errorf("%s cannot be read: want postgres://USER:PASSWORD@HOST:PORT/DATABASE", key), ErrConfig}
}

// complete merges the config's other keys into a connection string, the value of key, and returns it with the resulting
// names. A part of the string is replaced by a key of higher precedence (D19).
func (c Config) complete(key, text string, n repo.Names) (string, repo.Names, error) {
	if err := c.checkFiles(); err != nil {
		return "", n, err
	}
	said, err := readString(text)
	if err != nil {
		return "", n, unreadable(key)
	}
	if err := said.known(key); err != nil {
		return "", n, err
	}
	for _, p := range []part{
		{"database.app", "user", n.App},
		{"database.name", "database", n.Database},
		{"database.sslmode", "sslmode", c.SSLMode},
		{"database.sslrootcert", "sslrootcert", c.SSLRootCert},
		{"database.sslcert", "sslcert", c.SSLCert},
		{"database.sslkey", "sslkey", c.SSLKey},
		{"database.connect_timeout", "connect_timeout", c.seconds()},
	} {
		if err := c.merge(&said, key, p); err != nil {
			return "", n, err
		}
	}
	text = said.String()
	conf, err := pgx.ParseConfig(text)
	if err != nil {
		return "", n, unreadable(key)
	}
	n.App, n.Database = conf.User, conf.Database
	return text, n, nil
}

// A part is a config key that sets the same as a parameter of a connection string.
type part struct{ key, parameter, value string }

// merge chooses between a part and the parameter in the connection string under key.
func (c Config) merge(said *connString, key string, p part) error {
	stated, there := said.values[p.parameter]
	if p.value == "" || there && stated == p.value {
		return nil
	}
	place, stringPlace := Default, Default
	if c.From != nil {
		place, stringPlace = c.From(p.key), c.From(key)
	}
	switch {
	case !there || place > stringPlace:
		said.set(p.parameter, p.value)
	case place == stringPlace && place != Default:
		return worded{
			fmt.Errorf("%s and %s say different things in the same place: keep one of them", key, p.key), ErrConfig,
		}
	}
	return nil
}

// checkFiles returns an error for certificate files that cannot be read, and for a key that users other than its owner
// can read, as in libpq.
func (c Config) checkFiles() error {
	if (c.SSLCert == "") != (c.SSLKey == "") {
		return worded{errors.New("database.sslcert and database.sslkey go together: set both or none"), ErrConfig}
	}
	for key, file := range map[string]string{
		"database.sslrootcert": c.SSLRootCert, "database.sslcert": c.SSLCert,
		"database.sslkey": c.SSLKey,
	} {
		if file == "" || key == "database.sslrootcert" && file == "system" {
			continue
		}
		f, err := os.Open(file)
		if err != nil {
			return worded{fmt.Errorf("%s cannot be read: %w", key, err), ErrConfig}
		}
		info, err := f.Stat()
		_ = f.Close()
		if err == nil && key == "database.sslkey" && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 &&
			info.Mode().Perm() != 0o640 {
			return worded{fmt.Errorf("%s is open to others: chmod 600 %s", key, file), ErrConfig}
		}
	}
	if c.SSLCert != "" {
		if _, err := tls.LoadX509KeyPair(c.SSLCert, c.SSLKey); err != nil {
			return worded{errors.New("database.sslcert and database.sslkey are no certificate and its key"), ErrConfig}
		}
	}
	return nil
}

// WeakTLS returns the risk from an attacker on the network; empty if the server is on this machine or proves its
// identity.
func WeakTLS(text string) (weak string, unencrypted bool) {
	conf, err := pgx.ParseConfig(text)
	if err != nil {
		return "", false
	}
	ways := []*pgconn.FallbackConfig{{Host: conf.Host, TLSConfig: conf.TLSConfig}}
	for _, way := range append(ways, conf.Fallbacks...) {
		switch {
		case isLocal(way.Host):
		case way.TLSConfig == nil:
			return fmt.Sprintf("the way to the database at %s may be unencrypted: set database.sslmode to verify-full",
				way.Host), true
		case way.TLSConfig.InsecureSkipVerify && way.TLSConfig.VerifyPeerCertificate == nil:
			weak = fmt.Sprintf("the database at %s does not prove who it is: set database.sslmode to verify-full",
				way.Host)
		}
	}
	return weak, false
}

// isLocal reports whether a host is this machine.
func isLocal(host string) bool {
	address := net.ParseIP(host)
	return strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || host == "localhost" || address.IsLoopback()
}

// seconds returns the timeout in the form of a connection string, empty for none.
func (c Config) seconds() string {
	if c.ConnectTimeout <= 0 {
		return ""
	}
	return strconv.Itoa(int(math.Ceil(c.ConnectTimeout.Seconds())))
}

// as returns a connection string for another role on the same server, without the credentials of the first role.
func as(text, user, password, database string) (string, error) {
	u, err := url.Parse(text)
	if !isURL(text) || err != nil {
		return "", worded{errors.New("database.url cannot be made from database.admin_url: write that as " +
			"postgres://USER:PASSWORD@HOST:PORT/DATABASE, or set database.url"), ErrConfig}
	}
	q := u.Query()
	for _, name := range []string{
		"user", "password", "dbname", "database", "passfile", "service", "servicefile",
		"sslcert", "sslkey", "sslpassword", "connect_timeout",
	} {
		q.Del(name)
	}
	u.User, u.Path, u.RawQuery = url.UserPassword(user, password), "/"+database, strings.ReplaceAll(q.Encode(), "+",
		"%20")
	return u.String(), nil
}
