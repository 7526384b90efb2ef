// Package operator implements the subcommands of an administrator: setup, fictional data, config check, key rotation,
// backup. It uses kinds, password rules and errors of package commands, which does not import it.
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

// A Setup runs `crm init`. It creates config, keyset, roles, database, schema and the first administrator. It does not
// change what exists, so an interrupted run can be repeated.
type Setup struct {
	Admin     *repo.Admin
	SchemaSQL string

	AppURL      string // of the app role; it must work at the end
	AppPassword string // password in AppURL; empty if the server needs none
	// written before the role is created, because it has the role's password; empty if AppURL is not new
	ConfigFile string
	Config     [][2]string // keys of two words and their values for ConfigFile

	KeysetFile      string        // created with the schema; empty if Keys has the keyset
	Keys            []byte        // content of the keyset; empty if KeysetFile has it
	SessionLifetime time.Duration // at most
	SessionIdle     time.Duration // without use; 0: forever
	Cost            security.Params

	// First has the known fields of the first administrator.
	First repo.User
	// Ask asks for the other fields; nil without a terminal.
	Ask    func(ctx context.Context, question string) (string, error)
	Secret func(context.Context, commands.SecretRequest) (string, error) // reads the password
	Say    func(string)

	Happened func(commands.Event) // called after the first administrator is created (R31)
}

// Run sets up and prints what it created. It creates nothing before every question is answered.
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
	if err := warnExposed(ctx, c.Admin, c.Say); err != nil {
		return made, err
	}
	return made, c.try(ctx)
}

// warnExposed prints the rights to create objects that the administrator may not revoke.
func warnExposed(ctx context.Context, admin *repo.Admin, say func(string)) error {
	exposed, err := admin.Exposed(ctx)
	for _, e := range exposed {
		say("warning: " + e)
	}
	return err
}

// Configure creates the config file like Run, and returns what it created.
func (c Setup) Configure(ctx context.Context) (made []string, err error) { return c.config(ctx, false) }

// Try connects as crm does.
func (c Setup) Try(ctx context.Context) error { return c.try(ctx) }

// config creates the config file if the connection string is new.
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

// keyset creates the key of the sealed columns before the schema exists. If the schema exists, its key is elsewhere,
// and values of a second key could not be decrypted with it.
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

// database creates roles, database and schema.
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

// sealingKey registers the keyset's key in a database that has none.
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

// try connects as crm does.
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

// firstAdmin asks for the first administrator. If there is one already, the password is nil.
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
		switch {
		case *field.text == "" && c.Ask == nil:
			return u, nil, fmt.Errorf("%w: %s is needed for the first administrator: there is no terminal to ask at",
				commands.ErrUsage, field.flag)
		case *field.text == "":
			if *field.text, err = c.askUntilValid(ctx, field.question, field.kind); err != nil {
				return u, nil, err
			}
		default:
			value, err := field.kind.Parse(nil, *field.text)
			if err != nil {
				invalid.Problems = append(invalid.Problems, repo.Problem{Field: field.flag, Text: err.Error()})
				continue
			}
			*field.text = value.(string)
		}
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

// askUntilValid repeats a question until the answer is valid, and returns its value.
func (c Setup) askUntilValid(ctx context.Context, question string, kind commands.Kind) (string, error) {
	for {
		text, err := c.Ask(ctx, question)
		if err != nil {
			return "", err
		}
		value, err := kind.Parse(nil, text)
		if err == nil {
			return value.(string), nil
		}
		c.Say("invalid: " + err.Error())
	}
}

// KeyIDs returns the keys of a keyset: of its content or, if that is empty, of its file.
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
