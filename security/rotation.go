package security

// This file gives a keyset new keys: first one that opens only, then the same as the one that seals, in the
// end without the old ones. A keyset's keys are in the order in which they were made.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// AddKey returns the content with one more key to seal and to find with, made but not in use: whoever has the
// content opens and finds what others write with it.
func AddKey(content []byte) (fresh []byte, err error) {
	return rewritten(content, func(m *keyset.Manager, index []indexSecret) ([]indexSecret, error) {
		id, err := m.Add(aead.AES256GCMKeyTemplate())
		return append(index, newIndexSecret(id)), err
	})
}

// NextKey is the id of the key that AddKey made and UseKey has not taken into use; 0 is none.
func NextKey(content []byte) (id uint32, err error) {
	handle, err := sealingKeyset(content)
	if err != nil {
		return 0, err
	}
	for i := handle.Len() - 1; i >= 0; i-- {
		entry, err := handle.Entry(i)
		if err != nil {
			return 0, fmt.Errorf("keyset member %q: %w", sealingMember, err)
		}
		if entry.IsPrimary() {
			return id, nil
		}
		if entry.KeyStatus() == keyset.Enabled {
			id = entry.KeyID()
		}
	}
	return id, nil
}

// UseKey returns the content with that key as the one that seals.
func UseKey(content []byte, id uint32) (fresh []byte, err error) {
	return rewritten(content, func(m *keyset.Manager, index []indexSecret) ([]indexSecret, error) {
		return index, m.SetPrimary(id)
	})
}

// DropOldKeys returns the content with nothing but the key that seals, and how many others it held. What was
// sealed with those cannot be opened any more.
func DropOldKeys(content []byte) (fresh []byte, dropped int, err error) {
	fresh, err = rewritten(content, func(m *keyset.Manager, index []indexSecret) ([]indexSecret, error) {
		handle, err := m.Handle()
		if err != nil {
			return nil, err
		}
		for _, key := range handle.KeysetInfo().GetKeyInfo() {
			if key.GetKeyId() != handle.KeysetInfo().GetPrimaryKeyId() {
				err = errors.Join(err, m.Delete(key.GetKeyId()))
				dropped++
			}
		}
		return index[:1], err
	})
	return fresh, dropped, err
}

// rewritten is the content as change leaves it; index begins with the key that goes with the primary one.
func rewritten(
	content []byte, change func(m *keyset.Manager, index []indexSecret) ([]indexSecret, error),
) ([]byte, error) {
	handle, err := sealingKeyset(content)
	if err != nil {
		return nil, err
	}
	index, err := indexSecrets(content)
	if err != nil {
		return nil, err
	}
	m := keyset.NewManagerFromHandle(handle)
	if index, err = change(m, index); err != nil {
		return nil, fmt.Errorf("change the keyset: %w", err)
	}
	return written(m, index)
}

// ReplaceKeysetFile puts content in the place of the keyset file at path, as a whole or not at all; mode 0600. Where
// path is a link, the file that it leads to is replaced: others may share it. What is sealed from then on is lost
// without the new content, so that is on the disk, under its name, before it answers.
func ReplaceKeysetFile(path string, content []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("keyset file: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // 0600
	if err != nil {
		return fmt.Errorf("keyset file: %w", err)
	}
	err = writeAll(file, content)
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("keyset file: %w", errors.Join(err, os.Remove(file.Name())))
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync() // not every system can
		_ = dir.Close()
	}
	return nil
}
