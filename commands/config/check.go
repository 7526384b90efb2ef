package config

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cast"
)

// This file finds the weak spots of a config, for crm config check.

// A Setting is the value of an option, and its value in the config file; nil if the file does not set it.
type Setting struct{ Value, File any }

// Weak returns the weak spots of a config and its files, each with the way to mend it. get returns the setting of a
// key.
func Weak(get func(key string) Setting, configFile, keysetFile string) (all []string) {
	weak := func(is bool, format string, args ...any) {
		if is {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	text := func(key string) string { return cast.ToString(get(key).Value) }
	for _, f := range []struct{ file, holds string }{
		{configFile, "how to reach the database"},
		{keysetFile, "the keys of sealed data"},
		{text("password_file"), "a password"},
		{text("database.sslkey"), "the key of the client certificate"},
		{text("history.file"), "what was typed"},
	} {
		weak(f.file != "" && OpenToOthers(f.file), "%s holds %s and is open to others: chmod 600 %[1]s", f.file,
			f.holds)
	}
	for _, key := range []string{"database.url", "database.admin_url"} {
		weak(holdsPassword(cast.ToString(get(key).File)),
			"%s: %s holds a password in plain text: name a passfile in it, "+
				"or set %s from a secret store", configFile, key, Option{Key: key}.Env())
	}
	weak(cast.ToString(get("database.admin_url").File) != "", "%s: database.admin_url is there for every run: set %s "+
		"for crm init, upgrade, backup, restore, seed, rotate-keys, verify-audit and config check alone", configFile,
		Option{Key: "database.admin_url"}.Env())
	lifetime, token := cast.ToDuration(get("session.lifetime").Value), cast.ToDuration(get("session.token").Value)
	weak(lifetime > 24*time.Hour, "session.lifetime %v is longer than a day: a stolen session lives as long", lifetime)
	weak(token > time.Hour, "session.token %v is longer than an hour: a stolen token lives as long", token)
	weak(cast.ToDuration(get("session.idle").Value) == 0,
		"session.idle is 0: a shell that is left open never locks itself")
	weak(cast.ToBool(get("yes").File), "%s: yes is true: nothing asks before it destroys", configFile)
	weak(strings.HasPrefix(text("sentry.dsn"), "http://"), "sentry.dsn is not encrypted: want https")
	return all
}

// holdsPassword reports whether a connection string contains a password.
func holdsPassword(text string) bool {
	if u, err := url.Parse(text); err == nil && u.Scheme != "" {
		password, _ := u.User.Password()
		return password != "" || u.Query().Get("password") != ""
	}
	return strings.Contains(text, "password=") || strings.Contains(text, "password =")
}
