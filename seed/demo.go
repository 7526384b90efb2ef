package seed

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"crm/repo"
	"crm/security"
)

// A DemoPlace is the location of a demo's data.
type DemoPlace struct {
	Admin      *repo.Admin
	SchemaSQL  string
	KeysetFile string
	Open       func() (*repo.DB, error) // called when schema and keyset exist
}

// Demo creates the demo's database unless it is complete. It starts over if an earlier attempt was not finished or the
// keyset is missing. Only one process does this at a time; begin is called when the work begins.
func Demo(ctx context.Context, at DemoPlace, c Config, begin func()) error {
	return at.Admin.Alone(ctx, func() error {
		if filled, err := at.filled(ctx); filled || err != nil {
			return err
		}
		begin()
		c.Demo = true
		c.passwords = c.derive()
		if err := at.Admin.DropDatabase(ctx); err != nil {
			return err
		}
		if err := security.WriteKeyset(at.KeysetFile); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if _, err := at.Admin.Setup(ctx, at.SchemaSQL, ""); err != nil {
			return err
		}
		if err := at.registerKey(ctx); err != nil {
			return err
		}
		db, err := at.Open()
		if err != nil {
			return err
		}
		defer db.Close()
		if _, err := Fill(ctx, at.Admin, db, c, nil); err != nil {
			return err
		}
		return at.Admin.Note(ctx, done)
	})
}

// registerKey makes the database accept values sealed with the keyset.
func (at DemoPlace) registerKey(ctx context.Context) error {
	keyring, err := security.OpenKeyring(at.KeysetFile)
	if err != nil {
		return err
	}
	_, err = at.Admin.RegisterKey(ctx, keyring.KeyID())
	return err
}

// Amounts returns a Config with numbers of records. For nil it chooses a number that fits the one before: of customers,
// contracts, events.
func Amounts(customers, contracts, events *int) (c Config) {
	or := func(given *int, proposed int) int {
		if given != nil {
			return *given
		}
		return proposed
	}
	c.Customers = or(customers, DefaultCustomers)
	c.Contracts = or(contracts, c.Customers*DefaultContracts/DefaultCustomers)
	c.Events = or(events, c.Contracts*DefaultEvents/DefaultContracts)
	return c
}

// done is noted in a demo's database when it is complete.
const done = "demo_filled"

func (at DemoPlace) filled(ctx context.Context) (bool, error) {
	if _, err := os.Stat(at.KeysetFile); err != nil {
		return false, nil
	}
	there, err := at.Admin.HasSchema(ctx)
	if errors.Is(err, repo.ErrConflict) {
		return false, nil // not crm's
	}
	if !there || err != nil {
		return false, err
	}
	return at.Admin.Noted(ctx, done)
}
