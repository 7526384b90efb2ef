// Package config declares all config keys, each with its default, the possible values and a line of explanation. The
// program's flags and variables and config.yaml.example are generated from it.
package config

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cast"

	"crm/commands"
)

// An Option is one key of the config. Its variable is CRM_ and the key in capitals with _ for the dot. If Flag is set,
// it is also a command line flag.
type Option struct {
	Key, Flag string
	Default   any           // also determines the option's type
	kind      commands.Kind // restricts the values; the zero value allows all
	Help      string
}

// Options returns all keys, in the order of the example.
func Options() []Option { return slices.Concat(databaseOptions(), accountOptions(), shellOptions()) }

// text is the kind of values that may be any text.
var text = commands.Kind{}

// databaseOptions returns the keys of the database and the private server.
func databaseOptions() []Option {
	database := identifier("template0", "template1")
	schema, role := identifier("information_schema"), identifier("public", "none")
	return []Option{
		{"database.url", "", "", text, "where the database is: postgres://crm_app:PASSWORD@HOST:5432/crm; empty: a " +
			"private server on this machine"},
		{
			"database.admin_url", "", "", text,
			"an administrator's account, for crm init, upgrade, backup, restore, seed, " +
				"rotate-keys, verify-audit and config check only; better in CRM_DATABASE_ADMIN_URL than here",
		},
		{"database.sslmode", "", "", orEmpty(commands.Enum("MODE", "disable", "allow", "prefer", "require", "verify-ca",
			"verify-full")), "disable, allow, prefer, require, verify-ca or verify-full, if the URL does not say; as " +
			"database.name"},
		{"database.sslrootcert", "", "", text, "the file of the certificate authority, for verify-ca and verify-full"},
		{
			"database.sslcert", "", "", text,
			"the file of the client certificate, where the server asks the app role for one",
		},
		{"database.sslkey", "", "", text, "the file of its key; mode 0600"},
		{
			"database.name", "", "crm", database,
			"the database, if the URL does not name it; set in the environment, it " +
				"goes before a URL in the file",
		},
		{"database.schema", "", "crm", schema, "the schema that holds crm's tables"},
		{"database.owner", "", "crm_owner", role, "the role that owns them and cannot log in"},
		{
			"database.app", "", "crm_app", role,
			"crm connects as this role, if the URL does not name it; as database.name",
		},
		{
			"database.connect_timeout", "", 10 * time.Second, duration(time.Millisecond, time.Hour),
			"how long to wait for a connection",
		},
		{
			"database.query_timeout", "", time.Minute, orNever(duration(time.Second, 24*time.Hour)),
			"how long to wait for one answer of the database; 0s: for ever",
		},
		{
			"embedded.dir", "", "", text,
			"the directory of the private server; empty: crm/server in the user's data directory",
		},
		{
			"embedded.bin_dir", "", "", text,
			"the directory of PostgreSQL's programs for the private server; empty: the usual places",
		},
	}
}

// accountOptions returns the keys of encryption, sessions and passwords.
func accountOptions() []Option {
	return []Option{
		{
			"encryption.keyset_file", "", "", text,
			"the key of sealed customer data; empty: keyset.json beside the config. " +
				"CRM_KEYSET may hold its content",
		},
		{
			"session.lifetime", "", 12 * time.Hour, duration(time.Second, 30*24*time.Hour),
			"how long a sign-in lasts; crm init stores it in the database",
		},
		{
			"session.idle", "", 30 * time.Minute, orNever(duration(2*time.Minute, 24*time.Hour)),
			"the prompt is locked after this time without a key, and the session ends without a command; 0s: never. " +
				"crm init stores it in the database",
		},
		{
			"session.token", "", 10 * time.Minute, duration(5*time.Second, 24*time.Hour),
			"how long an access token lasts; renewed by itself",
		},
		{
			"password.memory_mib", "", 64, commands.Number("N", 19, 1024),
			"argon2id: memory for a new password, in MiB; at least 19, and 46 with 1 iteration",
		},
		{"password.iterations", "", 3, commands.Number("N", 1, 100), "argon2id: passes over it"},
		{"password.parallelism", "", 4, commands.Number("N", 1, 255), "argon2id: lanes"},
	}
}

