package operator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"crm/commands"
	"crm/repo"
)

// A Finder returns the path of a PostgreSQL program with at least the given major version, and its major version.
type Finder func(ctx context.Context, name string, major int) (path string, version int, err error)

// A Backup runs `crm backup`.
type Backup struct {
	Admin         *repo.Admin
	File          string
	Force         bool // replace an existing File
	Lock          Lock
	Version       string // of crm
	SchemaVersion string // the newest version that this crm supports
	Program       Finder
	Say           func(string)
}

// Run writes the backup to a file that appears when it is complete. After an error File is unchanged.
func (b Backup) Run(ctx context.Context) (err error) {
	if err := b.checkFile(); err != nil {
		return err
	}
	if _, err := b.Lock.recipients(); err != nil { // checked before anything is written
		return err
	}
	file, err := commands.CreateNew(b.File)
	if err != nil {
		return b.unwritable(err)
	}
	defer file.Drop()
	m, err := b.write(ctx, file.File)
	if err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return b.unwritable(err)
	}
	if err := b.checkFile(); err != nil { // another process may have created it meanwhile
		return err
	}
	if err := file.Appear(b.File); err != nil {
		return b.unwritable(err)
	}
	b.Say(b.summary(m))
	if m.ChainFault != "" {
		b.Say("warning: the chain of the trail does not hold, and the backup has it as it is: " + m.ChainFault)
	}
	return nil
}

// write writes a whole backup to a file.
func (b Backup) write(ctx context.Context, file *os.File) (m repo.Manifest, err error) {
	sealed, err := b.Lock.seal(file)
	if err != nil {
		return m, b.unwritable(err)
	}
	w := newBackupWriter(sealed)
	m, err = b.Admin.Dump(ctx, repo.Dumper{Out: w, Program: b.Program, Newest: func(version string) error {
		if number(version) > number(b.SchemaVersion) {
			return newer("the database", version, b.SchemaVersion)
		}
		return nil
	}})
	if err == nil {
		m.Format, m.Program = format, b.Version
		if err = w.finish(m); err == nil {
			err = sealed.Close()
		}
	}
	return m, b.unwritable(err)
}

func (b Backup) checkFile() error {
	info, err := os.Lstat(b.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return b.unwritable(err)
	case !info.Mode().IsRegular():
		return say(ErrUsage, "%s is no regular file: name a file for the backup", b.File)
	case !b.Force:
		return say(ErrUsage, "%s is there already: name another file, or give --force", b.File)
	}
	return nil
}

// unwritable adds a text for users to an error of the file. It returns other errors unchanged.
func (b Backup) unwritable(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	var number syscall.Errno
	if errors.As(err, &path) || errors.As(err, &link) {
		_ = errors.As(err, &number)
		return say(ErrUsage, "the backup %s cannot be written: %v", b.File, number)
	}
	return err
}

func (b Backup) summary(m repo.Manifest) string {
	rows := int64(0)
	for _, count := range m.Rows {
		rows += count
	}
	way := "not encrypted"
	if b.Lock.PassphraseFile != "" || len(b.Lock.Recipients) > 0 {
		way = "encrypted"
	}
	return fmt.Sprintf("backup %s: %d rows of %d tables, %s; %s", b.File, rows, len(m.Rows), way, keysNeeded(m))
}

// keysNeeded returns the message about the keys that the sealed values need.
func keysNeeded(m repo.Manifest) string {
	if len(m.Keys) == 0 {
		return "it needs no keyset"
	}
	ids := make([]string, len(m.Keys))
	for i, id := range m.Keys {
		ids[i] = strconv.FormatUint(uint64(id), 10)
	}
	return "it needs the keyset with key " + strings.Join(ids, ", ")
}

// number returns a schema version as a number; 0 for none.
func number(version string) int {
	n, _ := strconv.Atoi(version)
	return n
}

func newer(what, version, known string) error {
	return say(repo.ErrConflict, "%s has schema version %s, this crm knows up to %s: use a newer crm", what, version,
		known)
}
