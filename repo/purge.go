package repo

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Counts are numbers of records by noun.
type Counts struct{ Users, Customers, Contracts, Payments, Events int }

// Purged is what a purge did: how many fictional records it removed, and how many it kept
// because real ones build on them.
type Purged struct{ Removed, Kept Counts }

// FictionalUser finds the live fictional collaborator with that email, or is ErrNotFound. With p, one
// who has no credential yet gets it; a password that somebody has chosen stays.
func (a *Admin) FictionalUser(ctx context.Context, email string, p *Password) (u User, err error) {
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `select id, first_name, last_name, email, role from collaborator
			where fictional and deleted_at is null and lower(email) = lower($1)`, email).
			Scan(&u.ID, &u.FirstName, &u.LastName, &u.Email, &u.Role)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil || p == nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into credential (collaborator_id, memory_kib, iterations, parallelism, salt, key_hash)
			values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
			u.ID, p.MemoryKiB, p.Iterations, p.Parallelism, p.Salt, p.KeyHash)
		return err
	})
	return u, err
}

// Purge deletes, for good and in one transaction, the fictional records, except those that a real record
// points to, itself or over other fictional ones, and the payments of a contract that stays: they
// are why its remaining amount is what it is. Credentials and sessions go with their accounts. The
// trail stays and notes every removal.
func (a *Admin) Purge(ctx context.Context) (p Purged, err error) {
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		// Writers wait: none of them builds on a record that is about to go.
		if _, err := tx.Exec(ctx, "lock table collaborator, customer, contract, payment, event in share row exclusive mode"); err != nil {
			return err
		}
		for _, step := range purgeSteps(&p.Removed) {
			tag, err := tx.Exec(ctx, step.sql)
			if err != nil {
				return err
			}
			*step.count = int(tag.RowsAffected())
		}
		return tx.QueryRow(ctx, `select
			(select count(*) from collaborator where fictional), (select count(*) from customer where fictional),
			(select count(*) from contract where fictional), (select count(*) from payment where fictional),
			(select count(*) from event where fictional)`).
			Scan(&p.Kept.Users, &p.Kept.Customers, &p.Kept.Contracts, &p.Kept.Payments, &p.Kept.Events)
	})
	if err != nil {
		return Purged{}, err
	}
	return p, nil
}

// A purgeStep deletes the fictional records of one noun that nothing points to any more.
type purgeStep struct {
	count *int
	sql   string
}

// purgeSteps are in the order children first: what still points to a record then is real or stays.
func purgeSteps(removed *Counts) []purgeStep {
	return []purgeStep{
		{&removed.Events, "delete from event where fictional"},
		{&removed.Payments, `delete from payment p using contract k
			where p.fictional and k.id = p.contract_id and k.fictional
			and not exists (select from payment o where o.contract_id = k.id and not o.fictional)
			and not exists (select from event e where e.contract_id = k.id)`},
		{&removed.Contracts, `delete from contract k where k.fictional
			and not exists (select from payment p where p.contract_id = k.id)
			and not exists (select from event e where e.contract_id = k.id)`},
		{&removed.Customers, `delete from customer c where c.fictional
			and not exists (select from contract k where k.customer_id = c.id)`},
		{&removed.Users, `delete from collaborator u where u.fictional
			and not exists (select from customer c where c.sales_id = u.id)
			and not exists (select from contract k where k.sales_id = u.id)
			and not exists (select from payment p where p.recorded_by = u.id)
			and not exists (select from event e where e.support_id = u.id)`},
	}
}
