// Package operator holds what an administrator of the server runs from the command line of the
// system: setting up, fictional data, checking the config, rotating keys. It uses the argument kinds,
// password rules and worded errors of package commands, which does not import it; main calls it.
package operator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"crm/commands"
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

	KeysetFile      string        // made with the schema; empty when Keys has the keyset
	Keys            []byte        // the keyset's content; empty when KeysetFile has it
	SessionLifetime time.Duration // at most
	SessionIdle     time.Duration // without being used; 0: for ever
	Cost            security.Params

	// the first administrator, as far as they are known
	First repo.User
	// asks for the rest; nil where nobody can be asked
	Ask    func(ctx context.Context, question string) (string, error)
	Secret func(context.Context, commands.SecretRequest) (string, error) // asks for their password
	Say    func(string)

	Happened func(commands.Event) // told of the first administrator (R31)
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
	problem, remedy, err := c.Admin.Lacks(ctx)
	if err != nil {
		return nil, err
	}
	if problem != "" {
		return nil, commands.Explain(problem, remedy, repo.ErrConflict)
	}
	there, err := c.Admin.HasSchema(ctx)
	if err != nil {
		return nil, err
	}
	first, verifier, err := c.firstAdmin(ctx, there)
	if err != nil {
		return nil, err
	}
	for _, do := range []func(context.Context, bool) ([]string, error){c.config, c.keyset, c.database, c.sealingKey} {
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
		c.Happened(commands.Event{Name: "user added", Level: commands.LevelInfo, Entity: "user", ID: id})
		made = append(made, "administrator "+first.Email)
	}
	exposed, err := c.Admin.Exposed(ctx)
	if err != nil {
		return made, err
	}
	for _, e := range exposed {
		c.Say("warning: " + e)
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
		return nil, commands.Explain(
			"the role that crm connects as is there already and its password is not known here",
			"set database.url, as in the config of the machine that made it; or choose another database.app",
			repo.ErrConflict,
		)
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
		return nil, commands.Explain(
			fmt.Sprintf("the database is there, its keyset %s is not", c.KeysetFile),
			"copy it from the machine that made the database, or set CRM_KEYSET", repo.ErrConflict,
		)
	}
	if err := security.WriteKeyset(c.KeysetFile); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w: the keyset cannot be written: %w", commands.ErrUsage, err)
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
	}{
		{"session_lifetime", "session lifetime", c.SessionLifetime},
		{"session_idle", "session idle time", c.SessionIdle},
	} {
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

// sealingKey registers the keyset's key in a database that knows none.
func (c Setup) sealingKey(ctx context.Context, _ bool) (made []string, err error) {
	keyring, err := commands.OpenKeyring(c.Keys, c.KeysetFile)
	if err != nil {
		return nil, err
	}
	registered, err := c.Admin.RegisterKey(ctx, keyring.KeyID())
	if registered {
		made = append(made, fmt.Sprintf("sealing key %d", keyring.KeyID()))
	}
	return made, err
}

// try connects as crm will.
func (c Setup) try(ctx context.Context) error {
	err := c.Admin.Try(ctx, c.AppURL)
	if errors.Is(err, repo.ErrCredentials) {
		return commands.Explain(
			"the role that crm connects as is there, with another password than database.url says",
			"write its password into database.url, or as an administrator give the role the password of database.url "+
				`with \password in psql`, repo.ErrUnavailable,
		)
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
	name := commands.PersonName()
	for _, field := range []struct {
		flag, question string
		text           *string
		kind           commands.Kind
	}{
		{"--admin-email", "email of the first administrator: ", &u.Email, commands.Required(commands.Email)},
		{"--admin-first-name", "first name: ", &u.FirstName, name},
		{"--admin-last-name", "last name: ", &u.LastName, name},
	} {
		if *field.text == "" && c.Ask == nil {
			return u, nil, fmt.Errorf("%w: %s is needed for the first administrator: there is no terminal to ask at",
				commands.ErrUsage, field.flag)
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
	password, err := c.Secret(ctx, commands.SecretRequest{
		Question: "password for " + u.Email, Env: true, Twice: true,
		Check: func(text string) error { return commands.CheckPassword(text, u) },
	})
	if err != nil {
		return u, nil, err
	}
	p, err = commands.Verifier(password, c.Cost, u)
	return u, p, err
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
