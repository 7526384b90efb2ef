package repo_test

import (
	"context"
	"testing"
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
