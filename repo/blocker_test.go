package repo_test

import (
	"context"
	"testing"

	"crm/repo"
)

// A signed-in caller learns which user blocks a statement: without the right to view collaborators no name, without a
// token nothing. Only processes of the app role can be asked about.
func TestBlockers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.customer("sales1")
	holder, waiter, asker := w.hold(t), w.hold(t), w.hold(t)
	change := func(h held, person string) {
		h.do("begin")
		h.do("select set_config('crm.token', $1, true)", w.token(person))
	}
	const update = "update customer set deleted_at = deleted_at where id = $1"
	change(holder, "sales1")
	holder.do(update, c.ID)
	change(waiter, "admin")
	done := make(chan error, 1)
	go func() {
		_, err := waiter.Exec(context.Background(), update, c.ID)
		done <- err
	}()
	pid := waiter.PgConn().PID()
	for read[int](w, "select count(*) from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'", pid) == 0 {
		select {
		case err := <-done:
			t.Fatalf("the update did not wait: %v", err)
		default:
		}
	}
	name := read[string](w, "select first_name || ' ' || last_name from collaborator where id = $1", w.ids["sales1"])
	told := func(person string, pid uint32) string {
		t.Helper()
		change(asker, person)
		defer asker.do("rollback")
		var answer string
		err := asker.QueryRow(t.Context(), `select
			coalesce(string_agg(coalesce(name, 'somebody') || ' ' || own, ','), '') from blockers($1::integer)`,
			int64(pid)).Scan(&answer)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	for _, test := range []struct {
		person, want string
		pid          uint32
	}{
		{"support1", name + " false", pid},
		{"sales1", name + " true", pid},
		{"support1", "", holder.PgConn().PID()}, // waits for nothing
		{"support1", "", 1},
	} {
		if got := told(test.person, test.pid); got != test.want {
			t.Errorf("%s about %d: %q, want %q", test.person, test.pid, got, test.want)
		}
	}
	w.set("delete from permission where role = 'support' and action = 'user.view'")
	if got := told("support1", pid); got != "somebody false" {
		t.Errorf("without the right to view collaborators: %q", got)
	}
	if _, err := asker.Exec(t.Context(), "select from blockers($1::integer)", int64(pid)); sqlstate(err) != "28000" {
		t.Errorf("without a token: %v", err)
	}
	holder.do("rollback")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Whatever record two users change at the same time, the one who waits learns on whom, and can cancel.
func TestEveryWaitNamesItsHolder(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	k := w.contract(c, 5000, "signed").ID
	contact, event := w.contact(c).ID, w.event(k, "").ID
	note := ok[repo.Note](t)(w.as("admin").AddNote(ctx, "customer", c, repo.Change{"text": "x"})).ID
	ok[repo.Tag](t)(w.as("admin").AddTag(ctx, "customer", c, "old"))
	view := ok[repo.View](t)(w.as("admin").AddView(ctx, "mine", "inbox")).ID
	phone := repo.Change{"phone": "+33611111111"}
	admin := w.signers["admin"].Token
	for name, change := range map[string]func(db *repo.DB, ctx context.Context) error{
		"customer": func(db *repo.DB, ctx context.Context) error { return failed(db.UpdateCustomer(ctx, c, phone)) },
		"contact":  func(db *repo.DB, ctx context.Context) error { return failed(db.UpdateContact(ctx, contact, phone)) },
		"first contact": func(db *repo.DB, ctx context.Context) error {
			return failed(db.UpdateContact(ctx, contact, repo.Change{"first": true}))
		},
		"contract": func(db *repo.DB, ctx context.Context) error {
			return failed(db.UpdateContract(ctx, k, repo.Change{"total_amount": repo.Money(6000)}))
		},
		"payment": func(db *repo.DB, ctx context.Context) error { return failed(db.PayContract(ctx, k, 5, nil)) },
		"event": func(db *repo.DB, ctx context.Context) error {
			return failed(db.UpdateEvent(ctx, event, repo.Change{"location": "Lyon"}))
		},
		"note": func(db *repo.DB, ctx context.Context) error {
			return failed(db.UpdateNote(ctx, note, repo.Change{"text": "y"}))
		},
		"tag":       func(db *repo.DB, ctx context.Context) error { return failed(db.AddTag(ctx, "customer", c, "new")) },
		"other tag": func(db *repo.DB, ctx context.Context) error { return failed(db.RemoveTag(ctx, "customer", c, "old")) },
		"user": func(db *repo.DB, ctx context.Context) error {
			return failed(db.UpdateUser(ctx, w.ids["support2"], repo.Change{"last_name": "Moss"}, nil))
		},
		"view": func(db *repo.DB, ctx context.Context) error {
			return failed(db.UpdateView(ctx, view, repo.Change{"command": "tag list"}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			blocked := make(chan []repo.Blocker, 1)
			open := func() *repo.DB {
				db := ok[*repo.DB](t)(repo.Open(repo.Config{
					URL: appURL(w.database), Schema: "crm", Vault: w.vault,
					Blocked: func(found []repo.Blocker) { blocked <- found },
				}))
				t.Cleanup(db.Close)
				return db.As(admin)
			}
			held, _, release, err := open().Atomic(ctx)
			if err == nil {
				err = change(held, ctx)
			}
			if err != nil {
				t.Fatal(err)
			}
			db, done := open(), make(chan error, 1)
			waits, cancel := context.WithCancel(ctx)
			defer cancel()
			go func() { done <- change(db, waits) }()
			select {
			case err := <-done:
				t.Fatalf("the change did not wait: %v", err)
			case found := <-blocked:
				if len(found) != 1 || !found[0].Own || found[0].Name == nil {
					t.Errorf("it waits for %+v", found)
				}
			}
			cancel()
			is(t, <-done, context.Canceled, "the canceled change")
			if err := release(ctx); err != nil {
				t.Fatal(err)
			}
			is(t, change(db, ctx), nil, "the change afterwards")
		})
	}
}
