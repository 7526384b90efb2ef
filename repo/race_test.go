package repo_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"crm/repo"
)

// atOnce notes n wrong tries of an address, none of which knows of another, and answers how many of their tickets open something.
func (w *world) atOnce(t *testing.T, n int, email string) (opened int) {
	t.Helper()
	all := make([]held, n)
	for i := range all {
		all[i] = w.hold(t)
		defer all[i].Close(t.Context())
		all[i].do("begin")
	}
	each := func(do func(i int) error) {
		t.Helper()
		steps := make([]func() error, n)
		for i := range steps {
			steps[i] = func() error { return do(i) }
		}
		for _, err := range together(steps...) {
			if err != nil {
				t.Error(err)
			}
		}
	}
	tickets := make([][]byte, n)
	each(func(i int) error {
		return all[i].QueryRow(t.Context(), "select sign_in($1, $2)", email, []byte{byte(i)}).Scan(&tickets[i])
	})
	each(func(i int) error {
		_, err := all[i].Exec(t.Context(), "commit")
		return err
	})
	told := make([]string, n)
	each(func(i int) error {
		_, err := all[i].Exec(t.Context(), "select open_session($1, '1 hour')", tickets[i])
		told[i] = sqlstate(err)
		return nil
	})
	return n - len(slices.DeleteFunc(told, func(s string) bool { return s != "28P01" }))
}

// R25: of 50 failures at the same time as many count as would one after the other: five, and the account waits for 30 seconds, not
// for the hour of 50. At the end of the wait one more counts, and so on.
func TestFailuresAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, wait := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute} {
		if opened := w.atOnce(t, 50, email); opened != 0 {
			t.Errorf("%d wrong keys opened a session", opened)
		}
		if n := read[int](w, "select count(*) from sign_in_attempt where not succeeded"); n != 50*(i+1) {
			t.Errorf("%d failures are noted, want %d", n, 50*(i+1))
		}
		// The first five count; later, with the wait over, only the first.
		got := read[time.Duration](w, `select locked_until(sha256($1), $2, null, 0) - (select at from sign_in_attempt where at > clock_timestamp() - interval '20 seconds'
			order by at, id offset $3 limit 1)`, []byte(email), w.ids["sales1"], map[bool]int{true: 4}[i == 0])
		if got != wait {
			t.Errorf("after %d failures the wait is %v, want %v", 50*(i+1), got, wait)
		}
		if err := w.signInAs(email, key("sales1")); !errors.Is(err, repo.ErrCredentials) {
			t.Errorf("the account is not locked: %v", err)
		}
		w.later((wait + time.Second).String())
	}
	if err := w.signInAs(email, key("sales1")); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	if n := read[int](w, "select count(*) from audit where action = 'sign-in-failed'"); n < 5 {
		t.Errorf("the trail has %d failures", n)
	}
}

// R25: of all who redeem one ticket at the same time one has the session.
func TestTicketRace(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	for range 20 {
		var ticket []byte
		if err := w.pool.QueryRow(ctx, "select sign_in($1, $2)", email, key("sales1")).Scan(&ticket); err != nil {
			t.Fatal(err)
		}
		before := read[int](w, "select count(*) from session")
		redeem := func() error {
			_, err := w.pool.Exec(ctx, "select open_session($1, '1 hour')", ticket)
			if sqlstate(err) == "28P01" {
				return repo.ErrCredentials
			}
			return err
		}
		if n := succeeded(t, together(redeem, redeem, redeem, redeem), repo.ErrCredentials); n != 1 {
			t.Errorf("%d redeemed it", n)
		}
		if n := read[int](w, "select count(*) from session") - before; n != 1 {
			t.Errorf("%d sessions of one ticket", n)
		}
	}
}
