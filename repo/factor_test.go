package repo_test

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"crm/repo"
	"crm/security"
)

// totpAt returns the code of a secret at a time, as an authenticator app shows it.
func totpAt(t testing.TB, secret []byte, at time.Time) string {
	t.Helper()
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
	return ok[string](t)(totp.GenerateCodeCustom(text, at, totp.ValidateOpts{
		Period: 30, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
	}))
}

// A device is a person's second factor.
type device struct {
	w      *world
	person string
	secret []byte
	codes  []string // for recovery
}

// enrol enrols a second factor for a person.
func (w *world) enrol(person string) device {
	w.t.Helper()
	codes, hashes := security.NewRecoveryCodes()
	d := device{w, person, security.NewFactor(), codes}
	if err := w.as(person).EnableFactor(context.Background(), claim(person+"@epic.example", key(person), ""), d.secret,
		totpAt(w.t, d.secret, time.Now()), hashes); err != nil {
		w.t.Fatal(err)
	}
	d.unused()
	return d
}

// unused allows used codes to be used again.
func (d device) unused() { d.w.set("update second_factor set last_step = 0") }

func (d device) signIn(code string) error {
	_, err := d.w.db.SignIn(context.Background(), claim(d.person+"@epic.example", key(d.person), code), time.Hour, nil)
	return err
}

// withinStep calls do within one time step.
func withinStep(do func() error) error {
	for {
		step, err := time.Now().Unix()/30, do()
		if time.Now().Unix()/30 == step {
			return err
		}
	}
}

// RFC 6238, appendix B (the last six of its eight digits), and an independent implementation.
func TestTOTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := func(secret []byte, at time.Time) string {
		return read[string](w, "select totp($1, $2)", secret, at.Unix()/30)
	}
	for second, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037",
		20000000000: "353130",
	} {
		if got := code([]byte("12345678901234567890"), time.Unix(second, 0)); got != want {
			t.Errorf("at %d: %s, want %s", second, got, want)
		}
	}
	for length := 16; length <= 64; length++ {
		secret := make([]byte, length)
		_, _ = rand.Read(secret)
		at := time.Unix(int64(length)*98_765_432, 0)
		if got, want := code(secret, at), totpAt(t, secret, at); got != want {
			t.Errorf("%x at %v: %s, want %s", secret, at, got, want)
		}
	}
}

// A code is asked for only after a correct password. It is valid for its own step and one before and after, once;
// afterwards no earlier code is valid.
func TestFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if f := ok[repo.Factor](t)(w.as("sales1").Factor(t.Context())); f != (repo.Factor{}) {
		t.Errorf("before: %+v", f)
	}
	other := good(w.open("sales1"))
	d := w.enrol("sales1")
	if f := ok[repo.Factor](t)(w.as("sales1").Factor(t.Context())); f.Since == nil || f.RecoveryLeft != 10 {
		t.Errorf("after: %+v", f)
	}
	if _, err := w.try(other, "select * from users"); sqlstate(err) != "28000" {
		t.Errorf("another session outlived the enrolment: %v", err)
	}
	if err := d.signIn(""); !errors.Is(err, repo.ErrCode) {
		t.Errorf("without a code: %v", err)
	}
	for _, code := range []string{"", totpAt(t, d.secret, time.Now()), d.codes[0]} {
		if _, err := w.db.SignIn(t.Context(), claim(email, []byte("wrong"), code), time.Hour,
			nil); !errors.Is(err, repo.ErrCredentials) {
			t.Errorf("a wrong password with %q: %v", code, err)
		}
	}
	w.set("delete from sign_in_count where at < 'infinity'")
	for offset, wanted := range map[int]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		err := withinStep(func() error {
			d.unused()
			w.set("delete from sign_in_count where at < 'infinity'")
			return d.signIn(totpAt(t, d.secret, time.Now().Add(time.Duration(offset)*30*time.Second)))
		})
		if (err == nil) != wanted || err != nil && !errors.Is(err, repo.ErrCredentials) {
			t.Errorf("the code of step %+d: %v", offset, err)
		}
	}
	next := totpAt(t, d.secret, time.Now().Add(30*time.Second))
	d.unused()
	for i, code := range []string{next, next, totpAt(t, d.secret, time.Now())} {
		if err := d.signIn(code); (err == nil) != (i == 0) {
			t.Errorf("try %d: %v", i, err)
		}
	}
	for range 5 {
		if err := d.signIn("000000"); !errors.Is(err, repo.ErrCredentials) {
			t.Errorf("a wrong code: %v", err)
		}
	}
	d.unused()
	if err := d.signIn(totpAt(t, d.secret, time.Now())); !errors.Is(err, repo.ErrCredentials) {
		t.Errorf("guessing codes does not lock: %v", err)
	}
}

