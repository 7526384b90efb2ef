package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"crm/repo"
	"crm/security"
)

// A Setup is what `crm init` does: roles, database, schema, keyset and the first administrator. Whatever is there
// stays as it is.
type Setup struct {
	Admin           *repo.Admin
	SchemaSQL       string
	AppPassword     string // of the app role; empty where the server asks for none
	KeysetFile      string // made with the schema; empty when the keyset comes from elsewhere
	SessionLifetime string // at most, as an interval of PostgreSQL
	Cost            security.Params

	First  func() (repo.User, error)                            // asks who the first administrator is
	Secret func(context.Context, SecretRequest) (string, error) // asks for their password
}

// Run sets up and says what it made; nothing when all was there.
func (c Setup) Run(ctx context.Context) (made []string, err error) {
	keyset, err := c.keyset(ctx)
	if err != nil {
		return nil, err
	}
	made = append(made, keyset...)
	schema, err := c.Admin.Setup(ctx, c.SchemaSQL, c.AppPassword)
	made = append(made, schema...)
	if err != nil {
		return made, err
	}
	changed, err := c.Admin.SetSessionLifetime(ctx, c.SessionLifetime)
	if err != nil {
		return made, err
	}
	if changed {
		made = append(made, "session lifetime "+c.SessionLifetime)
	}
	there, err := c.Admin.HasRole(ctx, "admin")
	if err != nil || there {
		return made, err
	}
	admin, err := c.firstAdmin(ctx)
	if err != nil {
		return made, err
	}
	return append(made, "administrator "+admin), nil
}

// keyset makes the key of the sealed columns, before there is anything to seal. A database that is
// there already has its key elsewhere: a second one would seal what the first cannot open.
func (c Setup) keyset(ctx context.Context) (made []string, err error) {
	if c.KeysetFile == "" {
		return nil, nil
	}
	if _, err := os.Stat(c.KeysetFile); err == nil {
		return nil, nil
	}
	there, err := c.Admin.HasSchema(ctx)
	if err != nil {
		return nil, err
	}
	if there {
		return nil, fmt.Errorf("%w: the database is there, its keyset %s is not: copy it from the machine that made the database, or set CRM_KEYSET", repo.ErrConflict, c.KeysetFile)
	}
	if err := security.WriteKeyset(c.KeysetFile); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w: the keyset cannot be written: %w", ErrUsage, err)
	}
	return []string{"keyset " + c.KeysetFile}, nil
}

func (c Setup) firstAdmin(ctx context.Context) (string, error) {
	u, err := c.First()
	if err != nil {
		return "", err
	}
	var invalid repo.Invalid
	for _, field := range []struct {
		flag string
		text *string
		kind Kind
	}{{"--admin-email", &u.Email, Required(Email)}, {"--admin-first-name", &u.FirstName, Required(Text(nameLimit))}, {"--admin-last-name", &u.LastName, Required(Text(nameLimit))}} {
		value, err := field.kind.Parse(nil, *field.text)
		if err != nil {
			invalid.Problems = append(invalid.Problems, repo.Problem{Field: field.flag, Text: err.Error()})
			continue
		}
		*field.text = value.(string)
	}
	if len(invalid.Problems) > 0 {
		return "", invalid
	}
	password, err := c.Secret(ctx, SecretRequest{Question: "password for " + u.Email, Env: true, Twice: true})
	if err != nil {
		return "", err
	}
	verifier, err := Verifier(password, c.Cost)
	if err != nil {
		return "", err
	}
	u.Role = "admin"
	_, err = c.Admin.AddUser(ctx, u, verifier, false)
	return u.Email, err
}
