package repo_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"crm/repo"
	"crm/repo/embedded/faultproxy"
	"crm/repo/embedded/pgtest"
	"crm/security"
)

// faulty returns a world's database behind a proxy that breaks connections.
type faulty struct {
	*world
	*faultproxy.Proxy
	url   string
	vault repo.Vault
}

func newFaulty(t *testing.T) faulty {
	t.Helper()
	w := newWorld(t)
	direct := ok[*url.URL](t)(url.Parse(pgtest.URL(w.database)))
	socket := direct.Query().Get("host") + "/.s.PGSQL." + direct.Query().Get("port")
	p := faultproxy.Listen(t, func() (net.Conn, error) { return net.Dial("unix", socket) })
	return faulty{
		w, p, fmt.Sprintf("postgres://crm_app@127.0.0.1:%s/%s?sslmode=disable", p.Port(), w.database), w.vault,
	}
}

// as returns the database behind the proxy for a person; signing in goes past the proxy.
func (f faulty) as(person string, limit time.Duration, edit ...func(*repo.Config)) *repo.DB {
	f.t.Helper()
	conf := repo.Config{URL: f.url, Schema: "crm", ConnectTimeout: 5 * time.Second, QueryTimeout: limit, Vault: f.vault}
	for _, e := range edit {
		e(&conf)
	}
	db := ok[*repo.DB](f.t)(repo.Open(conf))
	f.t.Cleanup(db.Close)
	f.token(person)
	return db.As(f.signers[person].Token).Timed(f.signers[person].Heard)
}

// payments counts the ledger entries with that amount.
func (w *world) payments(amount int) int {
	return read[int](w, "select count(*) from payment where amount = $1::numeric / 100", amount)
}

// D18: the connection of a write is cut after every 31st byte, beginning anywhere in the first 31, so that many runs cut
// everywhere; in the soak after every byte. It is cut in both directions. The program's result is true: it learns that the write was made, or retries it. No write is lost or made twice.
func TestWriteCutAtEveryByte(t *testing.T) {
	t.Parallel()
	ctx, f := t.Context(), newFaulty(t)
	k := f.contract(f.customer("sales1").ID, 1_000_000_00, "signed").ID
	db := f.as("sales1", time.Minute)
	pay := func(amount int) error {
		_, err := db.PayContract(ctx, k, repo.Money(amount), nil)
		return err
	}
	for i := range 3 { // statements are prepared
		if err := pay(100 + i); err != nil {
			t.Fatal(err)
		}
	}
	amount := 200
	for _, d := range []faultproxy.Direction{faultproxy.Up, faultproxy.Down} {
		before := f.Passed(d)
		if err := pay(100); err != nil {
			t.Fatal(err)
		}
		length := f.Passed(d) - before
		begin := rand.IntN(stride(31))
		for at := begin; at < length; at += stride(31) {
			amount++
			_ = pay(99) // on a connection that has prepared the statements
			f.Arm(faultproxy.Cut, d, at)
			err := pay(amount)
			f.Arm(faultproxy.None, d, 0)
			if n := f.payments(amount); err != nil || n != 1 {
				t.Errorf("cut after %d of %d bytes, direction %d: told %v, made %d times", at, length, d, err, n)
			}
		}
		t.Logf("direction %d: cut every %d of %d bytes, from %d", d, stride(31), length, begin)
	}
}

// D18: if the answer to an added record is lost, the program reads it from where the database stored it.
func TestAdditionLost(t *testing.T) {
	t.Parallel()
	ctx, f := t.Context(), newFaulty(t)
	db := f.as("sales1", time.Minute)
	ok[repo.Customer](t)(db.AddCustomer(ctx, repo.Change{"company_name": text("Before"), "full_name": text("Before")}))
	f.Arm(faultproxy.Cut, faultproxy.Down, 0)
	c, err := db.AddCustomer(ctx, repo.Change{"company_name": text("Lost"), "full_name": text("Lou")})
	if err != nil || c.CompanyName != "Lost" || f.Armed() {
		t.Fatalf("got %+v, %v", c, err)
	}
	if n := read[int](f.world, "select count(*) from customer"); n != 2 {
		t.Errorf("there are %d customers", n)
	}
}

// If the answer never comes, the write ends at the timeout, and the program reports its true result.
func TestSwallowedReply(t *testing.T) {
	t.Parallel()
	ctx, f := t.Context(), newFaulty(t)
	k := f.contract(f.customer("sales1").ID, 1_000_000_00, "signed").ID
	db := f.as("sales1", time.Second)
	ok[repo.Contract](t)(db.PayContract(ctx, k, 100, nil))
	for i, d := range []faultproxy.Direction{faultproxy.Down, faultproxy.Up} {
		f.Arm(faultproxy.Swallow, d, 0)
		_, err := db.PayContract(ctx, k, repo.Money(200+i), nil)
		if made := f.payments(200 + i); (err == nil) != (made == 1) || made > 1 {
			t.Errorf("direction %d: told %v, made %d times", d, err, made)
		}
		if d == faultproxy.Up && !errors.Is(err, repo.ErrUnavailable) {
			t.Errorf("a swallowed request: %v", err)
		}
	}
	f.Arm(faultproxy.Swallow, faultproxy.Down, 0)
	if _, err := db.Contract(ctx, k); !errors.Is(err, repo.ErrUnavailable) {
		t.Errorf("a swallowed answer to a read: %v", err)
	}
	ok[repo.Contract](t)(db.Contract(ctx, k))
}

