package repo_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

const email = "sales1@epic.example"

// signInAs signs in with a key and returns the result that the caller sees.
func (w *world) signInAs(email string, key []byte) error {
	_, err := w.db.SignIn(context.Background(), claim(email, key, ""), time.Hour, nil)
	return err
}

// wrong makes n failed attempts.
func (w *world) wrong(n int) {
	w.t.Helper()
	for range n {
		if err := w.signInAs(email, []byte("wrong")); !errors.Is(err, repo.ErrCredentials) {
			w.t.Fatalf("a wrong key: %v", err)
		}
	}
}

// later makes everything that was recorded older.
func (w *world) later(by string) {
	w.t.Helper()
	w.set("update sign_in_attempt set at = at - $1::interval", by)
	w.set("update sign_in_count set at = at - $1::interval where at < 'infinity'", by)
	w.set("update sign_in_success set at = at - $1::interval where at > '-infinity'", by)
}

// R25, R5: 50 concurrent attempts are all recorded. Afterwards the right key is refused, with the same message as a
// wrong key and an unknown email.
func TestSimultaneousTries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if err := w.signInAs(email, []byte("wrong")); !errors.Is(err, repo.ErrCredentials) {
				t.Errorf("a wrong key: %v", err)
			}
		})
	}
	all.Wait()
	if n := read[int](w, "select count(*) from sign_in_attempt where outcome in (1, 2)"); n != 50 {
		t.Errorf("%d failures were counted, want 50", n)
	}
	locked, unknown, other := w.signInAs(email, key("sales1")), w.signInAs("nobody@epic.example", key("sales1")),
		w.signInAs("sales2@epic.example", key("sales1"))
	if locked == nil || !reflect.DeepEqual(locked, unknown) || !reflect.DeepEqual(locked, other) {
		t.Errorf("told apart: locked %v, unknown %v, wrong %v", locked, unknown, other)
	}
	if err := w.signInAs("sales2@epic.example", key("sales2")); err != nil {
		t.Errorf("somebody else is locked out too: %v", err)
	}
}

// R25: the right key among many attempts that are recorded first and redeemed afterwards does not sign in.
func TestTriesInAdvance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var tickets [][]byte
	for i := range 9 {
		guess := []byte("wrong")
		if i == 0 {
			guess = key("sales1")
		}
		tickets = append(tickets, w.ticketOf(email, guess))
	}
	for i, ticket := range tickets {
		if said := outcome(w.pool, ticket); said != "refused" {
			t.Errorf("ticket %d: %v", i, said)
		}
	}
}

// R25: the fifth failure locks out the account for 30 seconds, and each further one for twice as long, an hour at most.
// Attempts during a lockout do not prolong it; a success resets the count.
func TestLockGrows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wrong(4)
	if err := w.signInAs(email, key("sales1")); err != nil {
		t.Fatalf("after 4 failures: %v", err)
	}
	w.wrong(4)
	if err := w.signInAs(email, key("sales1")); err != nil {
		t.Fatalf("after a success and 4 failures: %v", err)
	}
	w.wrong(5)
	for i, wait := range []int{30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600} {
		// The newest failure that counts is moved to just before, and then just after, the end of the lockout.
		move := func(seconds int) {
			w.later(read[time.Duration](w, `select make_interval(secs => $1) - (clock_timestamp() - (select max(at)
				from sign_in_attempt where outcome = 1))`, seconds).String())
		}
		move(wait - 5)
		if err := w.signInAs(email, key("sales1")); !errors.Is(err, repo.ErrCredentials) {
			t.Fatalf("lock %d of %d s is open 5 s too early: %v", i, wait, err)
		}
		w.wrong(1) // not counted
		move(wait + 1)
		if read[bool](w, "select locked_until(sha256($1), '', null, 0) > clock_timestamp()", []byte(email)) {
			t.Fatalf("lock %d holds longer than %d s", i, wait)
		}
		w.wrong(1)
	}
	w.later("2 hours")
	if err := w.signInAs(email, key("sales1")); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	w.wrong(4)
	if err := w.signInAs(email, key("sales1")); err != nil {
		t.Errorf("the old streak was not forgotten: %v", err)
	}
}

// R25: an attempt that is rolled back reveals nothing: in its own transaction its ticket is refused, even with
// savepoints, and afterwards it does not exist. Tickets are valid once, for a minute.
func TestTickets(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	h := w.hold(t)
	sign := func() []byte {
		t.Helper()
		return ok[[]byte](t)((&rawTry{email: email, key: key("sales1")}).sign(h))
	}
	open := func(ticket []byte, want string) {
		t.Helper()
		if said := outcome(h, ticket); said != want {
			t.Errorf("open_session: %v, want %q", said, want)
		}
	}
	h.do("begin")
	ticket := sign()
	h.do("savepoint a")
	open(ticket, "28P01")
	h.do("rollback to a")
	h.do("savepoint b")
	ticket = sign()
	h.do("release b")
	open(ticket, "28P01")
	h.do("rollback")
	open(ticket, "28P01")
	arguments := ok[[]any](t)((&rawTry{email: email, key: key("sales1")}).arguments(h))
	if _, err := h.Exec(ctx, "select open_session(sign_in($1, $2, $3, $4, $5, $6, $7), '1 hour')",
		arguments...); sqlstate(err) != "28P01" {
		t.Errorf("in one statement: %v", err)
	}
	ticket = sign()
	open(ticket, "opened")
	open(ticket, "28P01")
	ticket = sign()
	w.later("61 seconds")
	open(ticket, "28P01")
	ticket = sign()
	w.set("update credential set key_hash = sha256('new') where collaborator_id = $1", w.ids["sales1"])
	open(ticket, "refused") // of the old password
	ticket = sign()
	w.set("update collaborator set deleted_at = now() where email = $1", email)
	open(ticket, "refused")
}

