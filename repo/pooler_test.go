package repo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"crm/repo"
	"crm/repo/embedded/faultproxy"
	"crm/repo/embedded/pgtest"
	"crm/security"
)

// A front is a pooler before a world's database.
type front struct {
	url   string
	named func() int64 // number of named statements prepared through it; nil: not counted
}

// poolers start a pool of size connections in transaction mode: a small pooler of the tests' own and, with the build
// tag pgbouncer, the real one.
var poolers = map[string]func(t testing.TB, w *world, size int) front{
	"own": func(t testing.TB, w *world, size int) front {
		p := pgtest.StartPooler(t, appURL(w.database), size)
		return front{p.URL, p.Named.Load}
	},
}

// throughPoolers runs a test behind each pooler, in a world of its own.
func throughPoolers(t *testing.T, size int, test func(t *testing.T, w *world, f front)) {
	for name, start := range poolers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			test(t, w, start(t, w, size))
		})
	}
}

// through opens the world's database behind a pooler, with the keys of the world.
func (w *world) through(t testing.TB, f front) *repo.DB {
	t.Helper()
	db := ok[*repo.DB](t)(repo.Open(repo.Config{URL: f.url, Schema: "crm", Vault: w.vault}))
	t.Cleanup(db.Close)
	return db
}

// raw returns a connection of a thief of the config file, behind a pooler.
func raw(t testing.TB, f front) *pgx.Conn {
	t.Helper()
	conf := ok[*pgx.ConnConfig](t)(pgx.ParseConfig(f.url))
	conf.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn := ok[*pgx.Conn](t)(pgx.ConnectConfig(t.Context(), conf))
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestSharedIsNoticed(t *testing.T) {
	throughPoolers(t, 2, func(t *testing.T, w *world, f front) {
		db := w.through(t, f)
		w.as("sales1")
		if _, _, _, err := db.As(w.signers["sales1"].Token).Whoami(t.Context()); err != nil || !db.Shared() {
			t.Errorf("behind a pooler: %v, shared %v", err, db.Shared())
		}
		own := w.through(t, front{url: appURL(w.database)})
		if _, _, _, err := own.As(w.signers["sales1"].Token).Whoami(t.Context()); err != nil || own.Shared() {
			t.Error("a server's own connection is taken for a pooler's")
		}
	})
}

// reads are all questions that a collaborator can ask about some records, each with its answer as JSON.
func reads(ctx context.Context, db *repo.DB, customer, contract, event int64) []string {
	var all []string
	say := func(v any, err error) {
		text, unwritable := json.Marshal(v)
		all = append(all, fmt.Sprintf("%s %v %v", text, err, unwritable))
	}
	page := repo.Page{Limit: 5, Count: true}
	found := repo.Page{Limit: 5, Search: "Lou"}
	now := time.Now()
	say(db.Customers(ctx, repo.CustomerFilter{Page: page}))
	say(db.Customers(ctx, repo.CustomerFilter{Page: found}))
	say(db.Customer(ctx, customer))
	say(db.Contracts(ctx, repo.ContractFilter{Page: page, Customers: []int64{customer}, Unpaid: true}))
	say(db.Contracts(ctx, repo.ContractFilter{Page: found}))
	say(db.Contract(ctx, contract))
	soon := now.Add(time.Hour)
	say(db.Events(ctx, repo.EventFilter{Page: page, From: &soon, Customers: []int64{customer}}))
	say(db.Events(ctx, repo.EventFilter{Page: repo.Page{Limit: 5, Search: "Party", Sort: "start_date", Desc: true}}))
	e, err := db.Event(ctx, event)
	say(e, err)
	say(db.Overlapping(ctx, e))
	say(db.Users(ctx, repo.UserFilter{Page: page, Role: "sales"}))
	say(db.User(ctx, 1))
	say(db.Find(ctx, "lou", 5))
	say(db.History(ctx, "customer", customer))
	say(db.Audits(ctx, repo.AuditFilter{
		Page: repo.Page{Limit: 50}, Entity: "contract", Since: ptr(now.Add(-time.Hour)),
	}))
	say(db.LastChange(ctx))
	say(db.Factor(ctx))
	me, may, duty, err := db.Whoami(ctx)
	say([]any{me, may, duty}, err)
	return all
}

// All reads of the program return the same behind a pooler: no type has two formats.
func TestReadsThroughPooler(t *testing.T) {
	throughPoolers(t, 1, func(t *testing.T, w *world, f front) {
		c := w.customer("sales1").ID
		k := w.contract(c, 123456, "signed").ID
		e := w.event(k, "support1").ID
		ok[repo.Contract](t)(w.as("admin").PayContract(t.Context(), k, 1000, nil))
		w.as("admin")
		direct := reads(t.Context(), w.as("admin"), c, k, e)
		pooled := reads(t.Context(), w.through(t, f).As(w.signers["admin"].Token), c, k, e)
		for i := range direct {
			if direct[i] != pooled[i] || !strings.Contains(direct[i], " <nil> <nil>") && i < len(direct)-1 {
				t.Errorf("%d: pooled\n%s\ndirect\n%s", i, pooled[i], direct[i])
			}
		}
		t.Logf("%d questions answered alike", len(direct))
	})
}

// writes changes records of all kinds, from signing in to erasing, and returns the first problem.
func writes(ctx context.Context, w *world, signedOut *repo.DB, d *security.Device) (done int, err error) {
	do := func(more error) {
		if err == nil && more == nil {
			done++
		}
		if err == nil && more != nil {
			err = fmt.Errorf("after %d: %w", done, more)
		}
	}
	as := func(person string) *repo.DB {
		c := claim(person+"@epic.example", key(person), "")
		c.Device, c.Turn = d.Key(), d.Turn
		o, more := signedOut.SignIn(ctx, c, time.Hour, nil)
		do(more)
		return signedOut.As(
			security.NewSigner(security.Session{ID: o.SessionID, UserID: o.UserID, Key: o.Key, Ends: o.Ends},
				time.Minute, time.Now).Token)
	}
	sales, manage, admin := as("sales1"), as("manage"), as("admin")
	c, more := sales.AddCustomer(ctx, repo.Change{
		"company_name": text("Fête & Co"), "full_name": text("Zoé"), "email": text("z@z.example"),
	})
	do(more)
	c, more = sales.UpdateCustomer(ctx, c.ID, repo.Change{"phone": text("+33612345678"), repo.Seen: &c.UpdatedAt})
	do(more)
	k, more := manage.AddContract(ctx, repo.Change{
		"customer_id": &c.ID, "total_amount": ptr(repo.Money(99999)), "status": text("signed"),
	})
	do(more)
	k, more = manage.UpdateContract(ctx, k.ID, repo.Change{
		"remaining_amount": ptr(repo.Money(500)), repo.Seen: &k.UpdatedAt,
	})
	do(more)
	_, more = sales.PayContract(ctx, k.ID, 500, ptr(time.Now()))
	do(more)
	last, more := sales.LastChange(ctx)
	do(more)
	// The last change may be another program's, of the same user. Undoing an addition would take the record from it; a
	// change may have been changed since.
	if more == nil && last.Action != "add" {
		if more = sales.Undo(ctx, last); errors.Is(more, repo.ErrConflict) || errors.Is(more, repo.ErrDenied) {
			more = nil
		}
		do(more)
	}
	start := time.Now().Add(time.Hour).Truncate(time.Second)
	e, more := sales.AddEvent(ctx, repo.Change{
		"contract_id": &k.ID, "name": text("Gala"), "start_date": &start, "end_date": ptr(start.Add(time.Hour)),
		"attendees": ptr(int64(7)),
	})
	do(more)
	_, more = manage.UpdateEvent(ctx, e.ID, repo.Change{"support_id": ptr(w.ids["support1"]), "comments": text("")})
	do(more)
	do(failed(manage.DeleteEvent(ctx, e.ID)))
	do(failed(manage.RestoreEvent(ctx, e.ID)))
	email := fmt.Sprintf("new%d@epic.example", c.ID)
	u, more := manage.AddUser(ctx,
		repo.Change{"first_name": text("N"), "last_name": text("N"), "email": &email, "role": text("support")},
		ptr(fresh()))
	do(more)
	do(failed(manage.UpdateUser(ctx, u.ID, repo.Change{"last_name": text("M")}, nil)))
	do(failed(manage.ResetPassword(ctx, u.ID, fresh())))
	do(manage.Unlock(ctx, u.ID))
	do(failed(manage.DeleteUser(ctx, u.ID, nil)))
	do(manage.NoteExport(ctx, "customer", 3, "csv"))
	do(manage.NoteRefusal(ctx, "customer delete", "customer", c.ID))
	do(failed(manage.ExportCustomer(ctx, c.ID)))
	other, more := sales.AddCustomer(ctx, repo.Change{"company_name": text("X"), "full_name": text("Y")})
	do(more)
	do(failed(admin.DeleteCustomer(ctx, other.ID)))
	do(failed(admin.RestoreCustomer(ctx, other.ID)))
	do(failed(admin.EraseCustomer(ctx, other.ID)))
	db, commit, _, more := sales.Atomic(ctx)
	do(more)
	do(failed(db.UpdateCustomer(ctx, c.ID, repo.Change{"full_name": text("Zoë")})))
	do(db.NoteExport(ctx, "customer", 1, "csv"))
	do(commit(ctx))
	for _, signedIn := range []*repo.DB{sales, manage, admin} {
		do(signedIn.SignOut(ctx))
	}
	return done, err
}

// newDevice opens the device whose key is in the file.
func newDevice(t testing.TB, file string) *security.Device {
	t.Helper()
	return ok[*security.Device](t)(security.OpenDevice(file))
}

// Eight programs of one device, four for each server connection, concurrently sign in and make all reads and writes over
// two. No statement is prepared by name.
func TestWritesThroughPooler(t *testing.T) {
	throughPoolers(t, 2, func(t *testing.T, w *world, f front) {
		const programs = 8
		var mu sync.Mutex
		statements := 0
		all := make([]func() error, programs)
		file := filepath.Join(t.TempDir(), "device")
		for i := range all {
			db, d := w.through(t, f), newDevice(t, file)
			all[i] = func() error {
				done, err := writes(t.Context(), w, db, d)
				mu.Lock()
				defer mu.Unlock()
				statements += done
				return err
			}
		}
		if n := succeeded(t, concurrently(all...)); n != programs {
			t.Errorf("%d of %d programs did all they had to", n, programs)
		}
		if f.named != nil && f.named() > 0 {
			t.Errorf("%d statements were prepared by name", f.named())
		}
		t.Logf("%d programs, %d commands over 2 connections", programs, statements)
	})
}

// An atomic script holds its connection and waits for no second one: four of them need two, or even one.
func TestAtomicNeedsOneConnection(t *testing.T) {
	for _, size := range []int{1, 2} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			throughPoolers(t, size, func(t *testing.T, w *world, f front) {
				ctx := t.Context()
				c := w.customer("sales1").ID
				w.as("manage")
				all := make([]func() error, 4)
				for i := range all {
					db := w.through(t, f)
					all[i] = func() error {
						script, commit, rollback, err := db.Atomic(ctx)
						if err != nil {
							return err
						}
						o, err := script.SignIn(ctx, claim("manage@epic.example", key("manage"), ""), time.Hour, nil)
						if err != nil {
							return err
						}
						script = script.As(
							security.NewSigner(
								security.Session{ID: o.SessionID, UserID: o.UserID, Key: o.Key, Ends: o.Ends},
								time.Minute, time.Now).Token)
						_, _, _, err = script.Whoami(ctx)
						steps := []error{
							err, failed(script.AddContract(ctx, repo.Change{"customer_id": &c})),
							failed(script.Find(ctx, "lou", 3)),
							script.NoteRefusal(ctx, "customer delete", "customer", c),
							script.NoteExport(ctx, "event", 1, "csv"),
							failed(script.ExportCustomer(ctx, c)),
						}
						for _, err := range steps {
							if err != nil {
								return err
							}
						}
						if _, err := script.SignIn(ctx, claim("sales1@epic.example", key("sales1"), ""), time.Hour,
							nil); !errors.Is(err, repo.ErrConflict) {
							return fmt.Errorf("another user in the midst of it: %w", err)
						}
						if err := script.SignOut(ctx); err != nil {
							return err
						}
						if i%2 == 0 {
							return rollback(ctx)
						}
						return commit(ctx)
					}
				}
				if n := succeeded(t, concurrently(all...)); n != 4 {
					t.Errorf("%d of 4 scripts were done", n)
				}
				for what, want := range map[string]int64{
					"select count(*) from contract":                      2,
					"select count(*) from audit where action = 'refuse'": 4,
					"select count(*) from audit where action = 'export'": 8,
					"select count(*) from session_end":                   4,
				} {
					if n := read[int64](w, what); n != want {
						t.Errorf("%s: %d, want %d", what, n, want)
					}
				}
			})
		})
	}
}

