package repo_test

import (
	"testing"
	"time"

	"crm/repo"
)

// booked adds an event of one hour with a support contact.
func (w *world) booked(contract int64, support string, start time.Time) repo.Event {
	w.t.Helper()
	end := start.Add(time.Hour)
	e := ok[repo.Event](w.t)(w.as("admin").AddEvent(w.t.Context(), repo.Change{
		"contract_id": &contract, "name": text("Gala"), "start_date": &start, "end_date": &end,
	}))
	return ok[repo.Event](w.t)(w.as("manage").UpdateEvent(w.t.Context(), e.ID, repo.Change{
		"support_id": ptr(w.ids[support]),
	}))
}

// D22: a canceled event keeps its record without a support contact. No statement changes it, raw SQL included, except
// restoring it, which brings the contact back.
func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	manage := w.as("manage")
	e := w.booked(w.contract(w.customer("sales1").ID, 100, "signed").ID, "support1",
		time.Now().Add(48*time.Hour).Truncate(time.Second))
	before := w.rowOf("event", e.ID)
	is(t, failed(manage.RestoreEvent(ctx, e.ID)), repo.ErrConflict, "restoring what is neither deleted nor canceled")
	canceled := ok[repo.Event](t)(manage.CancelEvent(ctx, e.ID))
	if canceled.Status != "canceled" || canceled.CanceledAt == nil || canceled.SupportID != nil ||
		canceled.Name == nil || *canceled.Name != "Gala" {
		t.Errorf("canceled: %+v", canceled)
	}
	stored := w.rowOf("event", e.ID)
	for name, change := range map[string]repo.Change{
		"update": {"comments": "new"}, "assign": {"support_id": w.ids["support2"]}, "no change": {"name": "Gala"},
	} {
		is(t, failed(manage.UpdateEvent(ctx, e.ID, change)), repo.ErrConflict, "%s of a canceled event", name)
	}
	is(t, failed(manage.CancelEvent(ctx, e.ID)), repo.ErrConflict, "canceling twice")
	is(t, failed(manage.CancelEvent(ctx, 999999)), repo.ErrNotFound, "canceling a missing event")
	is(t, failed(w.as("support1").UpdateEvent(ctx, e.ID, repo.Change{"comments": text("new")})), repo.ErrDenied,
		"update by the former contact")
	for sql, want := range map[string]string{
		"update event set canceled_at = '2000-01-01' where id = $1":                                        "23514",
		"update event set canceled_at = canceled_at where id = $1":                                         "23514",
		"update event set support_id = 5 where id = $1":                                                    "23514",
		"update event set canceled_at = null, name = 'x' where id = $1":                                    "42501",
		"update event set canceled_at = null, deleted_at = now() where id = $1":                            "42501",
		"insert into event (contract_id, canceled_at) select contract_id, now() from events where id = $1": "42501",
	} {
		if _, err := w.try(w.token("manage"), sql, e.ID); sqlstate(err) != want {
			t.Errorf("%s: %v, want %s", sql, err, want)
		}
	}
	if after := w.rowOf("event", e.ID); after != stored {
		t.Errorf("refusals changed\n%s\nto\n%s", stored, after)
	}
	restored := ok[repo.Event](t)(manage.RestoreEvent(ctx, e.ID))
	if restored.Status != "confirmed" || restored.SupportID == nil || *restored.SupportID != w.ids["support1"] ||
		w.rowOf("event", e.ID) != before {
		t.Errorf("restored: %+v", restored)
	}
	ok[repo.Event](t)(manage.UpdateEvent(ctx, e.ID, repo.Change{"comments": text("new")}))
}

// D22: the support contact of a canceled event is free: the event overlaps none, is not listed as waiting, and the
// contact may leave. If the contact has left, the event is restored without one. An event that is also deleted is still
// canceled after the first restore.
func TestCancelFrees(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	manage, start := w.as("manage"), time.Now().Add(48*time.Hour)
	k := w.contract(w.customer("sales1").ID, 100, "signed").ID
	canceled, other := w.booked(k, "support1", start), w.booked(k, "support1", start)
	ok[repo.Event](t)(manage.CancelEvent(ctx, canceled.ID))
	if clashes := ok[[]repo.Event](t)(manage.Overlapping(ctx, other)); len(clashes) != 0 {
		t.Errorf("overlaps with %+v", clashes)
	}
	page := repo.Page{Limit: 9}
	for _, c := range []struct {
		f    repo.EventFilter
		want int
	}{
		{repo.EventFilter{}, 2},
		{repo.EventFilter{NoSupport: true}, 0},
		{repo.EventFilter{SupportID: w.ids["support1"]}, 1},
		{repo.EventFilter{Status: "canceled"}, 1},
		{repo.EventFilter{Status: "confirmed"}, 1},
	} {
		c.f.Page = page
		if got := ok[repo.List[repo.Event]](t)(manage.Events(ctx, c.f)).Rows; len(got) != c.want {
			t.Errorf("%+v: %d events, want %d", c.f, len(got), c.want)
		}
	}
	ok[repo.Event](t)(manage.DeleteEvent(ctx, canceled.ID))
	ok[repo.Event](t)(manage.DeleteEvent(ctx, other.ID))
	ok[repo.User](t)(manage.DeleteUser(ctx, w.ids["support1"], nil))
	if e := ok[repo.Event](t)(manage.RestoreEvent(ctx, canceled.ID)); e.Status != "canceled" || e.DeletedAt != nil {
		t.Errorf("restored once: %+v", e)
	}
	if e := ok[repo.Event](t)(manage.RestoreEvent(ctx, canceled.ID)); e.Status != "confirmed" || e.SupportID != nil {
		t.Errorf("restored twice: %+v", e)
	}
}

// Canceling and restoring undo each other, and the trail records each of them.
func TestCancelUndone(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	manage := w.as("manage")
	e := w.booked(w.contract(w.customer("sales1").ID, 100, "signed").ID, "support1", time.Now().Add(48*time.Hour))
	ok[repo.Event](t)(manage.CancelEvent(ctx, e.ID))
	ok[repo.Event](t)(manage.RestoreEvent(ctx, e.ID))
	w.undone("manage")
	if got := ok[repo.Event](t)(manage.Event(ctx, e.ID)); got.Status != "canceled" || got.SupportID != nil {
		t.Errorf("the restoring undone: %+v", got)
	}
	w.undone("manage")
	if got := ok[repo.Event](t)(manage.Event(ctx, e.ID)); got.Status != "confirmed" ||
		*got.SupportID != w.ids["support1"] {
		t.Errorf("the canceling undone: %+v", got)
	}
	history := ok[[]repo.Entry](t)(w.as("sales1").History(ctx, "event", e.ID))
	var actions []string
	for _, h := range history {
		actions = append(actions, h.Action)
	}
	if got := len(actions); got != 6 || actions[2] != "cancel" || actions[3] != "restore" || actions[4] != "cancel" ||
		actions[5] != "restore" {
		t.Errorf("the trail: %q", actions)
	}
}

// guard() knows canceled events only, so no other guarded table can be canceled.
func TestOnlyEventsAreCanceled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := read[string](w, `select string_agg(c.relname, ' ') from pg_attribute a join pg_class c on c.oid = a.attrelid
		where a.attname = 'canceled_at'
			and exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'a_guard')`)
	if got != "event" {
		t.Errorf("%s can be canceled, want event alone", got)
	}
}
