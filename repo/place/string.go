package place

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// This file parses and writes connection strings.

// A connString is a parsed connection string. It is written as it was read, with the changes of set.
type connString struct {
	url    *url.URL // nil: keywords and values
	words  string   // keywords and values as they were read, and those that were set
	values map[string]string
}

func isURL(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// readString reads a URL, or keywords and values.
func readString(text string) (s connString, err error) {
	s.values = map[string]string{}
	if !isURL(text) {
		s.words = text
		return s, s.readWords()
	}
	if text, err = socketDirectories(text); err != nil {
		return s, err
	}
	if s.url, err = url.Parse(text); err != nil {
		return s, err
	}
	state := func(name, value string) {
		if value != "" {
			s.values[name] = value
		}
	}
	password, _ := s.url.User.Password()
	state("user", s.url.User.Username())
	state("password", password)
	state("database", strings.Trim(s.url.Path, "/"))
	for name, values := range s.url.Query() {
		s.values[parameter(name)] = values[0]
	}
	return s, nil
}

// parameter returns the canonical name of a parameter that has two names.
func parameter(name string) string {
	if name == "dbname" {
		return "database"
	}
	return name
}

// socketDirectories moves percent-encoded directories, which libpq accepts as hosts in URLs, to the parameter host:
// net/url refuses them as hosts.
func socketDirectories(text string) (string, error) {
	scheme, rest, _ := strings.Cut(text, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	hosts := rest[strings.LastIndex(rest[:end], "@")+1 : end]
	if !strings.Contains(strings.ToUpper(hosts), "%2F") {
		return text, nil
	}
	var names, ports []string
	for host := range strings.SplitSeq(hosts, ",") {
		port := "5432"
		if name, of, err := net.SplitHostPort(host); err == nil {
			host, port = name, of
		}
		name, err := url.PathUnescape(host)
		if err != nil {
			return "", errors.New("a host cannot be read")
		}
		names, ports = append(names, name), append(ports, port)
	}
	u, err := url.Parse(scheme + "://" + strings.TrimSuffix(rest[:end], hosts) + rest[end:])
	if err != nil {
		return "", err
	}
	q := u.Query()
	q.Set("host", strings.Join(names, ","))
	q.Set("port", strings.Join(ports, ","))
	u.RawQuery = encode(q)
	return u.String(), nil
}

// encode writes a query for libpq, which does not read + as a space.
func encode(q url.Values) string { return strings.ReplaceAll(q.Encode(), "+", "%20") }

var errWords = errors.New("want keywords and values")

// readWords parses keywords and values: name = value. A value with spaces is in single quotes, and \ precedes a quote
// or another \.
func (s *connString) readWords() error {
	rest := strings.TrimSpace(s.words)
	for rest != "" {
		name, after, found := strings.Cut(rest, "=")
		name, after = strings.TrimSpace(name), strings.TrimLeft(after, " \t\n")
		if !found || name == "" || strings.ContainsAny(name, " '") {
			return errWords
		}
		quoted := strings.HasPrefix(after, "'")
		after = strings.TrimPrefix(after, "'")
		var value strings.Builder
		i := 0
		for ; i < len(after); i++ {
			if quoted && after[i] == '\'' || !quoted && strings.ContainsRune(" \t\n", rune(after[i])) {
				break
			}
			if after[i] == '\\' && i+1 < len(after) {
				i++
			}
			value.WriteByte(after[i])
		}
		if quoted && i == len(after) {
			return errWords
		}
		s.values[parameter(name)] = value.String()
		rest = strings.TrimSpace(after[min(i+1, len(after)):])
	}
	return nil
}

// parameters are the names that a connection string may have. Other names would be sent to the server as settings;
// servers refuse unknown settings, and poolers refuse all.
var parameters = []string{
	"application_name", "channel_binding", "client_encoding", "connect_timeout", "database", "host", "krbspn",
	"krbsrvname", "max_protocol_version", "min_protocol_version", "options", "passfile", "password", "port",
	"require_auth", "service", "servicefile", "sslcert", "sslcertmode", "sslkey", "sslmode", "sslnegotiation",
	"sslpassword", "sslrootcert", "sslsni", "target_session_attrs", "user",
}

// known returns an error for a parameter that is not in parameters. key is the config key of the string.
func (s connString) known(key string) error {
	for name := range s.values {
		if slices.Contains(parameters, name) {
			continue
		}
		remedy := "a setting of the server is written options=-c%20NAME%3DVALUE"
		switch name {
		case "schema":
			remedy = "set database.schema"
		case "default_query_exec_mode":
			remedy = "take it out, crm notices a pooler by itself"
		}
		return worded{fmt.Errorf("%s: unknown parameter %s: %s", key, name, remedy), ErrConfig}
	}
	return nil
}

// set sets a parameter and replaces an earlier value.
func (s *connString) set(name, value string) {
	s.values[name] = value
	if s.url == nil {
		if name == "database" {
			name = "dbname"
		}
		s.words += fmt.Sprintf(" %s='%s'", name, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value))
		return
	}
	q := s.url.Query()
	q.Del(name)
	switch name {
	case "user":
		password, given := s.url.User.Password()
		s.url.User = url.User(value)
		if given {
			s.url.User = url.UserPassword(value, password)
		}
	case "database":
		q.Del("dbname")
		s.url.Path = "/" + value
	default:
		q.Set(name, value)
	}
	s.url.RawQuery = encode(q)
}

func (s connString) String() string {
	if s.url == nil {
		return s.words
	}
	return s.url.String()
}
