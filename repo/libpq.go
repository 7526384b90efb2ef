package repo

import (
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// This file passes the administrator's connection parameters to PostgreSQL's client programs, in the environment
// variables of libpq (PostgreSQL manual, 34.15 Environment Variables).

// libpqVariables are the variables of parameters that pgx does not resolve, or resolves into a value that a variable
// cannot hold.
var libpqVariables = map[string]string{
	"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
	"sslsni":         "PGSSLSNI",
	"sslnegotiation": "PGSSLNEGOTIATION", "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
	"ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
	"channel_binding":          "PGCHANNELBINDING", "connect_timeout": "PGCONNECT_TIMEOUT",
	"krbsrvname":   "PGKRBSRVNAME",
	"options":      "PGOPTIONS",
	"require_auth": "PGREQUIREAUTH", "target_session_attrs": "PGTARGETSESSIONATTRS",
}

// clientEnvironment returns the environment of a client program that connects like conn. It has no variables of crm.
func (a *Admin) clientEnvironment(conn *pgx.Conn) []string {
	environment := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		// a service would take precedence
		return strings.HasPrefix(name, "CRM_") || slices.Contains([]string{"PGSERVICE", "PGHOSTADDR"}, name)
	})
	for name, value := range parameters(a.url) {
		if variable, known := libpqVariables[name]; known {
			environment = append(environment, variable+"="+value)
		}
	}
	c := conn.Config()
	hosts, ports := []string{c.Host}, []string{strconv.Itoa(int(c.Port))}
	for _, f := range c.Fallbacks { // includes one for each TLS mode of the same host
		if port := strconv.Itoa(int(f.Port)); f.Host != hosts[len(hosts)-1] || port != ports[len(ports)-1] {
			hosts, ports = append(hosts, f.Host), append(ports, port)
		}
	}
	return append(environment, "LC_ALL=C", "PGAPPNAME=crm backup", "PGCLIENTENCODING=UTF8",
		"PGHOST="+strings.Join(hosts, ","),
		"PGPORT="+strings.Join(ports, ","), "PGUSER="+c.User, "PGPASSWORD="+c.Password, "PGDATABASE="+c.Database)
}

var keywordValue = regexp.MustCompile(`(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))`)

// parameters returns the parameters in a connection string: in the query of a URL, or keywords and values (PostgreSQL
// manual, 34.1.1).
func parameters(text string) map[string]string {
	all := map[string]string{}
	if u, err := url.Parse(text); err == nil && strings.HasPrefix(u.Scheme, "postgres") {
		for name, values := range u.Query() {
			all[name] = values[len(values)-1]
		}
		return all
	}
	unescape := regexp.MustCompile(`\\(.)`)
	for _, match := range keywordValue.FindAllStringSubmatch(text, -1) {
		all[match[1]] = unescape.ReplaceAllString(match[2]+match[3], "$1")
	}
	return all
}
