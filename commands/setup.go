package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"crm/repo"
	"crm/security"
)

// A Setup is what `crm init` does: config, keyset, roles, database, schema and the first administrator. Whatever is
// there stays as it is, and an interrupted run is taken up where it stopped.
type Setup struct {
	Admin     *repo.Admin
	SchemaSQL string

	AppURL      string      // of the app role; must work in the end
	AppPassword string      // in AppURL; empty where the server asks for none
	ConfigFile  string      // made before the role whose new password it holds; empty when AppURL is not new
	Config      [][2]string // keys of two words and their values, for ConfigFile

	KeysetFile      string        // made with the schema; empty when the keyset comes from elsewhere
	SessionLifetime time.Duration // at most
	SessionIdle     time.Duration // without being used; 0: for ever
	Cost            security.Params

	First  repo.User                                                  // the first administrator, as far as they are known
	Ask    func(ctx context.Context, question string) (string, error) // asks for the rest; nil where nobody can be asked
	Secret func(context.Context, SecretRequest) (string, error)       // asks for their password
	Say    func(string)

	Happened func(Event) // told of the first administrator (R31)
}

// Run sets up and says what it made. Nothing is made before every question is answered.
func (c Setup) Run(ctx context.Context) error {
	return c.Admin.Alone(ctx, func() error {
		made, err := c.run(ctx)
		for _, m := range made {
			c.Say("made " + m)
		}
		if err == nil && len(made) == 0 {
			c.Say("nothing to do: everything is there")
		}
		return err
	})
}

func (c Setup) run(ctx context.Context) (made []string, err error) {
	there, err := c.Admin.HasSchema(ctx)
	if err != nil {
		return nil, err
	}
	first, verifier, err := c.firstAdmin(ctx, there)
	if err != nil {
		return nil, err
	}
	for _, do := range []func(context.Context, bool) ([]string, error){c.config, c.keyset, c.database} {
		more, err := do(ctx, there)
		made = append(made, more...)
		if err != nil {
			return made, err
		}
	}
	if verifier != nil {
		id, err := c.Admin.AddUser(ctx, first, verifier, false)
		if err != nil {
			return made, err
		}
		c.Happened(happened("user", id, "added"))
		made = append(made, "administrator "+first.Email)
	}
	return made, c.try(ctx)
}

// Configure makes the config file as Run does, and says what it made.
func (c Setup) Configure(ctx context.Context) (made []string, err error) { return c.config(ctx, false) }

// Try connects as crm will.
func (c Setup) Try(ctx context.Context) error { return c.try(ctx) }

// config makes the config file with a connection string that nobody knows yet.
func (c Setup) config(ctx context.Context, _ bool) (made []string, err error) {
	if c.ConfigFile == "" {
		return nil, nil
	}
	there, err := c.Admin.HasAppRole(ctx)
	if err != nil {
		return nil, err
	}
	if there {
		return nil, &worded{
			"the role that crm connects as is there already and its password is not known here",
			"set database.url, as in the config of the machine that made it; or choose another database.app", repo.ErrConflict,
		}
	}
	if err := WriteConfig(c.ConfigFile, c.Config); err != nil {
		return nil, err
	}
	return []string{"config " + c.ConfigFile}, nil
}

// keyset makes the key of the sealed columns, before there is anything to seal. A database that is
// there already has its key elsewhere: a second one would seal what the first cannot open.
func (c Setup) keyset(_ context.Context, schemaIsThere bool) (made []string, err error) {
	if c.KeysetFile == "" {
		return nil, nil
	}
	if _, err := os.Stat(c.KeysetFile); err == nil {
		return nil, nil
	}
	if schemaIsThere {
		return nil, &worded{
			fmt.Sprintf("the database is there, its keyset %s is not", c.KeysetFile),
			"copy it from the machine that made the database, or set CRM_KEYSET", repo.ErrConflict,
		}
	}
	if err := security.WriteKeyset(c.KeysetFile); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w: the keyset cannot be written: %w", ErrUsage, err)
	}
	return []string{"keyset " + c.KeysetFile}, nil
}

// database makes roles, database and schema.
func (c Setup) database(ctx context.Context, _ bool) (made []string, err error) {
	made, err = c.Admin.Setup(ctx, c.SchemaSQL, c.AppPassword)
	if err != nil {
		return made, err
	}
	for _, l := range []struct {
		setting, words string
		limit          time.Duration
	}{{"session_lifetime", "session lifetime", c.SessionLifetime}, {"session_idle", "session idle time", c.SessionIdle}} {
		changed, err := c.Admin.SetLimit(ctx, l.setting, l.limit)
		if err != nil {
			return made, err
		}
		switch {
		case changed && l.limit == 0:
			made = append(made, l.words+" never")
		case changed:
			made = append(made, fmt.Sprint(l.words, " ", l.limit))
		}
	}
	return made, nil
}

