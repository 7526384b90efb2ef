package repo

import (
	"context"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
)

// This file restores a dump. pg_restore converts it to a script, which runs here (restore_script.go) in one transaction
// with all checks, so a restore that fails or is interrupted leaves nothing.

// A Restorer has what [Admin.Restore] needs besides the database.
type Restorer struct {
	Manifest Manifest
	Archive  io.Reader    // pg_dump's custom format
	Whole    func() error // verifies the checksum of Archive after it was read
	// Program returns the path and major version of a program of PostgreSQL, at least of version major.
	Program     func(ctx context.Context, name string, major int) (string, int, error)
	AppPassword string                      // of the app role, if Restore creates it; empty: none
	Upgrade     func(context.Context) error // upgrades an older schema; nil: not needed
}

// Restored lists what a restore created.
type Restored struct {
	Made []string // such as "role crm_app"
	Head ChainHead
}

// Restore creates roles, database and schema as the manifest names them. It returns ErrConflict if the schema exists.
// If it fails, it removes what it created.
func (a *Admin) Restore(ctx context.Context, r Restorer) (done Restored, err error) {
	program, _, err := r.Program(ctx, "pg_restore", r.Manifest.DumpMajor)
	if err == nil {
		err = a.CheckEmpty(ctx)
	}
	if err != nil {
		return done, err
	}
	conn, err := a.connect(ctx, "")
	if err != nil {
		return done, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	roles, err := a.missingRoles(ctx, conn)
	if err != nil {
		return done, err
	}
	created := false
	defer func() {
		if err != nil {
			a.unmake(context.WithoutCancel(ctx), created, done.Made, roles)
			done = Restored{}
		}
	}()
	if _, err = a.createRoles(ctx, conn, r.AppPassword); err != nil {
		return done, lacking(err)
	}
	if created, err = a.createDatabase(ctx, conn); err != nil {
		return done, lacking(err)
	}
	if err = a.load(ctx, program, r, &done); err != nil {
		return done, err
	}
	for _, role := range roles {
		done.Made = append(done.Made, "role "+role)
	}
	if created {
		done.Made = append(done.Made, "database "+a.names.Database)
	}
	done.Made = append(done.Made, "schema "+a.names.Schema)
	if r.Upgrade != nil {
		if err = r.Upgrade(ctx); err == nil {
			done.Head, _, err = a.VerifyChain(ctx, r.Manifest.head())
		}
	}
	return done, err
}

// head returns the chain head of the manifest, nil if it has none or the chain was broken.
func (m Manifest) head() *ChainHead {
	head, err := ParseChainHead(m.ChainHead)
	if err != nil || m.ChainFault != "" {
		return nil
	}
	return &head
}

// CheckEmpty returns ErrConflict if the database has the schema.
func (a *Admin) CheckEmpty(ctx context.Context) error {
	there, err := a.hasDatabase(ctx)
	if err != nil || !there {
		return err
	}
	target, err := a.connect(ctx, a.names.Database)
	if err != nil {
		return err
	}
	defer target.Close(ctx)
	err = target.QueryRow(ctx, "select exists (select from pg_namespace where nspname = $1)",
		a.names.Schema).Scan(&there)
	if err == nil && there {
		return say(ErrConflict, "the database %s has a schema %s already: "+
			"restore into another database (database.url or database.name), or drop it first", a.names.Database,
			a.names.Schema)
	}
	return translate(err)
}

// missingRoles returns the roles of crm that the server does not have.
func (a *Admin) missingRoles(ctx context.Context, conn *pgx.Conn) (missing []string, err error) {
	for _, role := range []string{a.names.App, a.names.Owner} {
		there, err := hasRole(ctx, conn, role)
		if err != nil {
			return nil, err
		}
		if !there {
			missing = append(missing, role)
		}
	}
	return missing, nil
}

// unmake removes what a failed restore created, and ignores errors.
func (a *Admin) unmake(ctx context.Context, created bool, committed, roles []string) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	switch {
	case created:
		_ = a.DropDatabase(ctx)
	case committed != nil:
		_ = a.asOwner(ctx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "drop schema "+quote(a.names.Schema)+" cascade")
			return err
		})
	}
	conn, err := a.connect(ctx, "")
	if err != nil {
		return
	}
	defer conn.Close(ctx)
	for _, role := range roles {
		_, _ = conn.Exec(ctx, "drop role if exists "+quote(role))
	}
}

// load runs the dump's script and checks the result, in one transaction.
func (a *Admin) load(ctx context.Context, program string, r Restorer, done *Restored) error {
	conn, err := a.connect(ctx, a.names.Database)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := a.revokeCreate(ctx, conn); err != nil {
		return lacking(err)
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		return translate(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := a.grantConnect(ctx, tx); err != nil {
		return lacking(err)
	}
	// The statement of schema.sql that concerns the whole database: pg_dump omits it from the dump of a schema.
	const private = "alter default privileges revoke execute on functions from public"
	if _, err := tx.Exec(ctx, "set local role "+quote(a.names.Owner)+"; "+private); err != nil {
		return lacking(err)
	}
	if err := a.play(ctx, conn, program, r); err != nil {
		return err
	}
	if err := a.check(ctx, tx, r, done); err != nil {
		return err
	}
	return translate(tx.Commit(ctx))
}

// check compares the counts of rows and the chain with the manifest, and analyzes the tables.
func (a *Admin) check(ctx context.Context, tx pgx.Tx, r Restorer, done *Restored) error {
	rows, err := a.countRows(ctx, tx)
	if err != nil {
		return translate(err)
	}
	if !maps.Equal(rows, r.Manifest.Rows) {
		return say(ErrConflict, "the backup does not hold what its manifest says: %s", difference(r.Manifest, rows))
	}
	for _, table := range r.Manifest.sortedTables() {
		if _, err := tx.Exec(ctx, "analyze "+a.table(table)); err != nil {
			return translate(err)
		}
	}
	if r.Upgrade != nil || r.Manifest.ChainFault != "" {
		return nil
	}
	done.Head, _, err = a.verifyChain(ctx, tx, r.Manifest.head())
	return err
}

// difference names the first table whose count of rows differs from the manifest.
func difference(m Manifest, rows map[string]int64) string {
	for _, table := range m.sortedTables() {
		if rows[table] != m.Rows[table] {
			return fmt.Sprintf("%d rows of %s, want %d", rows[table], table, m.Rows[table])
		}
	}
	return fmt.Sprintf("%d tables, want %d", len(rows), len(m.Rows))
}
