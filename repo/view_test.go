package repo_test

import (
	"errors"
	"slices"
	"testing"

	"crm/repo"
)

// A view is its owner's until it is shared, with the program and with raw SQL. Only its owner changes it;
// administrators see and delete those that others share.
func TestViewsAreTheirOwners(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	v := ok[repo.View](t)(w.as("sales1").AddView(ctx, "due", "contract list --unpaid"))
	if v.Command != "contract list --unpaid" || v.Owner == nil || *v.OwnerID != w.ids["sales1"] || v.SharedWith != nil {
		t.Fatalf("added: %+v", v)
	}
	everybody := []string{"admin", "manage", "sales1", "sales2", "support1"}
	for _, c := range []struct {
		shared string
		sees   []string
	}{
		{"", []string{"sales1"}},
		{"sales", []string{"admin", "sales1", "sales2"}},
		{"support", []string{"admin", "sales1", "support1"}},
		{repo.SharedWithAll, everybody},
	} {
		shared, sees, to := c.shared, c.sees, any(c.shared)
		if shared == "" {
			to = nil
		}
		ok[repo.View](t)(w.as("sales1").UpdateView(ctx, v.ID, repo.Change{"shared_with": to}))
		for _, who := range everybody {
			_, err := w.as(who).View(ctx, "due")
			history, _ := w.as(who).History(ctx, "view", v.ID)
			raw := rowsFor(w, who, "select id from saved_views")
			want := slices.Contains(sees, who)
			if (err == nil) != want || !want && !errors.Is(err, repo.ErrNotFound) || (len(history) > 0) != want ||
				(raw > 0) != want {
				t.Errorf("shared with %q: %s gets %v, %d entries of its history and %d rows", shared, who, err,
					len(history), raw)
			}
			if shared == "" && who != "sales1" && rowsFor(w, who, "select id from saved_view") > 0 {
				t.Errorf("%s sees the ID of a view that is not shared", who)
			}
			if who != "sales1" {
				if _, err := w.as(who).UpdateView(ctx, v.ID, repo.Change{"command": "customer list"}); err == nil {
					t.Errorf("shared with %q: %s changes it", shared, who)
				}
			}
		}
	}
	if _, err := w.as("sales2").DeleteView(ctx, v.ID); !errors.Is(err, repo.ErrDenied) {
		t.Errorf("another collaborator deletes it: %v", err)
	}
	private := ok[repo.View](t)(w.as("sales2").AddView(ctx, "mine", "customer list --mine"))
	if _, err := w.as("admin").DeleteView(ctx, private.ID); err == nil {
		t.Error("an administrator deletes a view that is not shared")
	}
	ok[repo.View](t)(w.as("admin").DeleteView(ctx, v.ID))
	if found := ok[[]repo.View](t)(w.as("sales1").Views(ctx)); len(found) != 0 {
		t.Errorf("after it was deleted: %+v", found)
	}
}

// A name is one view for each collaborator: their own one, else the shared one. Two views of a name are not shared.
func TestViewNames(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	all := repo.Change{"shared_with": repo.SharedWithAll}
	one := ok[repo.View](t)(w.as("sales1").AddView(ctx, "due", "contract list --unpaid"))
	two := ok[repo.View](t)(w.as("sales2").AddView(ctx, "due", "contract list --unsigned"))
	ok[repo.View](t)(w.as("sales1").UpdateView(ctx, one.ID, all))
	for who, want := range map[string]int64{"sales1": one.ID, "sales2": two.ID, "support1": one.ID} {
		if v := ok[repo.View](t)(w.as(who).View(ctx, "due")); v.ID != want {
			t.Errorf("%s gets view %d, want %d", who, v.ID, want)
		}
	}
	if found := ok[[]repo.View](t)(w.as("sales2").Views(ctx)); len(found) != 2 || found[0].ID != two.ID {
		t.Errorf("the list: %+v", found)
	}
	for _, err := range []error{
		failed(w.as("sales2").UpdateView(ctx, two.ID, all)),
		failed(w.as("sales1").AddView(ctx, "due", "customer list")),
	} {
		if !errors.Is(err, repo.ErrConflict) {
			t.Errorf("a name twice: %v", err)
		}
	}
	if _, err := w.as("sales1").UpdateView(ctx, one.ID, repo.Change{"shared_with": "nobody"}); !errors.Is(err,
		repo.ErrInvalid) {
		t.Errorf("shared with a role that does not exist: %v", err)
	}
	ok[repo.View](t)(w.as("sales1").DeleteView(ctx, one.ID))
	ok[repo.View](t)(w.as("sales2").UpdateView(ctx, two.ID, all))
	w.undone("sales1") // as a view of its owner's alone: the name is that of another shared one now
	if mine := ok[repo.View](t)(w.as("sales1").View(ctx, "due")); mine.ID != one.ID || mine.SharedWith != nil {
		t.Errorf("the restored view: %+v", mine)
	}
	if v := ok[repo.View](t)(w.as("support1").View(ctx, "due")); v.ID != two.ID {
		t.Errorf("others get view %d, want %d", v.ID, two.ID)
	}
	ok[repo.View](t)(w.as("admin").DeleteView(ctx, two.ID)) // who could not see it as its owner's alone
	ok[repo.View](t)(w.as("sales1").UpdateView(ctx, one.ID, all))
	is(t, w.undo("admin"), repo.ErrConflict, "the undo of another one than the owner")
}

// rowsFor returns the number of rows of a statement that a person sends raw.
func rowsFor(w *world, who, sql string) int64 {
	w.t.Helper()
	return ok[int64](w.t)(w.try(w.token(who), sql))
}