// Of many concurrent uses of one code exactly one signs in: codes of the device and recovery codes alike.
func TestOneCodeAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.enrol("sales1")
	for name, code := range map[string]string{"device": totpAt(t, d.secret, time.Now()), "recovery": d.codes[3]} {
		before := read[int](w, "select count(*) from session where collaborator_id = $1", w.ids["sales1"])
		w.set("delete from sign_in_count where at < 'infinity'")
		var all sync.WaitGroup
		for range 4 { // the fifth failure locks
			all.Go(func() {
				if err := d.signIn(code); err != nil && !errors.Is(err, repo.ErrCredentials) {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		all.Wait()
		if n := read[int](w, "select count(*) from session where collaborator_id = $1",
			w.ids["sales1"]) - before; n != 1 {
			t.Errorf("%s: %d sessions, want 1", name, n)
		}
	}
}

// Each recovery code signs in once, also in upper case and between spaces. A failed sign-in does not use it
// up.
func TestRecovery(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	d := w.enrol("sales1")
	if _, err := w.db.SignIn(ctx, claim(email, []byte("wrong"), d.codes[0]), time.Hour,
		nil); !errors.Is(err, repo.ErrCredentials) {
		t.Errorf("with a wrong password: %v", err)
	}
	for i, code := range d.codes {
		if i%2 == 1 {
			code = fmt.Sprintf(" %s ", strings.ToUpper(code))
		}
		if err := d.signIn(code); err != nil {
			t.Errorf("code %d: %v", i, err)
		}
		if err := d.signIn(code); !errors.Is(err, repo.ErrCredentials) {
			t.Errorf("code %d again: %v", i, err)
		}
	}
	if f := ok[repo.Factor](t)(w.as("sales1").Factor(ctx)); f.RecoveryLeft != 0 {
		t.Errorf("%d codes are left", f.RecoveryLeft)
	}
	if n := read[int](w, "select count(*) from audit where action = 'recovery-code'"); n != 10 {
		t.Errorf("the trail tells of %d codes for recovery", n)
	}
}

// A factor is enrolled, replaced and removed only with the password, a code of the present factor, and a code of the
// new one.
func TestFactorIsProven(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	mine := w.as("sales1")
	_, hashes := security.NewRecoveryCodes()
	secret := security.NewFactor()
	now := func(secret []byte) string { return totpAt(t, secret, time.Now()) }
	if err := mine.EnableFactor(ctx, claim(email, []byte("wrong"), ""), secret, now(secret),
		hashes); !errors.Is(err, repo.ErrCredentials) {
		t.Errorf("enabled with a wrong password: %v", err)
	}
	if err := mine.EnableFactor(ctx, claim(email, key("sales1"), ""), secret, now(security.NewFactor()),
		hashes); !errors.Is(err, repo.ErrInvalid) {
		t.Errorf("enabled with another secret's code: %v", err)
	}
	if err := mine.DisableFactor(ctx, claim(email, key("sales1"), "")); !errors.Is(err, repo.ErrNotFound) {
		t.Errorf("disabled what is not there: %v", err)
	}
	d := w.enrol("sales1")
	if err := mine.EnableFactor(ctx, claim(email, key("sales1"), ""), secret, now(secret),
		hashes); !errors.Is(err, repo.ErrCode) {
		t.Errorf("replaced without the code: %v", err)
	}
	if err := mine.DisableFactor(ctx, claim(email, key("sales1"), "")); !errors.Is(err, repo.ErrCode) {
		t.Errorf("disabled without the code: %v", err)
	}
	if err := mine.ChangePassword(ctx, claim(email, key("sales1"), ""), fresh()); !errors.Is(err, repo.ErrCode) {
		t.Errorf("a new password without the code: %v", err)
	}
	if err := mine.EnableFactor(ctx, claim(email, key("sales1"), now(d.secret)), secret, now(secret),
		hashes); err != nil {
		t.Errorf("replaced: %v", err)
	}
	d.unused()
	if err := mine.DisableFactor(ctx,
		claim(email, key("sales1"), now(d.secret))); !errors.Is(err, repo.ErrCredentials) {
		t.Errorf("disabled with the old device: %v", err)
	}
	if err := w.as("admin").RequireFactor(ctx, "sales", true); err != nil {
		t.Fatal(err)
	}
	if err := mine.DisableFactor(ctx, claim(email, key("sales1"), now(secret))); !errors.Is(err, repo.ErrConflict) {
		t.Errorf("disabled what the role must have: %v", err)
	}
	if err := w.as("admin").RequireFactor(ctx, "sales", false); err != nil {
		t.Fatal(err)
	}
	d.unused()
	if err := mine.DisableFactor(ctx, claim(email, key("sales1"), now(secret))); err != nil {
		t.Errorf("disabled: %v", err)
	}
	if err := d.signIn(""); err != nil {
		t.Errorf("a code is still asked for: %v", err)
	}
}

// A user who must first choose a password or enrol a second factor can do nothing else, regardless of their role.
func TestDuties(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	duty := func(person string) string {
		t.Helper()
		_, may, duty, err := w.as(person).Whoami(ctx)
		if err != nil || (len(may) == 0) != (duty != "") {
			t.Errorf("%s: %v, %v", person, may, err)
		}
		_, err = w.as(person).Users(ctx, repo.UserFilter{Page: repo.Page{Limit: 1}})
		if errors.Is(err, repo.ErrSignedOut) != (duty != "") {
			t.Errorf("%s with duty %q reads: %v", person, duty, err)
		}
		return duty
	}
	if got := duty("admin"); got != "" {
		t.Errorf("at first: %q", got)
	}
	if err := w.as("admin").RequireFactor(ctx, "admin", true); err != nil {
		t.Fatal(err)
	}
	if got := duty("admin"); got != "mfa" {
		t.Errorf("the factor is required: %q", got)
	}
	w.enrol("admin")
	if got := duty("admin"); got != "" {
		t.Errorf("with a factor: %q", got)
	}
	w.set("update credential set must_change = true where collaborator_id = $1", w.ids["sales1"])
	if got := duty("sales1"); got != "password" {
		t.Errorf("with a one-time password: %q", got)
	}
	if err := w.as("admin").ClearFactor(ctx, w.ids["sales1"]); !errors.Is(err, repo.ErrNotFound) {
		t.Errorf("cleared what is not there: %v", err)
	}
}
