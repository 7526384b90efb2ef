package seed_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"crm/repo"
	"crm/seed"
)

// A second filling adds records and uses the same accounts, without double bookings.
func TestAgain(t *testing.T) {
	w, c := newWorld(t), demo()
	first := w.fill(c)
	c.Now = c.Now.Add(time.Hour)
	second := w.fill(c)
	if first.Users != 6 || second.Users != 0 || second.Customers != c.Customers || w.counts().Events != 2*c.Events {
		t.Errorf("first %+v, second %+v, found %+v", first, second, w.counts())
	}
	w.noOverlap()
}

// An account of a real collaborator is not changed.
func TestRealAccount(t *testing.T) {
	w, c := newWorld(t), demo()
	c.Customers, c.Contracts, c.Events = 4, 4, 3
	w.addUser("sales1@epic.example", "sales")
	if _, err := seed.Fill(context.Background(), w.admin, w.db, c, nil); !errors.Is(err, repo.ErrConflict) {
		t.Errorf("acting as a real collaborator: %v", err)
	}
	w = newWorld(t)
	w.fill(c)
	_, err := w.owner.Exec(context.Background(), `update event set support_id = null where support_id is not null;
		update collaborator set role = 'manage' where email = 'support2@epic.example'`)
	must(t, err)
	if _, err := seed.Fill(context.Background(), w.admin, w.db, c, nil); !errors.Is(err, repo.ErrConflict) {
		t.Errorf("acting for another role: %v", err)
	}
}

// An interrupted filling leaves only the accounts.
func TestInterrupted(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	made, err := seed.Fill(ctx, w.admin, w.db, demo(), func(done, total int) {
		if done == total/2 {
			cancel()
		}
	})
	if found := w.counts(); !errors.Is(err, context.Canceled) || made != (seed.Made{}) ||
		found != (seed.Made{Users: 6}) {
		t.Errorf("made %+v, found %+v, %v", made, found, err)
	}
}

// S2, R5: with a password, each role has a test account; without one, no fictional account can sign in.
func TestAccounts(t *testing.T) {
	ctx, w, c := context.Background(), newWorld(t), demo()
	c.Demo, c.Customers, c.Contracts, c.Events = false, 2, 2, 0
	if made := w.fill(c); made.Users != 5 || w.count("select count(*) from credential") != 0 {
		t.Fatalf("without a password: %+v", made)
	}
	if _, err := w.signIn("manage@fictional.example", ""); !errors.Is(err, repo.ErrCredentials) {
		t.Errorf("signed in without a password: %v", err)
	}
	c.Password = "Another-Secret-42"
	if made := w.fill(c); made.Users != 1 {
		t.Fatalf("with a password: %+v", made)
	}
	var roles []string
	for _, who := range []string{"admin", "manage", "sales1", "sales2", "support1", "support2"} {
		u, _, _, err := w.as(who+"@fictional.example", c.Password).Whoami(ctx)
		must(t, err)
		roles = append(roles, u.Role)
	}
	if want := []string{"admin", "manage", "sales", "sales", "support", "support"}; !slices.Equal(roles, want) {
		t.Errorf("roles %v, want %v", roles, want)
	}
	if n := w.count("select count(distinct salt) from credential"); n != 6 {
		t.Errorf("%d salts for 6 accounts", n)
	}
	c.Password = "Yet-Another-43"
	w.fill(c)
	if _, err := w.signIn("admin@fictional.example", c.Password); !errors.Is(err, repo.ErrCredentials) {
		t.Errorf("a second filling has changed the password: %v", err)
	}
}
