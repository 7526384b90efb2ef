package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"crm/commands"
	"crm/repo"
	"crm/security"
)

// A Keyset runs the commands of `crm keyset`.
type Keyset struct {
	File    string
	Content []byte      // of CRM_KEYSET; empty: the file's
	Admin   *repo.Admin // nil: without the database
	Say     func(string)
	Out     io.Writer
}

func (k Keyset) content() ([]byte, error) {
	if len(k.Content) > 0 {
		return k.Content, nil
	}
	return readKeyset(k.File)
}

// readKeyset reads a keyset file; its errors are commands.ErrUsage.
func readKeyset(file string) ([]byte, error) {
	content, err := security.ReadKeysetFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, commands.Explain("there is no keyset "+file, "copy it from a machine that has it",
			commands.ErrUsage)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", commands.ErrUsage, err)
	}
	return content, nil
}

// List prints one line per key: its ID, its use in this keyset, and its state in the database.
func (k Keyset) List(ctx context.Context) error {
	content, err := k.content()
	if err != nil {
		return err
	}
	keys, err := security.Keys(content)
	if err != nil {
		return fmt.Errorf("%w: %w", commands.ErrUsage, err)
	}
	here := map[uint32]string{}
	var ids []uint32
	for _, key := range keys {
		here[key.ID] = key.Use
		ids = append(ids, key.ID)
	}
	there := map[uint32]string{}
	if k.Admin != nil {
		known, err := k.Admin.SealingKeys(ctx)
		if err != nil {
			return err
		}
		for _, key := range known {
			there[key.ID] = key.State
			if here[key.ID] == "" {
				ids = append(ids, key.ID)
			}
		}
	}
	for _, id := range ids {
		line := fmt.Sprintf("%-10d  %s", id, cmp.Or(here[id], "not held"))
		if k.Admin != nil {
			line = fmt.Sprintf("%-10d  %-10s  database: %s", id, cmp.Or(here[id], "not held"),
				cmp.Or(there[id], "unknown"))
		}
		if _, err := fmt.Fprintln(k.Out, line); err != nil {
			return err
		}
	}
	return nil
}

// Fingerprint prints a digest of the keyset. It is the same for equal keysets, even if their files differ.
func (k Keyset) Fingerprint() error {
	content, err := k.content()
	if err != nil {
		return err
	}
	print, err := security.Fingerprint(content)
	if err != nil {
		return fmt.Errorf("%w: %w", commands.ErrUsage, err)
	}
	_, err = fmt.Fprintln(k.Out, print)
	return err
}

// Import adds the missing keys of another keyset file, so that values sealed with them can be decrypted. If the
// database's present key is among them, it becomes the key that encrypts.
func (k Keyset) Import(ctx context.Context, file string) error {
	ours, err := readKeyset(k.File)
	if err != nil {
		return err
	}
	theirs, err := readKeyset(file)
	if err != nil {
		return err
	}
	fresh, added, err := security.MergeKeysets(ours, theirs)
	if err != nil {
		return fmt.Errorf("%w: %w", commands.ErrUsage, err)
	}
	fresh, present, err := k.usePresent(ctx, fresh)
	if err != nil {
		return err
	}
	if len(added) == 0 && present == 0 {
		k.Say("nothing to import: the keyset holds all of these keys")
		return nil
	}
	if err := security.ReplaceKeysetFile(k.File, fresh); err != nil {
		return fmt.Errorf("%w: %w", commands.ErrUsage, err)
	}
	if len(added) > 0 {
		k.Say("imported " + keyNames(added) + ": crm rotate-keys re-encrypts what they sealed")
	}
	if present != 0 {
		k.Say(fmt.Sprintf("key %d seals from now on: it is the one that the database takes", present))
	}
	return nil
}

// usePresent makes the database's present key the key that encrypts, if the keyset has it. key is 0 if nothing has
// changed.
func (k Keyset) usePresent(ctx context.Context, content []byte) (fresh []byte, key uint32, err error) {
	if k.Admin == nil {
		return content, 0, nil
	}
	known, err := k.Admin.SealingKeys(ctx)
	if err != nil {
		return nil, 0, err
	}
	cipher, err := security.LoadCipher(content)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", commands.ErrUsage, err)
	}
	for _, s := range known {
		if s.ID == cipher.PrimaryKeyID() && s.State != "retired" {
			return content, 0, nil
		}
	}
	for _, s := range known {
		if s.State == "present" && slices.Contains(cipher.KeyIDs(), s.ID) {
			fresh, err = security.UseKey(content, s.ID)
			return fresh, s.ID, err
		}
	}
	return content, 0, nil
}

// keyNames lists keys for a message: "key 12", "keys 12, 34".
func keyNames(ids []uint32) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = fmt.Sprint(id)
	}
	if len(ids) == 1 {
		return "key " + names[0]
	}
	return "keys " + strings.Join(names, ", ")
}