// R27, S3: a session ends at the company's limit, regardless of the requested lifetime.
func TestLifetime(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	for lifetime, want := range map[time.Duration]time.Duration{
		time.Hour: time.Hour, 1000 * time.Hour: 12 * time.Hour, -time.Hour: time.Second,
	} {
		o := ok[repo.Opening](t)(w.db.SignIn(ctx, claim(email, key("sales1"), ""), lifetime, nil))
		if got := o.Ends.Sub(o.ServerTime).Round(time.Second); got != want {
			t.Errorf("asked for %v, got %v, want %v", lifetime, got, want)
		}
	}
}

// R5: the parameters for an unknown email look like those of a known one, and stay the same.
func TestUnknownEmail(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	salts := map[string]bool{}
	for _, address := range []string{
		"nobody@epic.example", "", "x", strings.Repeat("x", 10000), "' or 1 = 1 --", "admin@epic.example ",
	} {
		first := ok[repo.Derivation](t)(w.db.SignInParams(ctx, address))
		again := ok[repo.Derivation](t)(w.db.SignInParams(ctx, strings.ToUpper(address)))
		if len(first.Nonce) != 40 || slices.Equal(first.Nonce, again.Nonce) {
			t.Errorf("%.30q: nonces %x, then %x", address, first.Nonce, again.Nonce)
		}
		first.Nonce, again.Nonce = nil, nil
		if !reflect.DeepEqual(first, again) || len(first.Salt) != 16 || first.MemoryKiB != 64 ||
			first.Iterations != 1 || first.Parallelism != 1 {
			t.Errorf("%.30q: %v, then %v", address, first, again)
		}
		salts[string(first.Salt)] = true
	}
	if len(salts) != 6 {
		t.Errorf("%d different salts for 6 emails", len(salts))
	}
}

// passwordPurpose is the purpose of a ticket for a new password.
func passwordPurpose(p repo.Password) []byte {
	cost := fmt.Appendf(nil, "password")
	for _, n := range []uint32{p.MemoryKiB, p.Iterations, uint32(p.Parallelism)} {
		cost = binary.BigEndian.AppendUint32(cost, n)
	}
	return slices.Concat(cost, p.Salt, p.KeyHash)
}

// R25, S11: the current password is required. Each wrong one counts even if it is rolled back. The other sessions end
// with the old password.
func TestChangePassword(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	hash := sha256.Sum256(key("new"))
	next := repo.Password{MemoryKiB: 64, Iterations: 1, Parallelism: 1, Salt: make([]byte, 16), KeyHash: hash[:]}
	other, mine := good(w.open("sales1")), w.as("sales1")
	if err := mine.ChangePassword(ctx, claim(email, []byte("wrong"), ""), next); !errors.Is(err, repo.ErrCredentials) {
		t.Errorf("a wrong current key: %v", err)
	}
	what := passwordPurpose(next)
	change := "select outcome from change_password($1, 64, 1, 1, $2, $3)"
	_, err := w.inTx(w.token("sales1"), func(tx pgx.Tx) (int64, error) { // guessed and rolled back
		ticket := ok[[]byte](t)((&rawTry{email: email, key: key("sales1"), what: what}).sign(tx))
		_, err := tx.Exec(ctx, change, ticket, next.Salt, next.KeyHash)
		return 1, err
	})
	if sqlstate(err) != "28P01" {
		t.Errorf("the outcome is told in the transaction of the try: %v", err)
	}
	// A ticket of another account.
	stolen := ok[[]byte](t)((&rawTry{email: "sales2@epic.example", key: key("sales2"), what: what}).sign(w.pool))
	if _, err := w.try(w.token("sales1"), change, stolen, next.Salt, next.KeyHash); sqlstate(err) != "28P01" {
		t.Errorf("with the ticket of another account: %v", err)
	}
	if err := mine.ChangePassword(ctx, claim(email, key("sales1"), ""), next); err != nil {
		t.Fatal(err)
	}
	if _, err := w.try(other, "select * from users"); sqlstate(err) != "28000" {
		t.Errorf("another session outlived the password: %v", err)
	}
	if _, err := mine.User(ctx, 1); err != nil {
		t.Errorf("the own session ended: %v", err)
	}
	if err := w.signInAs(email, key("sales1")); !errors.Is(err, repo.ErrCredentials) {
		t.Errorf("the old password: %v", err)
	}
	if err := w.signInAs(email, key("new")); err != nil {
		t.Errorf("the new password: %v", err)
	}
	w.wrong(5)
	if err := mine.ChangePassword(ctx, claim(email, key("new"), ""), next); !errors.Is(err, repo.ErrCredentials) {
		t.Errorf("while locked: %v", err)
	}
}
