package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// This file creates missing roles, database and schema.

// Setup creates the roles, the database and the schema if they are missing, and returns what it created. The app role's
// password is sent as a SCRAM verifier, so it does not appear in any log of the server. An empty password leaves the
// role without one.
func (a *Admin) Setup(ctx context.Context, schemaSQL, appPassword string) (made []string, err error) {
	conn, err := a.connect(ctx, "")
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	made, err = a.createRoles(ctx, conn, appPassword)
	if err != nil {
		return made, lacking(err)
	}
	created, err := a.createDatabase(ctx, conn)
	if created {
		made = append(made, "database "+a.names.Database)
	}
	if err != nil {
		return made, lacking(err)
	}
	created, err = a.createSchema(ctx, schemaSQL)
	if created {
		made = append(made, "schema "+a.names.Schema)
	}
	return made, lacking(err)
}

// lacking returns the error for an administrator's account without a necessary right.
func lacking(err error) error {
	if err = translate(err); errors.Is(err, ErrDenied) {
		return say(ErrDenied,
			"the account of database.admin_url may not set up crm: it needs CREATEROLE and CREATEDB, "+
				"and must own the database or be a member of the owner role if they are there already; a "+
				"superuser may in "+
				"any case")
	}
	return err
}

// The attributes of the two roles in SQL.
const (
	ownerAttributes = " nologin noinherit"
	appAttributes   = " login nosuperuser nocreatedb nocreaterole noinherit nobypassrls"
)

// createRoles creates each role in one statement, so the app role never exists without its password.
func (a *Admin) createRoles(ctx context.Context, conn *pgx.Conn, appPassword string) (made []string, err error) {
	password := ""
	if appPassword != "" {
		verifier, err := scramVerifier(appPassword)
		if err != nil {
			return nil, err
		}
		password = " password '" + verifier + "'"
	}
	for _, r := range []struct{ name, attributes string }{
		{a.names.Owner, ownerAttributes},
		{a.names.App, appAttributes + password},
	} {
		there, err := hasRole(ctx, conn, r.name)
		if err != nil {
			return made, err
		}
		if there {
			continue
		}
		if _, err := conn.Exec(ctx,
			"create role "+quote(r.name)+r.attributes); err != nil && !isCode(err, "42710", "23505") {
			return made, err
		}
		made = append(made, "role "+r.name)
	}
	return made, a.joinOwner(ctx, conn)
}

// joinOwner grants the owner role to the administrator, who acts for it. A superuser does not need the grant. The
// creator of a role may grant it to themselves (PostgreSQL manual, 22.2 Role Attributes).
func (a *Admin) joinOwner(ctx context.Context, conn *pgx.Conn) error {
	var member bool
	err := conn.QueryRow(ctx, "select pg_has_role(current_user, $1, 'usage')", a.names.Owner).Scan(&member)
	if err != nil || member {
		return err
	}
	_, err = conn.Exec(ctx, "grant "+quote(a.names.Owner)+" to current_user")
	return err
}

// grantConnect grants both roles the right to connect to the database, and revokes it from all others if the owner role
// owns the database.
func (a *Admin) grantConnect(ctx context.Context, tx pgx.Tx) error {
	database, owner, app := quote(a.names.Database), quote(a.names.Owner), quote(a.names.App)
	var own bool
	err := tx.QueryRow(ctx, "select datdba = (select oid from pg_roles where rolname = $1) from pg_database where "+
		"datname = current_database()", a.names.Owner).Scan(&own)
	if err != nil {
		return err
	}
	sql := "grant connect on database " + database + " to " + app
	if own {
		sql += "; revoke all on database " + database + " from public"
	} else {
		sql += "; grant connect, create on database " + database + " to " + owner
	}
	_, err = tx.Exec(ctx, sql)
	return err
}

// revokeCreate revokes the rights to create objects in the database from public and the app role: an object could
// replace one of crm's on a shared connection. For rights that the administrator may not revoke see [Admin.Exposed].
func (a *Admin) revokeCreate(ctx context.Context, conn *pgx.Conn) error {
	open, err := exposures(ctx, conn, a.names.App)
	if err != nil {
		return err
	}
	for _, e := range open {
		if _, err := conn.Exec(ctx, e.remedy); err != nil && !isCode(err, "42501") {
			return err
		}
	}
	return nil
}

// An exposure is a right to create objects in the database that a role has and should not have.
type exposure struct{ what, owner, remedy string }

func (e exposure) String() string {
	return fmt.Sprintf("%s: as %s run: %s", e.what, e.owner, e.remedy)
}

