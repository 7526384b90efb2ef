package repo_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo"
	"crm/security"
)

// fresh is the stored data of another password.
func fresh() repo.Password {
	return repo.Password{
		MemoryKiB: 64, Iterations: 1, Parallelism: 1, Salt: make([]byte, 16), KeyHash: make([]byte, 32),
	}
}

// revocations are the actions that end the sessions of a thief of sales1's password.
func revocations(w *world) map[string]func(ctx context.Context) error {
	codes := func() [][]byte { _, hashes := security.NewRecoveryCodes(); return hashes }
	secret := security.NewFactor()
	return map[string]func(ctx context.Context) error{
		"password": func(ctx context.Context) error {
			return w.as("sales1").ChangePassword(ctx, claim(email, key("sales1"), ""), fresh())
		},
		"reset": func(ctx context.Context) error {
			return failed(w.as("admin").ResetPassword(ctx, w.ids["sales1"], fresh()))
		},
		"factor": func(ctx context.Context) error {
			return w.as("sales1").EnableFactor(ctx, claim(email, key("sales1"), ""), secret,
				totpAt(w.t, secret, time.Now()), codes())
		},
		"others": func(ctx context.Context) error { return failed(w.as("sales1").EndOtherSessions(ctx)) },
		"role": func(ctx context.Context) error {
			return failed(w.as("admin").UpdateUser(ctx, w.ids["sales1"], repo.Change{"role": text("support")}, nil))
		},
		"deleted": func(ctx context.Context) error {
			return failed(w.as("admin").DeleteUser(ctx, w.ids["sales1"], nil))
		},
	}
}

// A session or a ticket that a thief keeps in an open transaction, while the password or the second factor is changed,
// is invalid afterwards.
func TestNothingIsKeptBack(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"password", "reset", "factor"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			ctx, w := t.Context(), newWorld(t)
			w.as("sales1")
			held := rawTry{email: email, key: key("sales1")}
			ticket, later := ok[[]byte](t)(held.sign(w.pool)), w.ticketOf(email, key("sales1"))
			tx, err := w.pool.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			o := ok[repo.Opening](t)(held.opening(tx, ticket))
			if err := revocations(w)[how](ctx); err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit(ctx); err != nil {
				t.Fatal(err)
			}
			if _, err := w.try(good(o), "select * from users"); sqlstate(err) != "28000" {
				t.Errorf("a session from an open transaction: %v", err)
			}
			if said := outcome(w.pool, later); said == "opened" {
				t.Errorf("a ticket from before: %v", said)
			}
			if how != "reset" {
				if _, err := w.as("sales1").User(ctx, 1); err != nil {
					t.Errorf("the owner's own session: %v", err)
				}
			}
		})
	}
}

// A sign-in with the old password, concurrent with its change, gets no session.
func TestSignInWhileThePasswordChanges(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	tx := ok[pgx.Tx](t)(w.owner.Begin(ctx))
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(ctx,
		"update credential set key_hash = sha256('new'), changed_at = clock_timestamp() where collaborator_id = $1",
		w.ids["sales1"]); err != nil {
		t.Fatal(err)
	}
	o := w.open("sales1")
	if _, err := w.try(good(o), "select * from users"); err != nil {
		t.Errorf("before it is changed: %v", err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := w.try(good(o), "select * from users"); sqlstate(err) != "28000" {
		t.Errorf("afterwards: %v", err)
	}
}

// A thief cannot prevent the end of a stolen session by holding locks.
func TestLocksDoNotKeepASession(t *testing.T) {
	t.Parallel()
	ends := revocations(nil)
	ends["one"] = nil
	for how := range ends {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			w.as("sales1")
			o := w.open("sales1")
			// Each locks rows that the others need; they give up.
			for _, sql := range []string{
				"select sign_out()", "select end_other_sessions()", fmt.Sprintf("select end_session(%d)", o.SessionID),
			} {
				h := w.hold(t)
				h.do(fmt.Sprintf("set crm.token = '%s'; set lock_timeout = '100ms'", good(o)))
				h.do("begin")
				_, _ = h.Exec(ctx, sql)
			}
			end := revocations(w)[how]
			if how == "one" {
				end = func(ctx context.Context) error { return w.as("sales1").EndSession(ctx, o.SessionID) }
			}
			if err := end(ctx); err != nil {
				t.Fatal(err)
			}
			if _, err := w.try(good(o), "select * from users"); sqlstate(err) != "28000" {
				t.Errorf("the session goes on: %v", err)
			}
		})
	}
}

// A permission on others' accounts does not bypass the proofs of one's own account. Only a role that may remove factors
// forgives wrong codes.
func TestOwnAccess(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	w.enrol("admin")
	is(t, w.as("admin").ClearFactor(ctx, w.ids["admin"]), repo.ErrInvalid, "one's own factor is removed without a code")
	is(t, w.as("manage").Unlock(ctx, w.ids["manage"]), repo.ErrInvalid, "one's own guesses are forgiven")
	d := w.enrol("sales1")
	for range 5 {
		if err := d.signIn("000000"); !errors.Is(err, repo.ErrCredentials) {
			t.Errorf("a wrong code: %v", err)
		}
	}
	locked := func() bool { return d.signIn(totpAt(t, d.secret, time.Now())) != nil }
	if err := w.as("manage").Unlock(ctx, w.ids["sales1"]); err != nil || !locked() {
		t.Errorf("a role that may not remove a factor forgives wrong codes: %v", err)
	}
	if err := w.as("admin").Unlock(ctx, w.ids["sales1"]); err != nil || locked() {
		t.Errorf("unlocked by an admin, still locked: %v", err)
	}
}
