package repo_test

import (
	"errors"
	"testing"

	"crm/repo"
)

// Nobody changes their own role, alone or among others, by whatever way: the rows after it would be judged with the new
// role.
func TestOwnRole(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	w.add("second", "admin")
	for person, role := range map[string]string{"admin": "manage", "manage": "support"} {
		id := w.ids[person]
		is(t, failed(w.as(person).UpdateUser(ctx, id, repo.Change{"role": role}, nil)), repo.ErrConflict, person)
		changed, err := w.as(person).ChangeMany(ctx, "user", map[int64]repo.Change{
			id: {"role": role}, w.ids["support1"]: {"first_name": "Kim"},
		}, repo.Partly)
		if err != nil || changed.Records != 1 || len(changed.Refused) != 1 ||
			!errors.Is(changed.Refused[0].Err, repo.ErrConflict) {
			t.Errorf("%s, among others: %+v, %v", person, changed, err)
		}
		if n, err := w.try(w.token(person), "update collaborator set role = $1 where id = $2", role, id); err == nil {
			t.Errorf("%s, by an update: %d", person, n)
		}
	}
	ok[repo.User](t)(w.as("second").UpdateUser(ctx, w.ids["admin"], repo.Change{"role": "manage"}, nil))
}
