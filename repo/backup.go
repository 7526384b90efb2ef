package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// This file dumps crm's schema with pg_dump, and describes the snapshot in a manifest.

// A Manifest describes a dump: its contents, the programs that wrote it and the keys that it needs.
type Manifest struct {
	Format        int       `json:"format"` // of the backup file
	At            time.Time `json:"at"`     // of the snapshot
	Program       string    `json:"crm"`
	SchemaVersion string    `json:"schema_version"`
	Server        string    `json:"postgresql"`
	DumpMajor     int       `json:"pg_dump"` // its major version: pg_restore must not be older
	Database      string    `json:"database"`
	Schema        string    `json:"schema"`
	Owner         string    `json:"owner"`
	App           string    `json:"app"`
	Keys          []uint32  `json:"keys"` // ids of the keys that sealed values need
	// in the form of [ParseChainHead]; empty if the trail has no link
	ChainHead string `json:"chain_head"`
	// the error of [Admin.VerifyChain]; such a backup is restored unchanged
	ChainFault string           `json:"chain_fault,omitempty"`
	Rows       map[string]int64 `json:"rows"` // per table in the dump
}

// A Dumper has what [Admin.Dump] needs besides the database.
type Dumper struct {
	Out io.Writer // takes pg_dump's custom format
	// returns the path of a program of PostgreSQL of at least that major version
	Program func(ctx context.Context, name string, major int) (string, int, error)
	// returns an error for a schema version that is too new
	Newest func(schemaVersion string) error
	// may be nil; called before pg_dump runs
	Begun func(Manifest)
}

