package repo_test

import (
	"errors"
	"testing"
	"time"

	"crm/repo"
)

// idleFor makes every session last used so long ago.
func (w *world) idleFor(d time.Duration) {
	w.t.Helper()
	w.set("update session_use set at = clock_timestamp() - $1::interval", d)
}

// S3: a session that is unused for longer than the company's limit ends; a session in use does not. Statements of the
// program record the use at most once a minute.
func TestIdleSession(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	mine := w.as("sales1")
	seen := func(want error) {
		t.Helper()
		if _, err := mine.User(ctx, 1); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	lastUse := func() time.Duration {
		return read[time.Duration](w,
			"select clock_timestamp() - at from session_use where session_id = (select max(id) from session)")
	}
	w.idleFor(29 * time.Minute)
	seen(nil)
	if d := lastUse(); d < 28*time.Minute {
		t.Errorf("a use within a minute of the last was noted: %v", d)
	}
	mine.LongUnused()
	seen(nil)
	if d := lastUse(); d > 5*time.Minute {
		t.Errorf("the use was not noted: last %v ago", d)
	}
	w.idleFor(29 * time.Minute)
	mine.LongUnused()
	seen(nil) // and so on for ever
	w.idleFor(31 * time.Minute)
	mine.LongUnused()
	seen(repo.ErrSignedOut)
	seen(repo.ErrSignedOut)
	if d := lastUse(); d < 30*time.Minute {
		t.Errorf("an ended session was used again: last %v ago", d)
	}
	if _, err := w.try(w.token("sales1"), "select touch()"); sqlstate(err) != "28000" {
		t.Errorf("touch() wakes an ended session: %v", err)
	}
	// Without a limit, no session ends.
	if changed, err := w.admin.SetLimit(ctx, "session_idle", 0); err != nil || !changed {
		t.Fatalf("session_idle: %v, %v", changed, err)
	}
	mine = w.as("sales2")
	w.idleFor(11 * time.Hour)
	seen(nil)
}