// exposures returns the role's rights to create objects in the database of conn.
func exposures(ctx context.Context, conn *pgx.Conn, role string) (all []exposure, err error) {
	rows, err := conn.Query(ctx, `
		select case kind when 'TEMPORARY' then 'may make temporary tables in the database '
			else 'may make schemas in the database ' end || datname,
			pg_get_userbyid(datdba)::text,
				format('revoke %s on database %I from public, %I', lower(kind), datname, $1::text)
		from pg_database, unnest(array['TEMPORARY', 'CREATE']) kind
		where datname = current_database() and has_database_privilege($1, oid, kind)
		union all
		select 'may make tables in the schema ' || nspname, pg_get_userbyid(nspowner)::text,
			format('revoke create on schema %I from public, %I', nspname, $1::text)
		from pg_namespace where nspname !~ '^pg_(toast_)?temp_' and has_schema_privilege($1, oid, 'CREATE')`,
		pgx.QueryExecModeExec, role)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e exposure, err error) {
		err = row.Scan(&e.what, &e.owner, &e.remedy)
		e.what = "the role " + role + " that crm connects as " + e.what
		return e, err
	})
}

// Exposed returns the rights to create objects that the app role has although crm init revoked them, each with the
// statement to run. The database or a schema then has another owner.
func (a *Admin) Exposed(ctx context.Context) (all []string, err error) {
	conn, err := a.connect(ctx, a.names.Database)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	open, err := exposures(ctx, conn, a.names.App)
	for _, e := range open {
		all = append(all, e.String())
	}
	return all, translate(err)
}

// Lacks reports what the server lacks for an existing schema: roles or their rights. A restore that began before the
// roles existed leaves such a schema. problem is empty if nothing is missing; remedy is the command to run.
func (a *Admin) Lacks(ctx context.Context) (problem, remedy string, err error) {
	there, err := a.hasDatabase(ctx)
	if err != nil || !there {
		return "", "", err
	}
	conn, err := a.connect(ctx, a.names.Database)
	if err != nil {
		return "", "", err
	}
	defer conn.Close(ctx)
	var owner string
	var usable bool
	err = conn.QueryRow(ctx, `
		select pg_get_userbyid(n.nspowner)::text,
			exists (select from pg_roles r where r.rolname = $2 and has_schema_privilege(r.oid, n.oid, 'usage'))
		from pg_namespace n
		where n.nspname = $1
		and exists (select from pg_class c where c.relnamespace = n.oid and c.relname = 'setting')`,
		pgx.QueryExecModeExec, a.names.Schema, a.names.App).Scan(&owner, &usable)
	if errors.Is(err, pgx.ErrNoRows) { // the schema does not exist or is not crm's
		return "", "", nil
	}
	if err != nil {
		return "", "", translate(err)
	}
	missing, err := a.missingRoles(ctx, conn)
	switch {
	case err != nil:
		return "", "", err
	case len(missing) > 0:
		problem = fmt.Sprintf("the schema %s is in the database %s, but these roles are missing on the server: %s",
			a.names.Schema, a.names.Database, strings.Join(missing, ", "))
	case owner != a.names.Owner:
		problem = fmt.Sprintf("the schema %s belongs to the role %s, not to %s", a.names.Schema, owner, a.names.Owner)
	case !usable:
		problem = fmt.Sprintf("the role %s has no right to the schema %s", a.names.App, a.names.Schema)
	default:
		return "", "", nil
	}
	return problem, a.beforeRestore(missing), nil
}

// beforeRestore returns the instructions to repeat a restore that lacked roles.
func (a *Admin) beforeRestore(missing []string) string {
	attributes := map[string]string{a.names.Owner: ownerAttributes, a.names.App: appAttributes + " password '…'"}
	make := ""
	for _, role := range missing {
		make += "create role " + quote(role) + attributes[role] + "; "
	}
	if make != "" {
		make = "run " + strings.TrimSuffix(make, "; ") + ", then "
	}
	return fmt.Sprintf("if database.owner and database.app name the roles of the backup, drop the database %s and "+
		"restore it again: "+
		"crm restore makes the roles; before pg_restore %srestore with owners and privileges", a.names.Database, make)
}

// withNames inserts the names of the schema and the roles into SQL that is written for psql.
func (a *Admin) withNames(sql string) string {
	return strings.NewReplacer(`:"schema"`, quote(a.names.Schema), `:"owner"`, quote(a.names.Owner), `:"app"`,
		quote(a.names.App)).Replace(sql)
}

// createSchema runs schema.sql in one transaction unless the schema exists. An existing schema must have this program's
// version.
func (a *Admin) createSchema(ctx context.Context, schemaSQL string) (created bool, err error) {
	conn, err := a.connect(ctx, a.names.Database)
	if err != nil {
		return false, err
	}
	defer conn.Close(ctx)
	if err := a.revokeCreate(ctx, conn); err != nil {
		return false, err
	}
	if there, err := a.checkVersion(ctx, conn); there || err != nil {
		return false, err
	}
	sql := a.withNames(schemaSQL)
	tx, err := conn.Begin(ctx)
	if err != nil {
		return false, translate(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if err := a.grantConnect(ctx, tx); err != nil {
		return false, translate(err)
	}
	if _, err := tx.Exec(ctx, sql); err != nil {
		if isCode(err, "42P06") {
			return false, nil // another client has just created it
		}
		if isCode(err, "42501") {
			return false, translate(err)
		}
		return false, fmt.Errorf("%w: schema.sql: %w", ErrInternal, translate(err))
	}
	return true, translate(tx.Commit(ctx))
}
