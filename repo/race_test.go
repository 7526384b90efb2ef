package repo_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"crm/repo"
	"crm/security"
)

// atOnce records n wrong attempts at an address, none of which sees another, and returns how many of their tickets open
// something.
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
		for _, err := range concurrently(steps...) {
			if err != nil {
				t.Error(err)
			}
		}
	}
	tickets := make([][]byte, n)
	each(func(i int) error {
		var err error
		tickets[i], err = (&rawTry{email: email, key: []byte{byte(i)}}).sign(all[i])
		return err
	})
	each(func(i int) error {
		_, err := all[i].Exec(t.Context(), "commit")
		return err
	})
	told := make([]string, n)
	each(func(i int) error {
		told[i] = outcome(all[i], tickets[i])
		return nil
	})
	return n - len(slices.DeleteFunc(told, func(s string) bool { return s != "refused" }))
}

// R25: of 50 concurrent failures as many count as of 50 in sequence: five, and the account is locked out for 30
// seconds, not for the hour of 50. After the lockout one more counts, and so on: of eight, as it would be of 50.
func TestFailuresAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tried := 0
	for i, wait := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute} {
		n := []int{50, 8, 8}[i]
		tried += n
		if opened := w.atOnce(t, n, email); opened != 0 {
			t.Errorf("%d wrong keys opened a session", opened)
		}
		if n := read[int](w, "select count(*) from sign_in_attempt where outcome <= 3"); n != tried+i {
			t.Errorf("%d failures are noted, want %d", n, tried+i)
		}
		// The first five count; later, with the lockout over, only the first.
		got := read[time.Duration](w, `select locked_until(sha256($1), '', null, 0) - (select at from sign_in_attempt
			where at > clock_timestamp() - interval '20 seconds'
			order by at, id offset $2 limit 1)`, []byte(email), map[bool]int{true: 4}[i == 0])
		if got != wait {
			t.Errorf("after %d failures the wait is %v, want %v", tried, got, wait)
		}
		if err := w.signInAs(email, key("sales1")); !errors.Is(err, repo.ErrCredentials) {
			t.Errorf("the account is not locked: %v", err)
		}
		w.later((wait + time.Second).String())
	}
	if err := w.signInAs(email, key("sales1")); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	if n := len(w.audits(repo.AuditFilter{Action: "sign-in-failed"})); n < 5 {
		t.Errorf("the trail has %d failures", n)
	}
}

// R25: twenty correct concurrent sign-ins of one account, over as many connections, all succeed if they are from one
// device, known or new to the account. A failure from elsewhere in the midst of them counts as ever.
func TestDeviceTakesTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "device")
	all := make([]func() error, 20)
	for i := range all {
		d, db := newDevice(t, file), w.through(t, front{url: appURL(w.database)})
		all[i] = func() error {
			c := claim(email, key("sales1"), "")
			c.Device, c.Turn = d.Key(), d.Turn
			return failed(db.SignIn(t.Context(), c, time.Hour, nil))
		}
	}
	if n := succeeded(t, concurrently(all...)); n != len(all) {
		t.Errorf("%d of %d signed in", n, len(all))
	}
	w.wrong(5)
	is(t, w.signInAs(email, key("sales1")), repo.ErrCredentials, "an unknown device after five failures")
	if n := succeeded(t, concurrently(all...)); n != len(all) {
		t.Errorf("of a known device %d of %d signed in", n, len(all))
	}
}

// R25: a sign-in during which another one raises the cost of the same password derives its key again, once: before its
// attempt if the raise came first, else after a refusal. It does not raise the cost a second time.
func TestCostRaisedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, afterwards := range map[string]bool{"before the try": false, "between parameters and try": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			next := fresh()
			next.MemoryKiB, next.Iterations, next.Salt, next.KeyHash = 128, 2, random(16),
				security.NewSecret(key("raised")).Hash()
			raise := func() {
				if err := failed(w.db.SignIn(t.Context(), claim(email, key("sales1"), ""), time.Hour,
					&next)); err != nil {
					t.Errorf("the one that raises: %v", err)
				}
			}
			again := next
			again.Salt, again.KeyHash = random(16), security.NewSecret(key("again")).Hash()
			late := claim(email, nil, "")
			var asked []uint32
			late.Key = func(d repo.Derivation) (repo.Secret, error) {
				asked = append(asked, d.MemoryKiB)
				if len(asked) == 1 && afterwards {
					raise()
				}
				return security.NewSecret(key(map[uint32]string{64: "sales1", 128: "raised"}[d.MemoryKiB])), nil
			}
			if !afterwards {
				raise()
			}
			if err := failed(w.db.SignIn(t.Context(), late, time.Hour, &again)); err != nil {
				t.Errorf("the other one: %v", err)
			}
			want := map[bool][]uint32{false: {128}, true: {64, 128}}[afterwards]
			if !slices.Equal(asked, want) {
				t.Errorf("keys were derived with %v KiB, want %v", asked, want)
			}
			if n := len(w.audits(repo.AuditFilter{Action: "password-cost"})); n != 1 {
				t.Errorf("the cost was raised %d times", n)
			}
			// A wrong password is tried once, and twice at most.
			before := read[int](w, "select count(*) from sign_in_attempt")
			w.wrong(1)
			if n := read[int](w, "select count(*) from sign_in_attempt") - before; n != 1 {
				t.Errorf("a wrong password made %d tries", n)
			}
		})
	}
}