// Ctrl-C on a silent network: the program reports the true result of the write.
func TestCancelledWrite(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	k := f.contract(f.customer("sales1").ID, 1_000_000_00, "signed").ID
	db := f.as("sales1", time.Minute)
	ok[repo.Contract](t)(db.PayContract(t.Context(), k, 100, nil))
	for i, d := range []faultproxy.Direction{faultproxy.Down, faultproxy.Up} {
		f.Arm(faultproxy.Swallow, d, 0)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := db.PayContract(ctx, k, repo.Money(200+i), nil)
			done <- err
		}()
		for f.Armed() {
			time.Sleep(time.Millisecond)
		}
		if d == faultproxy.Down {
			for f.payments(200+i) == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		cancel()
		err := <-done
		made := f.payments(200 + i)
		if (err == nil) != (made == 1) || made == 0 && !errors.Is(err, context.Canceled) {
			t.Errorf("direction %d: told %v, made %d times", d, err, made)
		}
	}
}

// A cut during sign-in gives an error that mentions no change, or none if the request could be retried.
func TestSignInCut(t *testing.T) {
	t.Parallel()
	ctx, f := t.Context(), newFaulty(t)
	signIn := func(person string) error {
		db := ok[*repo.DB](t)(
			repo.Open(repo.Config{URL: f.url, Schema: "crm", ConnectTimeout: 5 * time.Second, Vault: f.vault}))
		defer db.Close()
		_, err := db.SignIn(ctx, claim(person+"@epic.example", key(person), ""), time.Hour, nil)
		return err
	}
	failed := 0
	for _, d := range []faultproxy.Direction{faultproxy.Up, faultproxy.Down} {
		before := f.Passed(d)
		if err := signIn("sales1"); err != nil {
			t.Fatal(err)
		}
		length := f.Passed(d) - before
		for i, at := 0, 0; at < length; i, at = i+1, at+stride(length/12) {
			person := people[i%len(people)]
			f.Arm(faultproxy.Cut, d, at)
			err := signIn(person)
			f.Arm(faultproxy.None, d, 0)
			var u repo.Uncertain
			switch {
			case err == nil:
			case !errors.Is(err, repo.ErrUnavailable), errors.As(err, &u), errors.Is(err, repo.ErrUnanswered),
				strings.Contains(err.Error(), "change"):
				t.Errorf("direction %d, byte %d of %d: %v", d, at, length, err)
			default:
				failed++
			}
			if err := signIn(person); err != nil {
				t.Errorf("again, after byte %d: %v", at, err)
			}
		}
	}
	if failed == 0 {
		t.Error("no sign-in was lost")
	}
}

// With --keep-going, a script waits for an unreachable database once, not at each line.
func TestWaitsOnce(t *testing.T) {
	t.Parallel()
	ctx, f := t.Context(), newFaulty(t)
	db := f.as("sales1", time.Minute)
	add := func() error {
		_, err := db.AddCustomer(ctx, repo.Change{"company_name": text("A"), "full_name": text("B")})
		return err
	}
	waited := db.CountWaits()
	for round := range 2 {
		if err := add(); err != nil {
			t.Fatal(err)
		}
		before := waited()
		f.Refuse(true)
		f.CutAll()
		var once time.Duration
		for line := range 10 {
			if err := add(); !errors.Is(err, repo.ErrUnavailable) {
				t.Errorf("line %d: %v", line, err)
			}
			if _, err := db.User(ctx, 1); !errors.Is(err, repo.ErrUnavailable) {
				t.Errorf("line %d, a read: %v", line, err)
			}
			if line == 0 {
				once = waited() - before
			}
		}
		if all := waited() - before; once < 10*time.Second || all != once {
			t.Errorf("round %d: waited %v in the first line, %v in all", round, once, all)
		}
		f.Refuse(false)
	}
}

// While the database is unreachable, the program reports no result. Later the run's ID shows it.
func TestUncertain(t *testing.T) {
	t.Parallel()
	ctx, f := t.Context(), newFaulty(t)
	k := f.contract(f.customer("sales1").ID, 1_000_000_00, "signed").ID
	db := f.as("sales1", time.Minute)
	db.CountWaits() // so that none takes time
	ok[repo.Contract](t)(db.PayContract(ctx, k, 100, nil))
	for i, d := range []faultproxy.Direction{faultproxy.Down, faultproxy.Up} {
		f.Refuse(true)
		f.Arm(faultproxy.Cut, d, 1)
		_, err := db.PayContract(ctx, k, repo.Money(200+i), nil)
		f.Refuse(false)
		var u repo.Uncertain
		if !errors.As(err, &u) || !errors.Is(err, repo.ErrUnavailable) {
			t.Fatalf("got %v", err)
		}
		for _, other := range []string{"sales2", "admin"} {
			if made, err := f.world.as(other).Fate(ctx, u.Request); made || err != nil {
				t.Errorf("a stranger learns %v, %v", made, err)
			}
		}
		made, err := db.Fate(ctx, u.Request)
		if n := f.payments(200 + i); err != nil || made != (n == 1) {
			t.Errorf("fate says %v, %v; made %d times", made, err, n)
		}
	}
	if _, err := f.db.Fate(ctx, "6e3b1d0a-52c5-4d2e-9a51-0c7f6f0d3b11"); !errors.Is(err, repo.ErrSignedOut) {
		t.Errorf("without a question: %v", err)
	}
}

