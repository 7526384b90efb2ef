package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"crm/repo/upgrade"
)

// This file brings the schema of an older database to the version of this program. All steps are one transaction: when it
// does not commit, whatever ended it, the database is as it was.

const (
	upgradeWait  = 2 * time.Second // for a lock, while shells wait too
	upgradeTries = 5               // between which shells go on
	upgradePause = time.Second
)

// An Upgraded is what an upgrade did, or would do.
type Upgraded struct {
	From, To                int
	Steps                   []string
	Added, Changed, Dropped []string // objects of the schema: "view customers"
}

// querier is what connections and transactions have in common.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Version returns the version of the schema, 0 if there is no database or no schema. It is ErrConflict when the schema is not crm's.
func (a *Admin) Version(ctx context.Context) (int, error) {
	conn, err := a.connect(ctx, "")
	if err != nil {
		return 0, err
	}
	var there bool
	err = conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", a.names.Database).Scan(&there)
	_ = conn.Close(context.WithoutCancel(ctx))
	if err != nil || !there {
		return 0, translate(err)
	}
	if conn, err = a.connect(ctx, a.names.Database); err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	version, err := a.version(ctx, conn)
	return version, translate(err)
}

func (a *Admin) version(ctx context.Context, conn querier) (int, error) {
	var there bool
	err := conn.QueryRow(ctx, "select exists (select from pg_namespace where nspname = $1)", a.names.Schema).Scan(&there)
	if err != nil || !there {
		return 0, err
	}
	var value string
	err = conn.QueryRow(ctx, "select value from "+quote(a.names.Schema)+".setting where name = 'schema_version'").Scan(&value)
	switch {
	case isCode(err, "42501"):
		return 0, say(ErrDenied, "the account of database.admin_url may not read the schema %s: it must be a member of the role %s, or be a superuser", a.names.Schema, a.names.Owner)
	case err != nil && !isCode(err, "42P01", "42703") && !errors.Is(err, pgx.ErrNoRows):
		return 0, err
	}
	version, malformed := strconv.Atoi(value)
	if err != nil || malformed != nil || version < 1 {
		return 0, say(ErrConflict, "the schema %s is there and is not crm's: choose another database.schema", a.names.Schema)
	}
	return version, nil
}

// Upgrade brings the schema to the version of this program, or with dry finds out what that would change. It is ErrConflict when somebody holds locks for long, and when objects of others depend on the schema.
// The caller keeps other administrators out with Alone.
func (a *Admin) Upgrade(ctx context.Context, schemaSQL string, dry bool) (Upgraded, error) {
	steps, err := upgrade.Steps()
	if err != nil {
		return Upgraded{}, fmt.Errorf("%w: %w", ErrInternal, err)
	}
	return a.upgradeBy(ctx, schemaSQL, steps, dry)
}

