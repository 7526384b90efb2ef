package commands

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"crm/repo"
	"crm/security"
)

func TestErrors(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("around: %w", err) }
	for _, test := range []struct {
		err        error
		status     int
		text, hint string
	}{
		{nil, 0, "internal error", ""},
		{wrap(repo.ErrNotFound), 1, "around: no such record", ""},
		{wrap(repo.ErrConflict), 1, "around: conflict", ""},
		{
			repo.Invalid{Problems: []repo.Problem{{Field: "--email", Text: "no"}, {Field: "ID", Text: "what"}}},
			1,
			"invalid --email: no; invalid ID: what", "",
		},
		{usagef("what is %q", "x"), 2, `what is "x"`, ""},
		{wrap(usageHint("do this", "no")), 2, "around: no", "do this"},
		{Incomplete{'"', 1}, 2, `the quote " is not closed`, ""},
		{wrap(repo.ErrSignedOut), 3, "around: not signed in", ""},
		{wrap(repo.ErrCredentials), 3, "around: wrong email or password", ""},
		{wrap(repo.ErrDenied), 3, "around: not permitted", ""},
		{wrap(security.ErrSessionEnded), 3, "around: session ended", ""},
		{wrap(repo.ErrUnavailable), 4, "around: the database cannot be reached", ""},
		{errors.New("SELECT secret FROM t"), 70, "internal error", ""},
		{wrap(repo.Fault{Code: "42P01"}), 70, "internal error", ""},
		{fmt.Errorf("%w: %w", repo.ErrInternal, repo.ErrNotFound), 70, "internal error", ""},
		{context.DeadlineExceeded, 70, "internal error", ""},
		{fmt.Errorf("%w: %w", repo.ErrUnavailable, context.Canceled), 130, "interrupted", ""},
	} {
		text, hint := Describe(test.err)
		if status := ExitStatus(test.err); status != test.status || text != test.text || hint != test.hint {
			t.Errorf("%v: %d, %q, %q; want %d, %q, %q", test.err, status, text, hint, test.status, test.text, test.hint)
		}
		if Readable(test.err) != (test.status != 0 && test.status != 70) {
			t.Errorf("%v: readable is %v", test.err, Readable(test.err))
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"customer", "contract", "event", "user", "list", "get"}
	for typed, want := range map[string]string{
		"custmer": "customer", "cutsomer": "customer", "CONTRACT": "contract", "con": "contract", "evnt": "event",
		"users": "user", "lsit": "list", "gt": "get", "x": "", "": "", "xyzzy": "", "lost": "list", "é": "",
	} {
		if got := nearest(typed, known); got != want {
			t.Errorf("nearest(%q) = %q; want %q", typed, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"ab", "ba", 1}, {"kitten", "sitting", 3}, {"été", "ete", 2}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d; want %d", test.a, test.b, got, test.want)
		}
	}
}