// D18: the commit of an atomic script is cut after every byte.
func TestCommitCut(t *testing.T) {
	t.Parallel()
	ctx, f := t.Context(), newFaulty(t)
	k := f.contract(f.customer("sales1").ID, 1_000_000_00, "signed").ID
	db := f.as("sales1", time.Minute)
	run := func(amount int, before func()) error {
		atomic, commit, rollback, err := db.Atomic(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rollback(ctx) }()
		for range 2 {
			ok[repo.Contract](t)(atomic.PayContract(ctx, k, repo.Money(amount), nil))
		}
		before()
		return commit(ctx)
	}
	for _, d := range []faultproxy.Direction{faultproxy.Up, faultproxy.Down} {
		at := 0
		for cut := true; cut; at++ {
			amount := 1000 + at + 100*int(d)
			err := run(amount, func() { f.Arm(faultproxy.Cut, d, at) })
			cut = !f.Armed() && at < 90
			f.Arm(faultproxy.None, d, 0)
			n := f.payments(amount)
			if (err == nil) != (n == 2) || n != 0 && n != 2 {
				t.Errorf("direction %d, byte %d: told %v, made %d of 2", d, at, err, n)
			}
		}
		t.Logf("direction %d: cut at each of %d bytes", d, at)
	}
}

// A script that is run again with the same ID makes no change twice, and returns the same answers.
func TestResume(t *testing.T) {
	t.Parallel()
	ctx, f := t.Context(), newFaulty(t)
	k := f.contract(f.customer("sales1").ID, 1_000_000_00, "signed").ID
	script := func(id string, lines int) (*repo.DB, []repo.Customer) {
		db := f.as("sales1", time.Minute)
		db.Resume(id)
		var added []repo.Customer
		for i := range lines {
			db.Line(fmt.Sprint("pay ", i/2))
			ok[repo.Contract](t)(db.PayContract(ctx, k, repo.Money(700+i/2), nil))
			db.Line("add")
			added = append(added,
				ok[repo.Customer](t)(
					db.AddCustomer(ctx, repo.Change{"company_name": text("C%d", i), "full_name": text("F")})))
		}
		return db, added
	}
	_, first := script("monday", 4)
	db, second := script("monday", 6)
	if n := db.Skipped(); n != 8 {
		t.Errorf("%d changes were skipped, want 8", n)
	}
	for i := range first {
		if first[i].ID != second[i].ID {
			t.Errorf("line %d answers customer %d, then %d", i, first[i].ID, second[i].ID)
		}
	}
	if f.payments(700) != 2 || f.payments(701) != 2 || f.payments(702) != 2 {
		t.Errorf("paid %d, %d, %d times", f.payments(700), f.payments(701), f.payments(702))
	}
	if db, _ := script("tuesday", 1); db.Skipped() != 0 {
		t.Error("another run was skipped")
	}
	if n := read[int](f.world, "select count(*) from customer"); n != 8 {
		t.Errorf("there are %d customers", n)
	}
}

// A jump of the clock signs no user out, on reads or writes.
func TestMovedClock(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	o := w.open("sales1")
	moved := time.Duration(0)
	signer := security.NewSigner(security.Session{ID: o.SessionID, UserID: o.UserID, Key: o.Key, Ends: o.Ends},
		10*time.Minute,
		func() time.Time { return time.Now().Add(moved) })
	db := w.db.As(signer.Token).Timed(signer.Heard)
	for _, moved = range []time.Duration{0, 5 * time.Minute, -5 * time.Minute, 20 * time.Hour, -20 * time.Hour, 0} {
		if _, err := db.User(ctx, 1); err != nil {
			t.Errorf("clock moved by %v: a read: %v", moved, err)
		}
		moved -= 15 * time.Minute
		if _, err := db.AddCustomer(ctx, repo.Change{"company_name": text("A"), "full_name": text("B")}); err != nil {
			t.Errorf("clock moved by %v: a write: %v", moved, err)
		}
	}
	if n := read[int](w, "select count(*) from customer"); n != 6 {
		t.Errorf("%d customers, want 6", n)
	}
	w.set("update session set ends_at = clock_timestamp()")
	if _, err := db.User(ctx, 1); !errors.Is(err, repo.ErrSignedOut) {
		t.Errorf("an ended session: %v", err)
	}
}