// R25: of concurrent redeems of one ticket exactly one gets the session.
func TestTicketRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 20 {
		ticket := w.ticketOf(email, key("sales1"))
		before := read[int](w, "select count(*) from session")
		redeem := func() error {
			if said := outcome(w.pool, ticket); said == "28P01" {
				return repo.ErrCredentials
			} else if said != "opened" {
				return errors.New(said)
			}
			return nil
		}
		if n := succeeded(t, concurrently(redeem, redeem, redeem, redeem), repo.ErrCredentials); n != 1 {
			t.Errorf("%d redeemed it", n)
		}
		if n := read[int](w, "select count(*) from session") - before; n != 1 {
			t.Errorf("%d sessions of one ticket", n)
		}
	}
}

// R25: failures from anywhere lock out an account, except for a device that has signed in to it within 30 days,
// wherever it is: for it, only its own failures count. So a user cannot lock out others with the same network address,
// a pooler's or a router's. A client that fails at many addresses is locked out too.
func TestLockByDevice(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	const stranger, other = "198.51.100.1", "198.51.100.2"
	home, thief := security.NewSecret(random(32)), security.NewSecret(random(32))
	mine := claim(email, key("sales1"), "")
	mine.Device = home
	ok[repo.Opening](t)(w.db.SignIn(ctx, mine, time.Hour, nil))
	fail := func(n int, email string, device []byte, client string) {
		t.Helper()
		w.set(`insert into sign_in_count select c, clock_timestamp(), -floor(random() * 1e15)
			from generate_series(1, $1), unnest(array[
			counter('address', sha256(convert_to($2, 'UTF8')), ''),
				counter('device', sha256(convert_to($2, 'UTF8')), $3),
					counter('client', '', convert_to($4, 'UTF8'))]) c`,
			n, email, device, client)
	}
	locked := func(person string, device []byte, client string, want bool) {
		t.Helper()
		got := read[bool](w,
			"select coalesce(locked_until(sha256(convert_to($1, 'UTF8')), $2, $3::inet, 0) > clock_timestamp(), false)",
			person+"@epic.example", device, client)
		if got != want {
			t.Errorf("%s from %s with device %.2x is locked: %v, want %v", person, client, device, got, want)
		}
	}
	none := []byte{}
	fail(4, email, none, stranger)
	locked("sales1", none, stranger, false)
	fail(1, email, none, other)
	locked("sales1", none, stranger, true)
	locked("sales1", none, other, true)
	locked("sales1", thief.Hash(), other, true)
	locked("sales1", home.Hash(), stranger, false)
	locked("sales1", home.Hash(), other, false)
	locked("sales2", none, stranger, false)
	locked("sales2", home.Hash(), stranger, false) // not known to this account
	// The whole exchange: the right key from a known device signs in to a locked-out account, from another it does not,
	// nor with a borrowed hash.
	if failed(w.db.SignIn(ctx, claim(email, key("sales1"), ""), time.Hour, nil)) == nil {
		t.Error("an unknown device opened a locked account")
	}
	forged := claim(email, key("sales1"), "")
	forged.Device = borrowed{thief, home.Hash()}
	is(t, failed(w.db.SignIn(ctx, forged, time.Hour, nil)), repo.ErrCredentials,
		"with a device's hash and another's key")
	w.set("update sign_in_success set at = at - interval '31 days' where counter <> ''")
	locked("sales1", home.Hash(), stranger, true)
	w.set("update sign_in_success set at = at + interval '31 days' where counter <> ''")
	fail(5, email, home.Hash(), stranger)
	locked("sales1", home.Hash(), other, true)
	w.later("1 hour")
	for i := range 24 {
		fail(1, "somebody"+strconv.Itoa(i), none, stranger)
	}
	locked("sales2", none, stranger, false)
	fail(1, "somebody else", none, stranger)
	locked("sales2", none, stranger, true)
	locked("unknown", none, stranger, true)
	locked("sales2", none, other, false)
	locked("sales1", home.Hash(), stranger, false)
}

// borrowed is a device key that claims another's hash.
type borrowed struct {
	*security.Secret
	hash []byte
}

func (b borrowed) Hash() []byte { return b.hash }
