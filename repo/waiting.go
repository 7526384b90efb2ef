package repo

import (
	"context"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// Waiting counts the records that need the caller's attention.
type Waiting struct {
	Unsigned  int64 `db:"unsigned"`   // their contracts that are not signed yet
	Unpaid    int64 `db:"unpaid"`     // their signed contracts with something left to pay
	NoSupport int64 `db:"no_support"` // coming events without a support collaborator
	Mine      int64 `db:"mine"`       // their events that begin within a week
	Due       int64 `db:"due"`        // their follow-ups that are due and not done
}

// Waiting returns the counts at now. The time zone of now determines the day.
func (db *DB) Waiting(ctx context.Context, now time.Time) (Waiting, error) {
	return one(ctx, db, squirrel.Expr(`with me as materialized (select me_id() as id), mine as (
			select c.id, c.status, c.remaining_amount from contracts c, me where c.sales_id = me.id
				and c.deleted_at is null
			union select c.id, c.status, c.remaining_amount from contracts c, me where c.customer_sales_id = me.id
			and c.deleted_at is null)
		select (select count(*) from mine where status in ('to_send', 'pending')) as unsigned,
		(select count(*) from mine where status = 'signed' and remaining_amount > 0) as unpaid,
		(select count(*) from events e where e.deleted_at is null and e.canceled_at is null and e.support_id is null
			and coalesce(e.end_date > $1, true)) as no_support,
		(select count(*) from events e, me where e.deleted_at is null and e.support_id = me.id
			and e.start_date between $1 and $1 + interval '7 days') as mine,
		(select count(*) from notes n, me where n.deleted_at is null and n.author_id = me.id and n.due <= $2::date
			and n.done_at is null) as due`,
		now, now.Format(time.DateOnly)), pgx.RowToStructByName[Waiting])
}