// try connects as crm will.
func (c Setup) try(ctx context.Context) error {
	err := c.Admin.Try(ctx, c.AppURL)
	if errors.Is(err, repo.ErrCredentials) {
		return &worded{
			"the role that crm connects as is there, with another password than database.url says",
			`write its password into database.url, or as an administrator give it the one that is there: psql's \password sets it`, repo.ErrUnavailable,
		}
	}
	return err
}

// firstAdmin asks for the first administrator if there is none yet; else the password is nil.
func (c Setup) firstAdmin(ctx context.Context, schemaIsThere bool) (u repo.User, p *repo.Password, err error) {
	if schemaIsThere {
		if there, err := c.Admin.HasRole(ctx, "admin"); err != nil || there {
			return u, nil, err
		}
	}
	u = c.First
	u.Role = "admin"
	var invalid repo.Invalid
	name := Required(Text(nameLimit))
	for _, field := range []struct {
		flag, question string
		text           *string
		kind           Kind
	}{
		{"--admin-email", "email of the first administrator: ", &u.Email, Required(Email)},
		{"--admin-first-name", "first name: ", &u.FirstName, name},
		{"--admin-last-name", "last name: ", &u.LastName, name},
	} {
		if *field.text == "" && c.Ask == nil {
			return u, nil, usagef("%s is needed for the first administrator: there is no terminal to ask at", field.flag)
		}
		asks := *field.text == ""
		var value any
		for again := true; again; again = asks && err != nil {
			if asks {
				if *field.text, err = c.Ask(ctx, field.question); err != nil {
					return u, nil, err
				}
			}
			if value, err = field.kind.Parse(nil, *field.text); err != nil && asks {
				c.Say("invalid: " + err.Error())
			}
		}
		if err != nil {
			invalid.Problems = append(invalid.Problems, repo.Problem{Field: field.flag, Text: err.Error()})
			continue
		}
		*field.text = value.(string)
	}
	if len(invalid.Problems) > 0 {
		return u, nil, invalid
	}
	password, err := c.Secret(ctx, SecretRequest{Question: "password for " + u.Email, Env: true, Twice: true, Check: mayBe(u)})
	if err != nil {
		return u, nil, err
	}
	p, err = Verifier(password, c.Cost, u)
	return u, p, err
}

// Unseal is the vault that the content of a keyset opens or, where that is empty, the keyset's file, which it follows.
// Its errors are ErrUsage.
func Unseal(content []byte, file string) (repo.Vault, error) {
	var keyring *security.Keyring
	var err error
	if len(content) > 0 {
		keyring, err = security.NewKeyring(content)
	} else if keyring, err = security.OpenKeyring(file); errors.Is(err, fs.ErrNotExist) {
		return nil, usageHint("crm init makes it with the database; on another machine, copy it there or set CRM_KEYSET", "there is no keyset %s", file)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return vault{keyring}, nil
}

// KeyIDs lists the keys of the content of a keyset or, where that is empty, of the keyset's file.
func KeyIDs(content []byte, file string) ([]uint32, error) {
	if len(content) == 0 {
		var err error
		if content, err = security.ReadKeysetFile(file); err != nil {
			return nil, err
		}
	}
	cipher, err := security.LoadCipher(content)
	if err != nil {
		return nil, err
	}
	return cipher.KeyIDs(), nil
}

// A vault shows what is damaged as such: one damaged value does not take the list with it.
type vault struct{ *security.Keyring }

// Open is the keyring's, or unreadable.
func (v vault) Open(column string, sealed []byte) (string, error) {
	text, err := v.Keyring.Open(column, sealed)
	if errors.Is(err, security.ErrAltered) {
		return unreadable, nil
	}
	return text, err
}

// unreadable stands for a sealed value that was altered in the database.
const unreadable = "‹unreadable›"

// NewPassword reads a password and checks the company's rules.
func NewPassword(ctx context.Context, read func(context.Context, SecretRequest) (string, error)) (string, error) {
	password, err := read(ctx, SecretRequest{Question: "password", Env: true})
	if err == nil {
		err = checkPassword(password, repo.User{})
	}
	return password, err
}

// Tell writes numbers of records for people: "40 customers, 60 contracts"; "nothing" when there are none.
func Tell(c repo.Counts) string {
	var words []string
	for _, n := range []struct {
		count int
		noun  string
	}{{c.Customers, "customer"}, {c.Contracts, "contract"}, {c.Payments, "payment"}, {c.Events, "event"}, {c.Users, "account"}} {
		if n.count > 0 {
			words = append(words, plural(int64(n.count), n.noun))
		}
	}
	if words == nil {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

// TellPurged says what a purge did.
func TellPurged(p repo.Purged) string {
	if p == (repo.Purged{}) {
		return "no fictional data to remove"
	}
	text := "removed " + Tell(p.Removed)
	if p.Kept != (repo.Counts{}) {
		text += "; kept " + Tell(p.Kept) + ", because real records build on them"
	}
	return text
}
