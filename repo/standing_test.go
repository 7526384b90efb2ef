package repo_test

import (
	"context"
	"testing"
	"time"

	"crm/repo"
	"crm/security"
)

// standings compares the copy that the database keeps of each account's standing with the tables from which it is made.
func (w *world) standings(after string) {
	w.t.Helper()
	var wrong, accounts int
	err := w.owner.QueryRow(context.Background(), `
		select count(*) filter (where to_jsonb(s) - 'must_first' is distinct from to_jsonb(t)
			or s.must_first is distinct from case when t.must_change then 'password'
				when t.mfa_required and t.factor_at is null then 'mfa' end), count(t)
		from standing s full join (select c.id as collaborator_id, c.role, c.deleted_at is not null as deleted,
				k.changed_at as password_at, coalesce(k.must_change, false) as must_change, f.created_at as factor_at,
				r.mfa_required
			from collaborator c join role r on r.name = c.role left join credential k on k.collaborator_id = c.id
				left join second_factor f on f.collaborator_id = c.id) t using (collaborator_id)`).
		Scan(&wrong, &accounts)
	if err != nil || wrong > 0 || accounts == 0 {
		w.t.Errorf("%s: %d of %d accounts have another standing than their tables say, %v", after, wrong, accounts, err)
	}
}

// R20, S4: after each change of an account, by the program or the owner, standing holds what the account's tables say.
func TestStanding(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	w.standings("added")
	id, admin := w.ids["sales1"], w.as("admin")
	secret := security.NewFactor()
	_, codes := security.NewRecoveryCodes()
	for _, change := range []struct {
		name string
		do   func() error
	}{
		{"a password", func() error {
			return w.as("sales1").ChangePassword(ctx, claim(email, key("sales1"), ""), fresh())
		}},
		{"a one-time password", func() error { return failed(admin.ResetPassword(ctx, id, fresh())) }},
		{"a second factor", func() error {
			return w.as("sales2").EnableFactor(ctx, claim("sales2@epic.example", key("sales2"), ""), secret,
				totpAt(t, secret, time.Now()), codes)
		}},
		{"no second factor", func() error { return admin.ClearFactor(ctx, w.ids["sales2"]) }},
		{"another role", func() error {
			return failed(admin.UpdateUser(ctx, id, repo.Change{"role": text("support")}, nil))
		}},
		{"a role with a second factor", func() error { return admin.RequireFactor(ctx, "support", true) }},
		{"a role without one", func() error { return admin.RequireFactor(ctx, "support", false) }},
		{"deleted", func() error { return failed(admin.DeleteUser(ctx, id, nil)) }},
		{"restored", func() error {
			_, err := w.owner.Exec(ctx, "update collaborator set deleted_at = null where id = $1", id)
			return err
		}},
		{"without a password", func() error {
			_, err := w.owner.Exec(ctx, "delete from credential where collaborator_id = $1", id)
			return err
		}},
	} {
		if err := change.do(); err != nil {
			t.Fatal(change.name, err)
		}
		w.standings(change.name)
	}
}

// After concurrent changes of an account, its password, its second factor and its role, standing holds all of them.
func TestStandingsTogether(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	id := w.ids["support1"]
	exec := func(sql string, args ...any) func() error {
		return func() error { _, err := w.owner.Exec(ctx, sql, args...); return err }
	}
	changes := []func() error{
		exec("update collaborator set role = 'sales' where id = $1", id),
		exec("update role set mfa_required = not mfa_required where name = 'sales'"),
		exec("update credential set changed_at = clock_timestamp(), must_change = not must_change "+
			"where collaborator_id = $1", id),
		exec("insert into second_factor values ($1, $2, 0) on conflict (collaborator_id) do update "+
			"set created_at = clock_timestamp()", id, make([]byte, 20)),
		exec("update collaborator set role = 'support', deleted_at = now() where id = $1", id),
		exec("update role set mfa_required = not mfa_required where name = 'support'"),
	}
	for range 20 {
		for _, err := range concurrently(changes...) {
			if err != nil {
				t.Fatal(err)
			}
		}
		w.standings("changed together")
	}
	// A transaction that gives an account a role is open while the role's duty changes, and the other way round.
	for _, order := range [][2]string{
		{
			"update collaborator set role = 'manage' where id = $1",
			"update role set mfa_required = $1 > 0 where name = 'manage'",
		},
		{
			"update role set mfa_required = not mfa_required and $1 > 0 where name = 'sales'",
			"update collaborator set role = 'sales' where id = $1",
		},
	} {
		tx, err := w.owner.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(context.Background()) }()
		if _, err := tx.Exec(ctx, order[0], id); err != nil {
			t.Fatal(err)
		}
		second := make(chan error, 1)
		go func() { second <- exec(order[1], id)() }()
		for read[int](w, "select count(*) from pg_locks where not granted") == 0 {
			if len(second) > 0 {
				t.Fatalf("%s did not wait: %v", order[1], <-second)
			}
		}
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		if err := <-second; err != nil {
			t.Fatal(err)
		}
		w.standings(order[0])
	}
}
