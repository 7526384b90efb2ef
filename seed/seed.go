// Package seed fills a database with fictional data for demos, training and tests.
//
// It uses the same functions as for real data: fictional collaborators, each in their own session, add customers, sign
// contracts and book events, and PostgreSQL checks every step. It marks their records as fictional for
// [repo.Admin.Purge].
//
//	seed.go        the configuration, and the run
//	team.go        the accounts and their sessions
//	plan.go        the plan: steps in an order that depends on Config.Seed alone
//	customer.go contract.go event.go   the steps of each noun
//	story.go       the first records of every filling, for the documentation
//	people.go trade.go   lists of names, companies, kinds of events, notes
package seed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crm/repo"
	"crm/security"
)

// DemoPassword is the password of all demo accounts. It is published: it exists in a demo database
// and nowhere else.
const DemoPassword = "Epic-Events-2026!"

// The amounts that a demo has and `crm seed` proposes.
const (
	DefaultCustomers = 40
	DefaultContracts = 60
	DefaultEvents    = 45
)

// A Config says what to fill in. The amounts mean what they say: 0 is none.
type Config struct {
	Customers, Contracts, Events int

	Demo bool // the accounts at epic.example with DemoPassword; else those at fictional.example
	// of the accounts at fictional.example; without one they cannot sign in, and there is no administrator
	Password string
	Params   security.Params // what the passwords cost; zero is security.DefaultParams, and little in a demo

	Now  time.Time      // no record is stamped later; all dates are relative to it
	Zone *time.Location // of office hours and days; nil: UTC
	Seed uint64         // in an empty database, the same Seed and Now create the same data with the same IDs

	passwords func() (*repo.Password, error) // of the next account; nil: Fill derives them
}

// Made counts the records that a filling added, by noun. Existing accounts do not count.
type Made = repo.Counts

// errConfig is the error for impossible amounts.
var errConfig = errors.New("cannot be filled in")

// Fill adds fictional data. After an error none of it remains but the accounts. It uses the accounts of an earlier
// filling again, and avoids their bookings. The timestamps of records are from the past 18 months; coming events are in
// the next 8 months. It must end within the hour of a seeding session. progress may be nil.
func Fill(ctx context.Context, admin *repo.Admin, db *repo.DB, c Config, progress func(done, total int)) (Made, error) {
	if err := c.Check(); err != nil {
		return Made{}, err
	}
	if progress == nil {
		progress = func(done, total int) {}
	}
	made, err := fill(ctx, admin, db, c, progress)
	if err != nil {
		return Made{}, fmt.Errorf("fictional data: %w", err)
	}
	return made, nil
}

func fill(ctx context.Context, admin *repo.Admin, db *repo.DB, c Config, progress func(done, total int)) (Made, error) {
	if c.passwords == nil {
		c.passwords = c.derive()
	}
	t, added, err := gather(ctx, admin, c)
	if err != nil {
		return Made{}, err
	}
	defer t.leave(context.WithoutCancel(ctx), db)
	p := newPlan(c, t)
	if err := p.diary.load(ctx, db, t); err != nil {
		return Made{}, err
	}
	p.everything(c)
	made, err := p.perform(ctx, db, progress)
	made.Users = added
	if err == nil {
		err = admin.FlushTokens(ctx)
	}
	return made, err
}

// Check returns an error for impossible amounts: a contract needs a customer of the same filling, an event needs a
// contract.
func (c Config) Check() error {
	switch {
	case c.Customers < 0 || c.Contracts < 0 || c.Events < 0:
		return fmt.Errorf("a negative number of records %w", errConfig)
	case c.Contracts > 0 && c.Customers == 0:
		return fmt.Errorf("contracts without customers %w: want at least 1 customer", errConfig)
	case c.Events > 0 && c.Contracts == 0:
		return fmt.Errorf("events without contracts %w: want at least 1 contract", errConfig)
	case c.Now.IsZero():
		return fmt.Errorf("a time without Now %w", errConfig)
	}
	return nil
}