// shellOptions returns the keys of the locale, the prompt, reports and answers.
func shellOptions() []Option {
	return []Option{
		{
			"locale.time_zone", "", "Europe/Paris", known("time zone", "Europe/Paris", timeZone),
			"the time zone of all times",
		},
		{
			"locale.region", "", "FR", known("country", "FR", country),
			"the country of phone numbers without a country code",
		},
		{"locale.currency", "", "EUR", known("currency", "EUR", currencyCode), "the currency of amounts (ISO 4217)"},
		{
			"locale.language", "", "fr", known("language", "fr", languageTag),
			"the language of amounts and sorting (BCP 47)",
		},
		{
			"shell.pipe", "", "", programs,
			"the programs that answers may be piped to with | , separated by spaces: less head grep; true: all; " +
				"empty: none",
		},
		{"history.file", "", "", text, "the file of the prompt's history; empty: crm/history in the user's state " +
			"directory"},
		{"history.size", "", 1000, commands.Number("N", 0, 1_000_000), "lines of history; 0 stores none"},
		{"sentry.dsn", "", "", text, "the Sentry project that errors and events go to; empty: none"},
		{"sentry.environment", "", "production", text, "the environment that Sentry shows"},
		{
			"format", "format", "table", commands.Format,
			"the format of answers: table, vertical, json, ndjson, csv, tsv or " +
				"markdown",
		},
		{"color", "color", "auto", commands.Color, "the colours of answers: auto, always or never"},
		{"limit", "", 50, commands.Number("N", 1, 10_000), "rows of a list"},
		{"login", "login", "", orEmpty(commands.Email), "sign in with this email first"},
		{"password_file", "password-file", "", text, "read the password from this file"},
		{"keep_going", "keep-going", false, text, "a script continues after an error"},
		{"atomic", "atomic", false, text, "a script makes all its changes or none"},
		{"yes", "yes", false, text, "destructive commands do not ask"},
		{"quiet", "quiet", false, text, "data, warnings and errors only"},
	}
}

// Secrets returns the variables that are not options, because their values must not be in a file or on the command
// line.
func Secrets() []string { return []string{"CRM_CONFIG", "CRM_PASSWORD", "CRM_CODE", "CRM_KEYSET"} }

// Env returns the name of the option's variable.
func (o Option) Env() string {
	return "CRM_" + strings.ToUpper(strings.ReplaceAll(o.Key, ".", "_"))
}

// Check returns an error if a value has the wrong type or is not possible.
func (o Option) Check(value any) error {
	text, err := cast.ToStringE(value)
	if err != nil {
		return errors.New("want one value")
	}
	if _, isSwitch := o.Default.(bool); isSwitch {
		if _, err := cast.ToBoolE(text); err != nil {
			return fmt.Errorf("want true or false, not %q", text)
		}
	}
	if o.kind.Parse != nil {
		_, err = o.kind.Parse(nil, text)
	}
	return err
}

// programs is the kind of the programs that answers may be piped to.
var programs = commands.Kind{Parse: func(_ *commands.Session, text string) (any, error) {
	return commands.ParsePrograms(text)
}}

var errUnknown = errors.New("unknown")

// Variables returns the names of all variables of crm.
func Variables() []string {
	names := Secrets()
	for _, o := range Options() {
		names = append(names, o.Env())
	}
	return names
}

// UnknownVariable returns the first variable of an environment that begins with CRM_ and is unknown; "" if there is
// none.
func UnknownVariable(environment []string) string {
	ours := Variables()
	for _, v := range environment {
		if name, value, _ := strings.Cut(v, "="); value != "" &&
			strings.HasPrefix(name, "CRM_") && !slices.Contains(ours, name) {
			return name
		}
	}
	return ""
}

// OpenToOthers reports whether users other than the owner have access to the file.
func OpenToOthers(file string) bool {
	info, err := os.Stat(file)
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0
}

// Example returns the text of config.yaml.example: every key, its default and its explanation.
func Example() string {
	var text strings.Builder
	text.WriteString(`# Every key of crm's config with its default.
# Copy what you change to config.yaml in crm's config directory (~/.config/crm, or
# $XDG_CONFIG_HOME/crm), or name a file with --config FILE or CRM_CONFIG.
# A variable goes before the file: CRM_ and the key in capitals, with _ for the dot (CRM_DATABASE_URL);
# a flag goes before both. A password or a key belongs in a file with mode 0600, or in a variable.
`)
	section := ""
	for _, o := range Options() {
		indent, name := "", o.Key
		if first, second, nested := strings.Cut(o.Key, "."); nested {
			if first != section {
				text.WriteString("\n" + first + ":\n")
			}
			section, indent, name = first, "  ", second
		} else if section != "" {
			section = ""
			text.WriteString("\n")
		}
		fmt.Fprintf(&text, "%s# %s\n%s%s: %s\n", indent, o.Help, indent, name, written(o.Default))
	}
	return text.String()
}

// written returns a default in YAML.
func written(value any) string {
	switch value := value.(type) {
	case string:
		if value == "" {
			return `""`
		}
	case time.Duration:
		return strings.NewReplacer("m0s", "m", "h0m0s", "h").Replace(value.String())
	}
	return fmt.Sprint(value)
}