// upgradeBy is Upgrade with steps of the caller's.
func (a *Admin) upgradeBy(ctx context.Context, schemaSQL string, steps []upgrade.Step, dry bool) (u Upgraded, err error) {
	statements, err := upgrade.Read(schemaSQL)
	if err != nil {
		return u, fmt.Errorf("%w: %w", ErrInternal, err)
	}
	conn, err := a.connect(ctx, a.names.Database)
	if err != nil {
		return u, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for try := 1; ; try++ {
		u, err = a.upgrade(ctx, conn, statements, steps, dry)
		switch {
		case !isCode(err, "55P03", "40P01"):
			return u, a.upgradeError(err)
		case try == upgradeTries:
			return Upgraded{}, say(ErrConflict, "the database is in use by a transaction that stays open: end it, then run crm upgrade again")
		}
		select {
		case <-ctx.Done():
			return Upgraded{}, context.Cause(ctx)
		case <-time.After(upgradePause):
		}
	}
}

// upgradeError returns the words for an error of an upgrade.
func (a *Admin) upgradeError(err error) error {
	var pg *pgconn.PgError
	switch {
	case !errors.As(err, &pg):
		return err
	case pg.Code == "2BP01":
		return say(ErrConflict, "objects that are not crm's depend on the schema: drop them, they can be made again afterwards: %s", pg.Detail)
	case pg.Code == "42501":
		return say(ErrDenied, "the account of database.admin_url may not upgrade crm: it must be a member of the role %s, or be a superuser", a.names.Owner)
	}
	return translate(err)
}

func (a *Admin) upgrade(ctx context.Context, conn *pgx.Conn, statements []upgrade.Statement, steps []upgrade.Step, dry bool) (u Upgraded, err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return u, translate(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if u.From, err = a.claim(ctx, conn, tx); err != nil {
		return u, err
	}
	if u.To = FirstVersion; len(steps) > 0 {
		u.To = steps[len(steps)-1].Version
	}
	switch {
	case u.From > u.To:
		return u, versionError(u.From, "")
	case u.From == u.To:
		return u, nil
	}
	before, err := catalogue(ctx, tx, a.names.Schema)
	if err != nil {
		return u, err
	}
	if err := a.lay(ctx, tx, statements, upgrade.Since(steps, u.From)); err != nil {
		return u, err
	}
	for _, s := range upgrade.Since(steps, u.From) {
		u.Steps = append(u.Steps, s.Name)
	}
	after, err := catalogue(ctx, tx, a.names.Schema)
	if err != nil {
		return u, err
	}
	u.Added, u.Changed, u.Dropped = differences(before, after)
	if _, err := tx.Exec(ctx, "update setting set value = $1 where name = 'schema_version'", strconv.Itoa(u.To)); err != nil {
		return u, err
	}
	_, err = tx.Exec(ctx, `insert into audit (entity, entity_id, action, before, after)
		values ('schema', $2::integer, 'upgrade', jsonb_build_object('version', $1::integer), jsonb_build_object('version', $2::integer))`, u.From, u.To)
	if err != nil || dry {
		return u, err
	}
	return u, translate(tx.Commit(ctx))
}

// claim becomes the owner and locks the version, which every batch of a shell reads first, and returns it.
func (a *Admin) claim(ctx context.Context, conn *pgx.Conn, tx pgx.Tx) (version int, err error) {
	for _, role := range []string{a.names.Owner, a.names.App} {
		there, err := hasRole(ctx, conn, role)
		if err != nil {
			return 0, err
		}
		if !there {
			return 0, say(ErrConflict, "there is no role %s: make it with create role, as docs/deployment.md says, or set database.owner and database.url to the roles that the schema belongs to", role)
		}
	}
	if err := a.joinOwner(ctx, conn); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, fmt.Sprintf("set local lock_timeout = %d; set local client_min_messages = warning; set local role %s; set local search_path = %s",
		upgradeWait.Milliseconds(), quote(a.names.Owner), quote(a.names.Schema))); err != nil {
		return 0, err
	}
	if version, err = a.version(ctx, tx); err != nil || version == 0 {
		return 0, errors.Join(err, errNoSchema)
	}
	if _, err := tx.Exec(ctx, "lock table setting in access exclusive mode"); err != nil {
		return 0, err
	}
	version, err = a.version(ctx, tx) // another upgrade may have been faster
	switch {
	case err != nil:
		return 0, err
	case version < FirstVersion:
		return 0, say(ErrConflict, "the schema has version %d, which was never released: crm upgrade begins with %d", version, FirstVersion)
	}
	return version, nil
}

// lay drops what holds nothing, runs the steps and lays the rest from schema.sql.
func (a *Admin) lay(ctx context.Context, tx pgx.Tx, statements []upgrade.Statement, steps []upgrade.Step) error {
	if err := a.clear(ctx, tx); err != nil {
		return err
	}
	for _, s := range steps {
		if _, err := tx.Exec(ctx, a.named(s.SQL)); err != nil {
			return stepError(s.Name, err)
		}
	}
	if err := a.clear(ctx, tx); err != nil { // functions that the steps made free
		return err
	}
	for _, s := range statements {
		if !s.Anew {
			continue
		}
		if _, err := tx.Exec(ctx, a.named(s.SQL)); err != nil {
			return stepError("schema.sql", err)
		}
	}
	return nil
}

// stepError names the file of a statement that failed; one that a repetition or an administrator can mend stays as it is.
func stepError(name string, err error) error {
	if isCode(err, "55P03", "40P01", "2BP01", "42501") || errors.Is(err, context.Canceled) || isLost(translate(err)) {
		return err
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return fmt.Errorf("%w: %s: SQLSTATE %s: %s", ErrInternal, name, pg.Code, pg.Message)
	}
	return fmt.Errorf("%w: %s: %w", ErrInternal, name, err)
}

// clear drops the views, triggers, policies and functions of the schema, and takes back what was granted. Functions that
// indexes, defaults and constraints call stay, with those that they call: create or replace changes them.
func (a *Admin) clear(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, droppable, a.names.Schema)
	if err != nil {
		return err
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	schema, app := quote(a.names.Schema), quote(a.names.App)
	for _, objects := range []string{"tables", "sequences", "routines"} {
		statements = append(statements, fmt.Sprintf("revoke all on all %s in schema %s from public, %s", objects, schema, app))
	}
	for _, s := range append(statements, fmt.Sprintf("revoke all on schema %s from public, %s", schema, app)) {
		if _, err := tx.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// differences compares two catalogues by name.
func differences(before, after map[string]string) (added, changed, dropped []string) {
	for name, definition := range after {
		if was, there := before[name]; !there {
			added = append(added, name)
		} else if was != definition {
			changed = append(changed, name)
		}
	}
	for name := range before {
		if _, there := after[name]; !there {
			dropped = append(dropped, name)
		}
	}
	slices.Sort(added)
	slices.Sort(changed)
	slices.Sort(dropped)
	return added, changed, dropped
}

// catalogue returns the definitions of the objects of a schema, by kind and name.
func catalogue(ctx context.Context, tx pgx.Tx, schema string) (map[string]string, error) {
	rows, err := tx.Query(ctx, definitions, schema)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	var name, definition string
	_, err = pgx.ForEachRow(rows, []any{&name, &definition}, func() error {
		all[name] = definition
		return nil
	})
	return all, err
}

const (
	// The statements that drop the views, triggers, policies and functions of a schema, each kind at once: within one
	// statement PostgreSQL finds the order itself.
	droppable = `
		with recursive mine as (
			select oid from pg_namespace where nspname = $1
		), kept (id) as (
			select d.refobjid from pg_depend d where d.refclassid = 'pg_proc'::regclass
				and d.classid not in ('pg_proc'::regclass, 'pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass)
			union select d.refobjid from pg_depend d join kept k on d.classid = 'pg_proc'::regclass and d.objid = k.id
				where d.refclassid = 'pg_proc'::regclass
		)
		select 'drop view ' || string_agg(format('%I.%I', $1, c.relname), ', ')
		from pg_class c where c.relnamespace = (select oid from mine) and c.relkind = 'v' having count(*) > 0
		union all
		select * from (select format('drop trigger %I on %I.%I', t.tgname, $1, c.relname)
			from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace = (select oid from mine) and not t.tgisinternal
			order by 1) triggers
		union all
		select * from (select format('drop policy %I on %I.%I', p.polname, $1, c.relname)
			from pg_policy p join pg_class c on c.oid = p.polrelid where c.relnamespace = (select oid from mine) order by 1) policies
		union all
		select 'drop routine ' || string_agg(format('%I.%I(%s)', $1, p.proname, pg_get_function_identity_arguments(p.oid)), ', ')
		from pg_proc p where p.pronamespace = (select oid from mine) and p.oid not in (select id from kept) having count(*) > 0`

	definitions = `
		with mine as (select oid from pg_namespace where nspname = $1)
		select 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', pg_get_functiondef(p.oid)
		from pg_proc p where p.pronamespace = (select oid from mine)
		union all
		select case c.relkind when 'v' then 'view ' when 'r' then 'table ' else 'index ' end || c.relname, case c.relkind
			when 'v' then pg_get_viewdef(c.oid) when 'r' then (
				select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || a.attnotnull::text, ',' order by a.attname)
				from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
			else pg_get_indexdef(c.oid) end
		from pg_class c where c.relnamespace = (select oid from mine) and c.relkind in ('r', 'v', 'i')
		union all
		select 'constraint ' || o.conname || ' of ' || o.conrelid::regclass::text, pg_get_constraintdef(o.oid)
		from pg_constraint o where o.connamespace = (select oid from mine) and o.conrelid <> 0 and o.contype <> 't'
		union all
		select 'trigger ' || t.tgname || ' of ' || c.relname, pg_get_triggerdef(t.oid)
		from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace = (select oid from mine) and not t.tgisinternal
		union all
		select 'policy ' || p.polname || ' of ' || c.relname,
			concat_ws(';', p.polcmd::text, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
		from pg_policy p join pg_class c on c.oid = p.polrelid where c.relnamespace = (select oid from mine)`
)
