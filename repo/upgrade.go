package repo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"crm/repo/upgrade"
)

// This file upgrades the schema of an older database to the version of this program. All steps run in one transaction,
// so a failed or interrupted upgrade changes nothing.

const (
	upgradeWait  = 2 * time.Second // for a lock; shells wait for the upgrade meanwhile
	upgradeTries = 5
	upgradePause = time.Second // between two attempts; shells continue meanwhile
)

// An Upgraded describes what an upgrade changed, or would change.
type Upgraded struct {
	From, To                int
	Steps                   []string
	Added, Changed, Dropped []string // objects of the schema: "view customers"
}

// A querier is a connection or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Version returns the version of the schema, 0 if the database or the schema does not exist. It returns ErrConflict if
// the schema is not crm's.
func (a *Admin) Version(ctx context.Context) (int, error) {
	there, err := a.hasDatabase(ctx)
	if err != nil || !there {
		return 0, err
	}
	conn, err := a.connect(ctx, a.names.Database)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	version, err := a.version(ctx, conn)
	return version, translate(err)
}

func (a *Admin) version(ctx context.Context, conn querier) (int, error) {
	var there bool
	err := conn.QueryRow(ctx, "select exists (select from pg_namespace where nspname = $1)",
		a.names.Schema).Scan(&there)
	if err != nil || !there {
		return 0, err
	}
	var value string
	err = conn.QueryRow(ctx, "select value from "+a.table("setting")+" where name = 'schema_version'").Scan(&value)
	switch {
	case isCode(err, "42501"):
		return 0, say(ErrDenied, "the account of database.admin_url may not read the schema %s: "+
			"it must be a member of the role %s, or be a superuser", a.names.Schema, a.names.Owner)
	case err != nil && !isCode(err, "42P01", "42703") && !errors.Is(err, pgx.ErrNoRows):
		return 0, err
	}
	version, malformed := strconv.Atoi(value)
	if err != nil || malformed != nil || version < 1 {
		return 0, say(ErrConflict, "the schema %s is there and is not crm's: choose another database.schema",
			a.names.Schema)
	}
	return version, nil
}

// Upgrade upgrades the schema to the version of this program; with dry it only returns what that would change. It
// returns ErrConflict if a transaction holds locks for long, and if objects of others depend on the schema. The caller
// excludes other administrators with Alone.
func (a *Admin) Upgrade(ctx context.Context, schemaSQL string, dry bool) (Upgraded, error) {
	steps, err := upgrade.Steps()
	if err != nil {
		return Upgraded{}, fmt.Errorf("%w: %w", ErrInternal, err)
	}
	return a.upgradeBy(ctx, schemaSQL, steps, dry)
}

// upgradeBy is Upgrade with the given steps.
func (a *Admin) upgradeBy(
	ctx context.Context, schemaSQL string, steps []upgrade.Step, dry bool,
) (u Upgraded, err error) {
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
			return Upgraded{}, say(ErrConflict,
				"the database is in use by a transaction that stays open: end it, then run crm upgrade again")
		}
		select {
		case <-ctx.Done():
			return Upgraded{}, context.Cause(ctx)
		case <-time.After(upgradePause):
		}
	}
}

// upgradeError returns an error of an upgrade with a text for users.
func (a *Admin) upgradeError(err error) error {
	var pg *pgconn.PgError
	switch {
	case !errors.As(err, &pg):
		return err
	case pg.Code == "2BP01":
		return say(ErrConflict,
			"objects that are not crm's depend on the schema: drop them and create them again after the upgrade: %s",
			pg.Detail)
	case pg.Code == "42501":
		return say(ErrDenied, "the account of database.admin_url may not upgrade crm: "+
			"it must be a member of the role %s, or be a superuser", a.names.Owner)
	}
	return translate(err)
}

// upgrade makes one attempt in one transaction.
func (a *Admin) upgrade(
	ctx context.Context, conn *pgx.Conn, statements []upgrade.Statement, steps []upgrade.Step, dry bool,
) (u Upgraded, err error) {
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
	_, err = tx.Exec(ctx, "update setting set value = $1 where name = 'schema_version'", strconv.Itoa(u.To))
	if err != nil {
		return u, err
	}
	_, err = tx.Exec(ctx, `insert into audit (entity, entity_id, action, before, after)
		values ('schema', $2::integer, 'upgrade',
			jsonb_build_object('version', $1::integer), jsonb_build_object('version', $2::integer))`, u.From, u.To)
	if err != nil || dry {
		return u, err
	}
	return u, translate(tx.Commit(ctx))
}

// claim sets the owner role, locks the schema version, which every batch of a shell reads first, and returns the
// version.
func (a *Admin) claim(ctx context.Context, conn *pgx.Conn, tx pgx.Tx) (version int, err error) {
	for _, role := range []string{a.names.Owner, a.names.App} {
		there, err := hasRole(ctx, conn, role)
		if err != nil {
			return 0, err
		}
		if !there {
			return 0, say(ErrConflict, "there is no role %s: make it with create role, as docs/deployment.md says, "+
				"or set database.owner and database.url to the roles that the schema belongs to", role)
		}
	}
	if err := a.joinOwner(ctx, conn); err != nil {
		return 0, err
	}
	settings := fmt.Sprintf("set local lock_timeout = %d; set local client_min_messages = warning; "+
		"set local role %s; set local search_path = %s",
		upgradeWait.Milliseconds(), quote(a.names.Owner), quote(a.names.Schema))
	if _, err := tx.Exec(ctx, settings); err != nil {
		return 0, err
	}
	if version, err = a.version(ctx, tx); err != nil || version == 0 {
		return 0, errors.Join(err, errNoSchema)
	}
	if _, err := tx.Exec(ctx, "lock table setting in access exclusive mode"); err != nil {
		return 0, err
	}
	version, err = a.version(ctx, tx) // another upgrade may have committed before the lock was granted
	switch {
	case err != nil:
		return 0, err
	case version < FirstVersion:
		return 0, say(ErrConflict,
			"the schema has version %d, which was never released: crm upgrade begins with %d", version, FirstVersion)
	}
	return version, nil
}

// lay drops the replaced objects, runs the steps and creates the replaced objects from schema.sql.
func (a *Admin) lay(ctx context.Context, tx pgx.Tx, statements []upgrade.Statement, steps []upgrade.Step) error {
	if err := a.clear(ctx, tx); err != nil {
		return err
	}
	for _, s := range steps {
		if _, err := tx.Exec(ctx, a.withNames(s.SQL)); err != nil {
			return stepError(s.Name, err)
		}
	}
	if err := a.clear(ctx, tx); err != nil { // functions without dependents after the steps
		return err
	}
	for _, s := range statements {
		if !s.Anew {
			continue
		}
		if _, err := tx.Exec(ctx, a.withNames(s.SQL)); err != nil {
			return stepError("schema.sql", err)
		}
	}
	return nil
}

// stepError adds the file of the failed statement to err. It returns errors that a retry or an administrator can
// resolve unchanged.
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
