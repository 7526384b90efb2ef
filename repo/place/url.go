package place

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

// This file reads and completes connection strings: URLs, or keywords and values (PostgreSQL manual, 34.1.1).
// No error quotes one: it may hold a password.

func unreadable(key string) error {
	return worded{fmt.Errorf("%s cannot be read: want postgres://USER:PASSWORD@HOST:PORT/DATABASE", key), ErrConfig}
}

func isURL(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// complete adds what a connection string leaves to the config, and tells the names that hold in the end.
func (c Config) complete(key, text string, n repo.Names) (string, repo.Names, error) {
	if c.SSLRootCert != "" && c.SSLRootCert != "system" {
		f, err := os.Open(c.SSLRootCert)
		if err != nil {
			return "", n, worded{fmt.Errorf("database.sslrootcert cannot be read: %w", err), ErrConfig}
		}
		_ = f.Close()
	}
	var err error
	if isURL(text) {
		text, err = c.completeURL(text, n)
	} else {
		text = keywords("connect_timeout", c.seconds(), "user", n.App, "dbname", n.Database) + text + " " + keywords("sslmode", c.SSLMode, "sslrootcert", c.SSLRootCert)
	}
	if err != nil {
		return "", n, unreadable(key)
	}
	conf, err := pgx.ParseConfig(text)
	if err != nil {
		return "", n, unreadable(key)
	}
	n.App, n.Database = conf.User, conf.Database
	return text, n, nil
}

func (c Config) completeURL(text string, n repo.Names) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	q := u.Query()
	if u.User.Username() == "" && !q.Has("user") && n.App != "" {
		password, given := u.User.Password()
		u.User = url.User(n.App)
		if given {
			u.User = url.UserPassword(n.App, password)
		}
	}
	if strings.Trim(u.Path, "/") == "" && !q.Has("dbname") && !q.Has("database") && n.Database != "" {
		u.Path = "/" + n.Database
	}
	for name, value := range map[string]string{"sslmode": c.SSLMode, "sslrootcert": c.SSLRootCert} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if seconds := c.seconds(); seconds != "" && !q.Has("connect_timeout") {
		q.Set("connect_timeout", seconds)
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // libpq does not read + as a space
	return u.String(), nil
}

// seconds is the timeout as connection strings have it, empty for none.
func (c Config) seconds() string {
	if c.ConnectTimeout <= 0 {
		return ""
	}
	return strconv.Itoa(int(math.Ceil(c.ConnectTimeout.Seconds())))
}

// as is the connection string for somebody else on the same server: nothing that proves who the first one is stays in it.
func as(text, user, password, database string) (string, error) {
	u, err := url.Parse(text)
	if !isURL(text) || err != nil {
		return "", worded{errors.New("database.url cannot be made from database.admin_url: write that as postgres://USER:PASSWORD@HOST:PORT/DATABASE, or set database.url"), ErrConfig}
	}
	q := u.Query()
	for _, name := range []string{"user", "password", "dbname", "database", "passfile", "service", "servicefile", "sslcert", "sslkey", "sslpassword", "connect_timeout"} {
		q.Del(name)
	}
	u.User, u.Path, u.RawQuery = url.UserPassword(user, password), "/"+database, strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String(), nil
}

// keywords writes names and values, without those that are empty.
func keywords(list ...string) string {
	var b strings.Builder
	for pair := range slices.Chunk(list, 2) {
		if pair[1] != "" {
			fmt.Fprintf(&b, "%s='%s' ", pair[0], strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(pair[1]))
		}
	}
	return b.String()
}
