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

	"filippo.io/age"

	"crm/repo"
)

// A Restore is what `crm restore` does.
type Restore struct {
	Admin         *repo.Admin
	Names         repo.Names // of the place to restore into
	File          string
	Lock          Lock
	SchemaVersion string
	Program       Finder
	AppPassword   string                                                // of the app role if it must be made
	Configure     func(context.Context) ([]string, error)               // writes what is missing of the config, says what that was; before the app role is made
	Try           func(context.Context) error                           // connects as crm will
	Keys          func() ([]uint32, error)                              // ids of the keys of the configured keyset
	Upgrade       func(ctx context.Context, schemaVersion string) error // brings an older schema to this version; nil: that is not possible
	Say           func(string)
}

// Run restores all of a backup, or nothing.
func (r Restore) Run(ctx context.Context) error {
	identities, err := r.Lock.identities()
	if err != nil {
		return err
	}
	file, err := os.Open(r.File)
	if err != nil {
		return r.worded(ctx, err)
	}
	defer file.Close()
	c, err := r.examine(ctx, file, identities)
	if err != nil {
		return r.worded(ctx, err)
	}
	if err := r.admit(c.manifest); err != nil {
		return err
	}
	r.Say(r.summary(c.manifest))
	return r.Admin.Alone(ctx, func() error { return r.restore(ctx, file, identities, c) })
}

// examine reads the whole file before anything is made.
func (r Restore) examine(ctx context.Context, file *os.File, identities []age.Identity) (content, error) {
	in, err := open(interruptible{ctx, file}, identities)
	if err != nil {
		return content{}, err
	}
	return examine(in)
}

// admit refuses a backup that does not fit this program or this config.
func (r Restore) admit(m repo.Manifest) error {
	if number(m.SchemaVersion) > number(r.SchemaVersion) {
		return newer("the backup "+r.File, m.SchemaVersion, r.SchemaVersion)
	}
	if m.SchemaVersion != r.SchemaVersion && r.Upgrade == nil {
		return say(repo.ErrConflict, "the backup %s has schema version %s, which this crm cannot upgrade to %s", r.File, m.SchemaVersion, r.SchemaVersion)
	}
	var wrong []string
	for _, n := range []struct{ key, backup, config string }{
		{"database.schema", m.Schema, r.Names.Schema}, {"database.owner", m.Owner, r.Names.Owner}, {"database.app", m.App, r.Names.App},
	} {
		if n.backup != n.config {
			wrong = append(wrong, fmt.Sprintf("%s is %q here and %q in the backup", n.key, n.config, n.backup))
		}
	}
	if wrong != nil {
		return say(repo.ErrConflict, "a backup is restored under its own names: %s: set them so; database.name is free", strings.Join(wrong, ", "))
	}
	return nil
}

func (r Restore) restore(ctx context.Context, file *os.File, identities []age.Identity, c content) error {
	if err := r.Admin.CheckEmpty(ctx); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return r.worded(ctx, err)
	}
	in, err := open(interruptible{ctx, file}, identities)
	if err != nil {
		return r.worded(ctx, err)
	}
	dump := newArchive(in, c)
	made, err := r.Configure(ctx)
	for _, m := range made {
		r.Say("made " + m)
	}
	if err != nil {
		return err
	}
	restorer := repo.Restorer{Manifest: c.manifest, Archive: dump, Whole: dump.whole, Program: r.Program, AppPassword: r.AppPassword}
	if c.manifest.SchemaVersion != r.SchemaVersion {
		restorer.Upgrade = func(ctx context.Context) error { return r.Upgrade(ctx, c.manifest.SchemaVersion) }
	}
	done, err := r.Admin.Restore(ctx, restorer)
	if err != nil {
		return r.worded(ctx, err)
	}
	r.tell(done, c.manifest)
	return r.Try(ctx)
}

// tell says what was restored and what is left to do.
func (r Restore) tell(done repo.Restored, m repo.Manifest) {
	for _, made := range done.Made {
		r.Say("made " + made)
	}
	switch {
	case m.ChainFault != "":
		r.Say("warning: the chain of the trail did not hold when the backup was made, and does not now: " + m.ChainFault)
	case done.Head.Position > 0:
		r.Say(fmt.Sprintf("restored; the chain of the trail is whole, head %s", done.Head))
	default:
		r.Say("restored")
	}
	if done.Sessions > 0 {
		r.Say(fmt.Sprintf("sessions ended: %d; everybody signs in again", done.Sessions))
	}
	if !r.holdsKeys(m) {
		r.Say("warning: " + keysNeeded(m) + ", and the keyset here does not have it: copy the keyset that belongs to the backup to encryption.keyset_file")
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

func (r Restore) summary(m repo.Manifest) string {
	return fmt.Sprintf("backup of %s at %s by crm %s, schema version %s, PostgreSQL %s; %s",
		strconv.Quote(m.Database), m.At.UTC().Format("2006-01-02 15:04:05 UTC"), m.Program, m.SchemaVersion, m.Server, keysNeeded(m))
}

// worded names the file in an error of reading it.
func (r Restore) worded(ctx context.Context, err error) error {
	var path *os.PathError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &path):
		return say(ErrUsage, "the backup %s cannot be read: %v", r.File, path.Err)
	}
	for _, p := range fileProblems {
		if errors.Is(err, p.err) {
			return say(p.kind, "the backup %s %s", r.File, p.words)
		}
	}
	return err
}

// interruptible ends reading when ctx ends.
type interruptible struct {
	ctx context.Context
	in  io.Reader
}

func (i interruptible) Read(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, context.Cause(i.ctx)
	}
	return i.in.Read(p)
}
