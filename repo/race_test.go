package repo_test

import (
	"errors"
	"slices"
	"strconv"
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
		t.Logf("%d of them knew of no lock", read[int](w, "select count(*) from sign_in_attempt where counted"))
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

// R25: failures from anywhere lock an account, but not for whoever has signed in from where they sit within 30 days; there only failures
// from there count. A client that fails at many addresses waits too.
func TestLockByClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const home, stranger, other = "192.0.2.1", "198.51.100.1", "198.51.100.2"
	w.open("sales1")
	w.set("update session set client = $1", home)
	fail := func(n int, email, client string) {
		t.Helper()
		w.set(`insert into sign_in_attempt (address, collaborator_id, ticket, succeeded, code_due, code_wrong, counted, client)
			select sha256(convert_to($2, 'UTF8')), 0, random_key(), false, false, false, true, $3::inet from generate_series(1, $1)`, n, email, client)
	}
	locked := func(person, client string, want bool) {
		t.Helper()
		got := read[bool](w, "select coalesce(locked_until(sha256(convert_to($1, 'UTF8')), $2, $3::inet, 0) > clock_timestamp(), false)", person+"@epic.example", w.ids[person], client)
		if got != want {
			t.Errorf("%s from %s is locked: %v, want %v", person, client, got, want)
		}
	}
	fail(4, email, stranger)
	locked("sales1", stranger, false)
	fail(1, email, other)
	locked("sales1", stranger, true)
	locked("sales1", other, true)
	locked("sales1", home, false)
	locked("sales2", stranger, false)
	w.set("update session set created_at = created_at - interval '31 days'")
	locked("sales1", home, true)
	w.set("update session set created_at = created_at + interval '31 days'")
	fail(5, email, home)
	locked("sales1", home, true)
	w.later("1 hour")
	for i := range 24 {
		fail(1, "somebody"+strconv.Itoa(i), stranger)
	}
	locked("sales2", stranger, false)
	fail(1, "somebody else", stranger)
	locked("sales2", stranger, true)
	locked("nobody", stranger, true)
	locked("sales2", other, false)
	w.set("update session set client = $1, collaborator_id = $2", stranger, w.ids["sales2"])
	locked("sales2", stranger, false)
}
