package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"crm/repo"
)

// A Restore runs `crm restore`.
type Restore struct {
	Admin         *repo.Admin
	Names         repo.Names // of the database to restore into
	Source        *Source
	SchemaVersion string
	Program       Finder
	AppPassword   string // of the app role, if it must be created
	// Configure writes the missing keys of the config and returns their names. It runs before the app role is created.
	Configure func(context.Context) ([]string, error)
	Try       func(context.Context) error // connects as crm does
	Keys      func() ([]uint32, error)    // ids of the keys of the configured keyset
	// Upgrade upgrades an older schema to this version; nil: impossible.
	Upgrade func(ctx context.Context, schemaVersion string) error
	Say     func(string)
}

// A Source is a backup that was read completely and is undamaged.
type Source struct {
	name    string
	file    *os.File
	plain   *io.SectionReader // the decrypted content
	content content
}

// Open reads and checks a whole backup. The caller must close it.
func Open(ctx context.Context, name string, l Lock) (*Source, error) {
	identities, err := l.identities()
	if err != nil {
		return nil, err
	}
	s := &Source{name: name}
	if s.file, err = os.Open(name); err != nil {
		return nil, s.worded(ctx, err)
	}
	info, err := s.file.Stat()
	if err == nil {
		s.plain, err = open(s.file, info.Size(), identities)
	}
	if err == nil {
		s.content, err = examine(s.read(ctx))
	}
	if err != nil {
		s.Close()
		return nil, s.worded(ctx, err)
	}
	return s, nil
}

// Close closes the file.
func (s *Source) Close() { _ = s.file.Close() }

// read returns a reader of the content, from its beginning.
func (s *Source) read(ctx context.Context) io.Reader {
	_, _ = s.plain.Seek(0, io.SeekStart) // cannot fail
	return checked{ctx, s.plain}
}

// Run restores the whole backup, or nothing.
func (r Restore) Run(ctx context.Context) error {
	m := r.Source.content.manifest
	if err := r.admit(m); err != nil {
		return err
	}
	r.Say(summary(m))
	return r.Admin.Alone(ctx, func() error { return r.Source.worded(ctx, r.restore(ctx, m)) })
}

// admit returns an error if the backup does not fit this program or this config.
func (r Restore) admit(m repo.Manifest) error {
	if number(m.SchemaVersion) > number(r.SchemaVersion) {
		return newer("the backup "+r.Source.name, m.SchemaVersion, r.SchemaVersion)
	}
	if m.SchemaVersion != r.SchemaVersion && r.Upgrade == nil {
		return say(repo.ErrConflict, "the backup %s has schema version %s, which this crm cannot upgrade to %s",
			r.Source.name, m.SchemaVersion, r.SchemaVersion)
	}
	var wrong []string
	for _, n := range []struct{ key, backup, config string }{
		{"database.schema", m.Schema, r.Names.Schema},
		{"database.owner", m.Owner, r.Names.Owner},
		{"database.app", m.App, r.Names.App},
	} {
		if n.backup != n.config {
			wrong = append(wrong, fmt.Sprintf("%s is %q here and %q in the backup", n.key, n.config, n.backup))
		}
	}
	if wrong != nil {
		return say(repo.ErrConflict, "a backup is restored under its own names: %s: set them so; database.name is free",
			strings.Join(wrong, ", "))
	}
	return nil
}

func (r Restore) restore(ctx context.Context, m repo.Manifest) error {
	if err := r.Admin.CheckEmpty(ctx); err != nil {
		return err
	}
	dump := newArchive(r.Source.read(ctx), r.Source.content)
	made, err := r.Configure(ctx)
	for _, m := range made {
		r.Say("made " + m)
	}
	if err != nil {
		return err
	}
	restorer := repo.Restorer{
		Manifest: m, Archive: dump, Whole: dump.whole, Program: r.Program,
		AppPassword: r.AppPassword,
	}
	if m.SchemaVersion != r.SchemaVersion {
		restorer.Upgrade = func(ctx context.Context) error { return r.Upgrade(ctx, m.SchemaVersion) }
	}
	done, err := r.Admin.Restore(ctx, restorer)
	if err != nil {
		return err
	}
	r.tell(done, m)
	if err := warnExposed(ctx, r.Admin, r.Say); err != nil {
		return err
	}
	return r.Try(ctx)
}

// tell prints what was restored and what remains to be done.
func (r Restore) tell(done repo.Restored, m repo.Manifest) {
	for _, made := range done.Made {
		r.Say("made " + made)
	}
	switch {
	case m.ChainFault != "":
		r.Say("warning: the chain of the trail did not hold when the backup was made, and does not now: " +
			m.ChainFault)
	case done.Head.Position > 0:
		r.Say(fmt.Sprintf("restored; the chain of the trail is whole, head %s", done.Head))
	default:
		r.Say("restored")
	}
	r.Say("no session is in a backup: everybody signs in again")
	if !r.holdsKeys(m) {
		r.Say("warning: " + keysNeeded(m) +
			", and the keyset here does not have it: copy the keyset that belongs to the " +
			"backup to encryption.keyset_file")
	}
}

// holdsKeys reports whether the configured keyset has all keys that the backup needs.
func (r Restore) holdsKeys(m repo.Manifest) bool {
	if len(m.Keys) == 0 {
		return true
	}
	held, err := r.Keys()
	return err == nil && !slices.ContainsFunc(m.Keys, func(id uint32) bool { return !slices.Contains(held, id) })
}

// summary returns a description of a backup.
func summary(m repo.Manifest) string {
	return fmt.Sprintf("backup of %s at %s by crm %s, schema version %s, PostgreSQL %s; %s",
		strconv.Quote(m.Database), m.At.UTC().Format("2006-01-02 15:04:05 UTC"), m.Program, m.SchemaVersion, m.Server,
		keysNeeded(m))
}

// worded returns an error of reading the file with a text for users.
func (s *Source) worded(ctx context.Context, err error) error {
	var path *os.PathError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &path):
		return say(ErrUsage, "the backup %s cannot be read: %v", s.name, path.Err)
	}
	for _, p := range fileProblems {
		if errors.Is(err, p.err) {
			return say(p.kind, "the backup %s %s", s.name, p.words)
		}
	}
	return err
}

// checked stops reading when ctx ends. It converts errors of age to errDamaged.
type checked struct {
	ctx context.Context
	in  io.Reader
}

func (c checked) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	n, err := c.in.Read(p)
	var path *os.PathError
	if err != nil && !errors.Is(err, io.EOF) && !errors.As(err, &path) {
		err = errDamaged
	}
	return n, err
}