// Behind a pooler, too, the reported result of a write whose connection is cut is true, and an unknown result can be
// read later.
func TestFateThroughPooler(t *testing.T) {
	throughPoolers(t, 2, func(t *testing.T, w *world, front front) {
		ctx := t.Context()
		conf := ok[*pgx.ConnConfig](t)(pgx.ParseConfig(front.url))
		p := faultproxy.Listen(t, func() (net.Conn, error) {
			network, address := pgconn.NetworkAddress(conf.Host, conf.Port)
			return net.Dial(network, address)
		})
		f := faulty{
			w, p, fmt.Sprintf("postgres://crm_app@127.0.0.1:%s/%s?sslmode=disable", p.Port(), conf.Database), w.vault,
		}
		k := w.contract(w.customer("sales1").ID, 1_000_000_00, "signed").ID
		db := f.as("sales1", time.Minute)
		ok[repo.Contract](t)(db.PayContract(ctx, k, 1, nil))
		amount := 200
		for _, d := range []faultproxy.Direction{faultproxy.Up, faultproxy.Down} {
			before := f.Passed(d)
			ok[repo.Contract](t)(db.PayContract(ctx, k, 1, nil))
			length := f.Passed(d) - before
			for at := 0; at < length; at += stride(60) {
				amount++
				f.Arm(faultproxy.Cut, d, at)
				_, err := db.PayContract(ctx, k, repo.Money(amount), nil)
				f.Arm(faultproxy.None, d, 0)
				if n := w.payments(amount); err != nil || n != 1 {
					t.Errorf("cut after %d of %d bytes, direction %d: told %v, made %d times", at, length, d, err, n)
				}
			}
			amount++
			ok[repo.Contract](t)(db.PayContract(ctx, k, 1, nil))
			f.Refuse(true)
			f.Arm(faultproxy.Cut, d, 1)
			_, err := db.PayContract(ctx, k, repo.Money(amount), nil)
			f.Refuse(false)
			var u repo.Uncertain
			made := false // unless it was told uncertain: then nothing was sent
			if errors.As(err, &u) {
				made = ok[bool](t)(db.Fate(ctx, u.Request))
			} else if !errors.Is(err, repo.ErrUnavailable) {
				t.Fatalf("direction %d: %v", d, err)
			}
			if n := w.payments(amount); made != (n == 1) {
				t.Errorf("direction %d: fate says %v, made %d times", d, made, n)
			}
		}
		if !db.Shared() {
			t.Error("it was not a pooler's connection")
		}
	})
}

// An error for a parameter that the pooler or the server refuses names the parameter and the remedy.
func TestRefusedParameter(t *testing.T) {
	refused := func(t *testing.T, url, parameters string) {
		for _, parameter := range []string{"options=-c%20work_mem%3Dnonsense", "options=-c%20no_such_setting%3D1"} {
			db := ok[*repo.DB](t)(repo.Open(repo.Config{URL: url + parameters + parameter, Schema: "crm"}))
			_, err := db.SignInParams(t.Context(), "a@b.example")
			db.Close()
			if !errors.Is(err, repo.ErrUnavailable) ||
				!strings.Contains(err.Error(), "refuses a parameter of database.url: take out options, or") {
				t.Errorf("%s: %v", parameter, err)
			}
		}
	}
	throughPoolers(t, 1, func(t *testing.T, _ *world, f front) { refused(t, f.url, "&") })
	refused(t, appURL(newWorld(t).database), "&")
}
