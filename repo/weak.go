package repo

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// This file names what is weak in a database that is set up, for crm config check.

// Weak names the accounts that weaken a company's data: fictional ones that can sign in, and administrators without a second factor.
func (a *Admin) Weak(ctx context.Context) (all []string, err error) {
	var fictional, single int
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select
			(select count(*) from collaborator c join credential k on k.collaborator_id = c.id where c.fictional and c.deleted_at is null),
			(select count(*) from collaborator c where c.role = 'admin' and c.deleted_at is null
				and exists (select from credential k where k.collaborator_id = c.id)
				and not exists (select from second_factor f where f.collaborator_id = c.id))`).Scan(&fictional, &single)
	})
	if fictional > 0 {
		all = append(all, fmt.Sprintf("fictional accounts that can sign in: %d: crm seed --purge removes them", fictional))
	}
	if single > 0 {
		all = append(all, fmt.Sprintf("administrators without a second factor: %d: they say mfa enable, user require-mfa admin on demands it", single))
	}
	return all, err
}

// WeakRole names what the role that crm connects as may do and should not: it would be past the guard.
func WeakRole(ctx context.Context, url string, n Names) (all []string, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, translate(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var super, bypass, creates, owner bool
	err = conn.QueryRow(ctx, `select rolsuper, rolbypassrls, rolcreaterole or rolcreatedb,
		coalesce((select pg_has_role(current_user, o.oid, 'member') from pg_roles o where o.rolname = $1), false)
		from pg_roles where rolname = current_user`, n.Owner).Scan(&super, &bypass, &creates, &owner)
	for _, w := range []struct {
		is   bool
		what string
	}{
		{super, "is a superuser"}, {bypass, "bypasses row-level security"}, {creates, "may create roles or databases"}, {owner, "is a member of the owner role"},
	} {
		if w.is {
			all = append(all, fmt.Sprintf("the role %s that crm connects as %s: the database guards nothing then; crm init makes one that is not", n.App, w.what))
		}
	}
	return all, translate(err)
}
