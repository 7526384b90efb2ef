package program

import (
	"context"
	"os"
	"strconv"

	"crm/commands"
	"crm/commands/operator"
	"crm/repo"
	"crm/repo/place"
	"crm/shell"
)

// This file wires the setup of a database, and its backup and restore.

// init runs `crm init`: it creates the database, schema, roles, keyset and first administrator (S1).
func (p *program) init(ctx context.Context) error {
	at, err := p.locate(ctx)
	if err != nil {
		return err
	}
	setup, err := p.setup(&at)
	if err != nil {
		return err
	}
	return setup.Run(ctx)
}

// setup returns the changes to the config and the server that crm init and crm restore share.
func (p *program) setup(at *place.Place) (setup operator.Setup, err error) {
	if at.AdminURL == "" {
		return setup, usage("database.admin_url is not set: crm %s acts through an administrator's account of the "+
			"server, best given as CRM_DATABASE_ADMIN_URL", p.line.Command)
	}
	setup = operator.Setup{
		Admin: repo.NewAdmin(at.AdminURL, at.Names), SchemaSQL: p.schemaSQL, KeysetFile: p.keysetFile(),
		SessionLifetime: p.GetDuration("session.lifetime"), SessionIdle: p.GetDuration("session.idle"),
		Cost: p.passwordCost(),
		First: repo.User{
			Email: p.line.Text("admin-email"), FirstName: p.line.Text("admin-first-name"),
			LastName: p.line.Text("admin-last-name"),
		},
		Ask: shell.Asker(os.Stdin, os.Stderr), Secret: p.secrets().Read, Say: p.say, Happened: p.reporter.Happened,
	}
	if keys := os.Getenv("CRM_KEYSET"); keys != "" {
		setup.KeysetFile, setup.Keys = "", []byte(keys)
		if _, err := commands.Unseal([]byte(keys), ""); err != nil {
			return setup, err
		}
	}
	if at.URL == "" {
		if _, err := os.Stat(p.configFile); err == nil {
			return setup, usage(
				"database.url is missing in %s: write it there, crm %s makes the role, the password and "+
					"the database that it names", p.configFile, p.line.Command)
		}
		if err := at.Invent(); err != nil {
			return setup, usage("%w", err)
		}
		setup.ConfigFile, setup.Config = p.configFile, p.needed(at.URL)
	}
	setup.AppURL, setup.AppPassword = at.URL, at.Password()
	return setup, nil
}

// backup runs `crm backup`.
func (p *program) backup(ctx context.Context) error {
	_, admin, err := p.admin(ctx)
	if err != nil {
		return err
	}
	return operatorError(operator.Backup{
		Admin: admin, File: p.line.File, Force: p.line.Is("force"), Lock: p.lock(), Version: version,
		SchemaVersion: strconv.Itoa(repo.SchemaVersion),
		Program:       place.Program(p.GetString("embedded.bin_dir")), Say: p.say,
	}.Run(ctx))
}

// restore runs `crm restore`: it creates database, schema and roles as crm init does, and fills them from a backup.
func (p *program) restore(ctx context.Context) error {
	source, err := operator.Open(ctx, p.line.File, p.lock()) // before the private server is created
	if err != nil {
		return operatorError(err)
	}
	defer source.Close()
	at, err := p.locate(ctx)
	if err != nil {
		return err
	}
	setup, err := p.setup(&at)
	if err != nil {
		return err
	}
	return operatorError(operator.Restore{
		Admin: setup.Admin, Names: at.Names, Source: source, SchemaVersion: strconv.Itoa(repo.SchemaVersion),
		Upgrade: func(ctx context.Context, _ string) error {
			_, err := setup.Admin.Upgrade(ctx, p.schemaSQL, false)
			return err
		},
		Program: place.Program(p.GetString("embedded.bin_dir")), AppPassword: setup.AppPassword,
		Configure: setup.Configure, Try: setup.Try,
		Keys: func() ([]uint32, error) { return operator.KeyIDs([]byte(os.Getenv("CRM_KEYSET")), p.keysetFile()) },
		Say:  p.say,
	}.Run(ctx))
}

// lock returns the flags for the encryption of a backup.
func (p *program) lock() operator.Lock {
	return operator.Lock{
		Recipients: p.line.Texts("recipient"), IdentityFile: p.line.Text("identity"),
		PassphraseFile: p.line.Text("passphrase-file"),
	}
}
