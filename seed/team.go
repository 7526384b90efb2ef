package seed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crm/repo"
	"crm/security"
)

// A member of the team is a fictional collaborator with a seeding session.
type member struct {
	id     int64
	signer *security.Signer
}

// A team has the collaborators who do the work. Sales and support take turns.
type team struct {
	manager *member
	sales   []*member
	support []*member
}

// accounts returns the collaborators of a filling, those of the demo or of a real database. The administrator only
// exists with a password, and adds no records.
func accounts(demo, signIn bool) []repo.User {
	admin := repo.User{FirstName: "Nadia", LastName: "Renard", Email: "admin@epic.example", Role: "admin"}
	list := []repo.User{
		{FirstName: "Hélène", LastName: "Marchand", Email: "manage@epic.example", Role: "manage"},
		{FirstName: "Bill", LastName: "Boquet", Email: "sales1@epic.example", Role: "sales"},
		{FirstName: "Dawn", LastName: "Sanchez", Email: "sales2@epic.example", Role: "sales"},
		{FirstName: "Kate", LastName: "Hastroff", Email: "support1@epic.example", Role: "support"},
		{FirstName: "Aliénor", LastName: "Vichum", Email: "support2@epic.example", Role: "support"},
	}
	if !demo {
		admin = repo.User{FirstName: "Solène", LastName: "Exemple", Email: "admin@fictional.example", Role: "admin"}
		list = []repo.User{
			{FirstName: "Gaëlle", LastName: "Modèle", Email: "manage@fictional.example", Role: "manage"},
			{FirstName: "Anselme", LastName: "Fictif", Email: "sales1@fictional.example", Role: "sales"},
			{FirstName: "Bérénice", LastName: "Fable", Email: "sales2@fictional.example", Role: "sales"},
			{FirstName: "Côme", LastName: "Légende", Email: "support1@fictional.example", Role: "support"},
			{FirstName: "Désirée", LastName: "Conte", Email: "support2@fictional.example", Role: "support"},
		}
	}
	if demo || signIn {
		list = append([]repo.User{admin}, list...)
	}
	return list
}

// gather finds or adds the accounts and opens the sessions of those who do the work. added is the number of new
// accounts.
func gather(ctx context.Context, admin *repo.Admin, c Config) (t *team, added int, err error) {
	admin, release, err := admin.Hold(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer release()
	t = &team{}
	for _, u := range accounts(c.Demo, c.Password != "") {
		id, isNew, err := account(ctx, admin, u, c.passwords)
		if err != nil {
			return nil, 0, err
		}
		if isNew {
			added++
		}
		if u.Role == "admin" {
			continue
		}
		m, err := enter(ctx, admin, id)
		if err != nil {
			return nil, 0, err
		}
		switch u.Role {
		case "manage":
			t.manager = m
		case "sales":
			t.sales = append(t.sales, m)
		case "support":
			t.support = append(t.support, m)
		}
	}
	return t, added, nil
}

// account returns the ID of the fictional collaborator with the email, and adds a missing one. It returns an error for
// a real collaborator, and for one whose role has changed.
func account(ctx context.Context, admin *repo.Admin, u repo.User, next func() (*repo.Password, error)) (
	id int64, isNew bool, err error,
) {
	password, err := next()
	if err != nil {
		return 0, false, err
	}
	id, err = admin.AddUser(ctx, u, password, true)
	if !errors.Is(err, repo.ErrConflict) {
		return id, err == nil, err
	}
	found, err := admin.FictionalUser(ctx, u.Email, password)
	switch {
	case errors.Is(err, repo.ErrNotFound):
		return 0, false, fmt.Errorf("%s is the email of a real collaborator: %w", u.Email, repo.ErrConflict)
	case err == nil && found.Role != u.Role:
		return 0, false, fmt.Errorf("%s has the role %s by now, want %s: %w", u.Email, found.Role, u.Role,
			repo.ErrConflict)
	}
	return found.ID, false, err
}

// derive returns a function that returns the verifiers of the accounts, one at each call. They are derived in the
// background, while the database works.
func (c Config) derive() (next func() (*repo.Password, error)) {
	type derived struct {
		password *repo.Password
		err      error
	}
	n := len(accounts(c.Demo, c.Password != ""))
	all := make(chan derived, n)
	go func() {
		for range n {
			password, err := c.verifier()
			all <- derived{password, err}
		}
	}()
	return func() (*repo.Password, error) {
		d := <-all
		return d.password, d.err
	}
}

// verifier returns the verifier of the password with a new salt for every account; nil without a password.
func (c Config) verifier() (*repo.Password, error) {
	password, params := c.Password, security.DefaultParams()
	if c.Demo {
		// The lowest cost in OWASP's Password Storage Cheat Sheet: this password is not secret, and the demo starts at
		// once.
		password, params = DemoPassword, security.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1}
	}
	if password == "" {
		return nil, nil
	}
	if c.Params != (security.Params{}) {
		params = c.Params
	}
	v, err := security.NewVerifier(password, params)
	if err != nil {
		return nil, err
	}
	return &repo.Password{
		MemoryKiB: v.Memory, Iterations: v.Iterations, Parallelism: v.Parallelism, Salt: v.Salt,
		KeyHash: v.KeyHash,
	}, nil
}

// enter opens the seeding session of a collaborator. Its tokens use the database's clock.
func enter(ctx context.Context, admin *repo.Admin, id int64) (*member, error) {
	o, err := admin.OpenSeedingSession(ctx, id)
	if err != nil {
		return nil, err
	}
	ahead := time.Until(o.ServerTime)
	session := security.Session{ID: o.SessionID, UserID: o.UserID, Key: o.Key, Ends: o.Ends}
	return &member{
		id, security.NewSigner(session, 10*time.Minute, func() time.Time { return time.Now().Add(ahead) }),
	}, nil
}

// leave ends the sessions. A session that cannot be ended expires within the hour, and its key is gone.
func (t *team) leave(ctx context.Context, db *repo.DB) {
	for _, m := range append(append([]*member{t.manager}, t.sales...), t.support...) {
		_ = db.As(m.signer.Token).SignOut(ctx)
		m.signer.Wipe()
	}
}
