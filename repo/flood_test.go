package repo_test

import (
	"errors"
	"testing"
	"time"

	"crm/repo"
)

// S12: a flood hides no failure. A sign-in writes up to 200 failed attempts to the trail and deletes those that are
// older than two days and recorded; the others stay, however old, until a later sign-in writes them.
func TestFloodHidesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const flood, wrong = 450, 3
	w.set(`insert into sign_in_attempt (address, name_hash, nonce, client_nonce, proof, device, device_proof, ticket,
		outcome)
		select sha256(b), sha256(b), sha256(b) || '12345678', sha256(b), sha256(b), sha256(b), sha256(b), sha256(b),
			case when i % 2 = 0 then 1 else 0 end
		from generate_series(1, $1) i, convert_to(i::text, 'UTF8') b`, flood)
	w.wrong(wrong)
	w.later("3 days")
	written := func() int { return read[int](w, "select count(*) from audit where action = 'sign-in-failed'") }
	for range 3 {
		if err := w.signInAs("sales2@epic.example", key("sales2")); err != nil {
			t.Fatal(err)
		}
		if left := read[int](w,
			"select count(*) from sign_in_attempt where not noted and outcome <= 3"); written()+left != flood+wrong {
			t.Errorf("%d failures are on the trail and %d are left of %d", written(), left, flood+wrong)
		}
	}
	if n := written(); n != flood+wrong {
		t.Errorf("%d of %d failures are on the trail", n, flood+wrong)
	}
	if n := read[int](w, "select count(*) from audit where action = 'sign-in-failed' and entity_id = $1",
		w.ids["sales1"]); n != wrong {
		t.Errorf("%d failures of the account are on the trail, want %d", n, wrong)
	}
}

// A code that signed in is valid for nothing else, in that session or another; nor does a session remove the factor
// without password and code.
func TestCodeInAnotherSession(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	d := w.enrol("sales1")
	other := w.as("sales1")
	for name, code := range map[string]string{"device": totpAt(t, d.secret, time.Now()), "recovery": d.codes[0]} {
		if err := d.signIn(code); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c := claim(email, key("sales1"), code)
		for use, err := range map[string]error{
			"disable":  other.DisableFactor(ctx, c),
			"password": other.ChangePassword(ctx, c, fresh()),
			"replace":  other.EnableFactor(ctx, c, []byte("another secret"), "000000", nil),
		} {
			if !errors.Is(err, repo.ErrCredentials) {
				t.Errorf("%s, %s: %v", name, use, err)
			}
		}
		w.set("delete from sign_in_count where at < 'infinity'")
		if err := other.DisableFactor(ctx, claim(email, key("sales1"), "")); !errors.Is(err, repo.ErrCode) {
			t.Errorf("%s: without a code: %v", name, err)
		}
	}
}