// Dump writes a dump of the schema and returns its manifest. Both are of one snapshot, even while others write. Only
// changes of the schema wait for it.
func (a *Admin) Dump(ctx context.Context, d Dumper) (m Manifest, err error) {
	conn, err := a.connect(ctx, a.names.Database)
	if err != nil {
		return m, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return m, translate(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if m, err = a.describe(ctx, tx); err != nil {
		return m, err
	}
	if err := d.Newest(m.SchemaVersion); err != nil {
		return m, err
	}
	major := majorOf(conn)
	program, version, err := d.Program(ctx, "pg_dump", major)
	if err != nil {
		return m, err
	}
	m.DumpMajor = version
	if err := a.describeTrail(ctx, tx, &m); err != nil {
		return m, err
	}
	left, err := a.sessionTables(ctx, tx)
	if err != nil {
		return m, translate(err)
	}
	var snapshot string
	if err := tx.QueryRow(ctx, "select pg_export_snapshot()").Scan(&snapshot); err != nil {
		return m, translate(err)
	}
	if d.Begun != nil {
		d.Begun(m)
	}
	return m, a.dump(ctx, conn, d.Out, program, snapshot, left)
}

// describe fills the manifest with everything but the trail.
func (a *Admin) describe(ctx context.Context, tx pgx.Tx) (Manifest, error) {
	m := Manifest{
		Database: a.names.Database, Schema: a.names.Schema, Owner: a.names.Owner, App: a.names.App,
		Rows: map[string]int64{},
	}
	if _, err := tx.Exec(ctx, "set local role "+quote(a.names.Owner)); err != nil {
		return m, a.notOwner(err)
	}
	err := tx.QueryRow(ctx, "select value, now(), current_setting('server_version') from "+
		a.table("setting")+" where name = 'schema_version'").
		Scan(&m.SchemaVersion, &m.At, &m.Server)
	if isCode(err, "3F000", "42P01") || errors.Is(err, pgx.ErrNoRows) {
		return m, say(ErrUnavailable, "the database %s does not hold crm's schema %s: run crm init", a.names.Database,
			a.names.Schema)
	}
	if err != nil {
		return m, a.notOwner(err)
	}
	if m.Rows, err = a.countRows(ctx, tx); err != nil {
		return m, a.notOwner(err)
	}
	sessions, err := a.sessionTables(ctx, tx)
	if err != nil {
		return m, translate(err)
	}
	for _, table := range sessions {
		m.Rows[table] = 0
	}
	m.Keys, err = a.keysInUse(ctx, tx)
	return m, translate(err)
}

// sessionTables returns the tables whose rows stay out of a dump: sessions, and tables that refer to them. A stolen key
// of a live session would let its reader act for the user.
func (a *Admin) sessionTables(ctx context.Context, tx pgx.Tx) ([]string, error) {
	return queryAll[string](ctx, tx, `with recursive tied (oid) as (select to_regclass($1)::oid
			union select c.conrelid from pg_constraint c join tied t on c.confrelid = t.oid and c.contype = 'f')
		select c.relname::text from pg_class c join tied using (oid)`, a.table("session"))
}

// describeTrail verifies the trail's chain and stores its head in the manifest. A broken chain does not prevent a
// backup.
func (a *Admin) describeTrail(ctx context.Context, tx pgx.Tx, m *Manifest) error {
	if m.SchemaVersion == strconv.Itoa(SchemaVersion) {
		_, _, err := a.verifyChain(ctx, tx, nil)
		if err != nil && !errors.Is(err, ErrConflict) {
			return err
		}
		if err != nil {
			m.ChainFault = err.Error()
		}
	}
	var head ChainHead
	var hash []byte
	err := tx.QueryRow(ctx, "select position, hash from "+a.table("audit_link")+" order by position desc limit "+
		"1").Scan(&head.Position, &hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	copy(head.Hash[:], hash)
	m.ChainHead = head.String()
	return translate(err)
}

// notOwner returns the error for an administrator who may not act for the owner role.
func (a *Admin) notOwner(err error) error {
	if isCode(err, "42501", "22023") { // insufficient_privilege; invalid_parameter_value: the role is missing
		return say(ErrDenied, "the account of database.admin_url may not act for the role %s: "+
			"grant it that role, or use the account that ran crm init", a.names.Owner)
	}
	return translate(err)
}

// countRows counts the rows of every table of the schema.
func (a *Admin) countRows(ctx context.Context, tx pgx.Tx) (map[string]int64, error) {
	tables, err := queryAll[string](ctx, tx, `select relname::text from pg_class
		where relkind = 'r' and relnamespace = (select oid from pg_namespace where nspname = $1)`, a.names.Schema)
	rows := map[string]int64{}
	for _, table := range tables {
		var count int64
		if err := tx.QueryRow(ctx, "select count(*) from "+a.table(table)).Scan(&count); err != nil {
			return nil, err
		}
		rows[table] = count
	}
	return rows, err
}

// keysInUse returns the ids of the keys with which values of the domain sealed, and their copies in the trail, were
// sealed: bytes 2 to 5 of a value (Tink's key prefix).
func (a *Admin) keysInUse(ctx context.Context, tx pgx.Tx) ([]uint32, error) {
	tables, err := sealedTables(ctx, tx, a.names.Schema)
	if err != nil {
		return nil, err
	}
	sources := []string{"select decode(substr(v.value, 5, 8), 'hex') from " + a.table("audit") + " a, " + sealedValues +
		` where v.value ~ '^\\x01[0-9a-f]{56,}'`}
	for _, t := range tables {
		for _, column := range t.Columns {
			sources = append(sources,
				fmt.Sprintf("select substr(%[1]s, 2, 4) from %[2]s where %[1]s is not null", quote(column),
					a.table(t.Name)))
		}
	}
	ids, err := queryAll[int64](ctx, tx, `select distinct ('x' || encode(key, 'hex'))::bit(32)::bigint from (`+
		strings.Join(sources, " union all ")+`) keys (key) order by 1`, sealedColumns(tables))
	keys := make([]uint32, len(ids))
	for i, id := range ids {
		keys[i] = uint32(id)
	}
	return keys, err
}

func queryAll[T any](ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]T, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}

func majorOf(conn *pgx.Conn) (major int) {
	_, _ = fmt.Sscanf(conn.PgConn().ParameterStatus("server_version"), "%d", &major)
	return major
}

// dump runs pg_dump in the snapshot, as the owner role, which row policies do not restrict. Connection parameters are
// passed in the environment, which other users cannot read, and not in the arguments.
func (a *Admin) dump(
	ctx context.Context, conn *pgx.Conn, out io.Writer, program, snapshot string, left []string,
) error {
	cmd := exec.CommandContext(ctx, program, "--format=custom", "--no-password", "--snapshot="+snapshot, "--role="+
		a.names.Owner,
		"--schema="+quote(a.names.Schema), "--strict-names", "--no-tablespaces", "--no-security-labels")
	for _, table := range left {
		cmd.Args = append(cmd.Args, "--exclude-table-data="+a.table(table))
	}
	cmd.Env = a.clientEnvironment(conn)
	watched := &watchedWriter{out: out}
	words := &lastWords{}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = watched, words, 5*time.Second
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case watched.err != nil:
		return watched.err
	case err == nil:
		return nil
	}
	if err := conn.Ping(ctx); err != nil {
		return translate(err)
	}
	return say(ErrUnavailable, "pg_dump failed: %s", words.first(err))
}

// A watchedWriter remembers its first error.
type watchedWriter struct {
	out io.Writer
	err error
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	n, err := w.out.Write(p)
	if w.err == nil {
		w.err = err
	}
	return n, err
}

// lastWords stores the beginning of a program's error output.
type lastWords struct{ text bytes.Buffer }

func (w *lastWords) Write(p []byte) (int, error) {
	w.text.Write(p[:min(len(p), 4096-min(w.text.Len(), 4096))])
	return len(p), nil
}

// first returns the first line without the program's name and the severity.
func (w *lastWords) first(ended error) string {
	line, _, _ := strings.Cut(w.text.String(), "\n")
	for _, label := range []string{"pg_dump: ", "pg_restore: ", "error: "} {
		line = strings.TrimPrefix(line, label)
	}
	if line = strings.TrimSpace(line); line == "" {
		return ended.Error()
	}
	return line
}

// sortedTables returns the names of the tables of a manifest.
func (m Manifest) sortedTables() []string {
	tables := make([]string, 0, len(m.Rows))
	for table := range m.Rows {
		tables = append(tables, table)
	}
	slices.Sort(tables)
	return tables
}
