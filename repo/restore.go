package repo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// This file restores a dump. pg_restore turns it into a script, which runs here, in one transaction with all checks: so nothing
// of a restore that fails or is interrupted is there.

// A Restorer is what [Admin.Restore] needs besides the database.
type Restorer struct {
	Manifest    Manifest
	Archive     io.Reader                                                              // pg_dump's custom format
	Whole       func() error                                                           // called when Archive was read: whether it was what it should be
	Program     func(ctx context.Context, name string, major int) (string, int, error) // finds a program of PostgreSQL, at least of that major version
	AppPassword string                                                                 // of the app role if it must be made; empty: none
	Upgrade     func(context.Context) error                                            // brings an older schema to this version; nil: not needed
}

// Restored is what a restore made.
type Restored struct {
	Made []string // in words
	Head ChainHead
}

// Restore makes roles, database and schema as the manifest says. The database must be missing, or without the schema, else it is
// ErrConflict. When it fails, what it made is gone again.
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

// head is the manifest's, nil where there was none or its chain was broken.
func (m Manifest) head() *ChainHead {
	head, err := ParseChainHead(m.ChainHead)
	if err != nil || m.ChainFault != "" {
		return nil
	}
	return &head
}

// CheckEmpty refuses a database that has the schema, as ErrConflict.
func (a *Admin) CheckEmpty(ctx context.Context) error {
	conn, err := a.connect(ctx, "")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var there bool
	err = conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", a.names.Database).Scan(&there)
	if err != nil || !there {
		return translate(err)
	}
	target, err := a.connect(ctx, a.names.Database)
	if err != nil {
		return err
	}
	defer target.Close(ctx)
	err = target.QueryRow(ctx, "select exists (select from pg_namespace where nspname = $1)", a.names.Schema).Scan(&there)
	if err == nil && there {
		return say(ErrConflict, "the database %s has a schema %s already: restore into another database (database.url or database.name), "+
			"or drop it first", a.names.Database, a.names.Schema)
	}
	return translate(err)
}

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

// unmake removes what a restore that failed has made, as far as it can.
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

// load runs the dump's script and checks what it made, in one transaction.
func (a *Admin) load(ctx context.Context, program string, r Restorer, done *Restored) error {
	conn, err := a.connect(ctx, a.names.Database)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	tx, err := conn.Begin(ctx)
	if err != nil {
		return translate(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := a.admit(ctx, tx); err != nil {
		return lacking(err)
	}
	// Part of schema.sql that belongs to the database, which pg_dump leaves out when it dumps one schema.
	if _, err := tx.Exec(ctx, "set local role "+quote(a.names.Owner)+"; alter default privileges revoke execute on functions from public"); err != nil {
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

// check compares rows and chain with the manifest and gathers the planner's statistics.
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

// difference names the first table whose rows are not as many as the manifest says.
func difference(m Manifest, rows map[string]int64) string {
	for _, table := range m.sortedTables() {
		if rows[table] != m.Rows[table] {
			return fmt.Sprintf("%d rows of %s, want %d", rows[table], table, m.Rows[table])
		}
	}
	return fmt.Sprintf("%d tables, want %d", len(rows), len(m.Rows))
}

// play has pg_restore write its script and runs it.
func (a *Admin) play(ctx context.Context, conn *pgx.Conn, program string, r Restorer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(ctx, program, "--file=-", "--no-owner")
	cmd.Env = []string{"LC_ALL=C"}
	words := &lastWords{}
	cmd.Stdin, cmd.Stderr, cmd.WaitDelay = r.Archive, words, 5*time.Second
	script, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return say(ErrUnavailable, "pg_restore does not start: %v", err)
	}
	failed := runScript(ctx, conn, bufio.NewReaderSize(script, 1<<16))
	if failed != nil {
		stop()
	}
	ended := cmd.Wait()
	switch {
	case errors.Is(context.Cause(ctx), context.Canceled) && failed == nil:
		return context.Canceled
	case failed != nil:
		return failed
	case ended != nil:
		return say(ErrInvalid, "pg_restore cannot read the dump: %s", words.first(ended))
	}
	if _, err := io.Copy(io.Discard, r.Archive); err != nil { // what pg_restore did not need
		return err
	}
	return r.Whole()
}

// runScript runs a script as pg_restore writes it: statements, and COPY with its rows behind it until a line with \. alone. Of
// psql's own commands it holds \restrict and \unrestrict only.
func runScript(ctx context.Context, conn *pgx.Conn, script *bufio.Reader) error {
	var statements bytes.Buffer
	run := func() error {
		err := conn.PgConn().Exec(ctx, statements.String()).Close()
		statements.Reset()
		return refused(err)
	}
	for {
		line, err := script.ReadString('\n')
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return err
		case strings.HasPrefix(line, `\restrict `), strings.HasPrefix(line, `\unrestrict `):
		case strings.HasPrefix(line, "SET transaction_timeout = "): // of PostgreSQL 17 and newer
		case strings.HasPrefix(line, "COPY ") && strings.HasSuffix(line, " FROM stdin;\n"):
			if err := run(); err != nil {
				return err
			}
			rows := &copiedRows{script: script}
			if _, err := conn.PgConn().CopyFrom(ctx, rows, strings.TrimSuffix(line, ";\n")); err != nil {
				return refused(err)
			}
			if !rows.ended {
				return say(ErrInvalid, "the dump ends among the rows of a table")
			}
		default:
			statements.WriteString(line)
		}
		if errors.Is(err, io.EOF) {
			return run()
		}
	}
}

// refused is the words for a statement of a backup that failed.
func refused(err error) error {
	err = translate(err)
	var fault Fault
	switch {
	case errors.As(err, &fault):
		return say(ErrConflict, "the server refuses a statement of the backup (%s)", fault.Error())
	case errors.Is(err, ErrDenied):
		return lacking(err)
	}
	return err
}

// copiedRows reads the rows behind a COPY.
type copiedRows struct {
	script *bufio.Reader
	left   []byte
	ended  bool
}

func (r *copiedRows) Read(p []byte) (int, error) {
	for len(r.left) == 0 && !r.ended {
		line, err := r.script.ReadBytes('\n')
		switch {
		case string(line) == "\\.\n":
			r.ended = true
		case err != nil:
			return 0, io.EOF
		default:
			r.left = line
		}
	}
	if r.ended {
		return 0, io.EOF
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}
