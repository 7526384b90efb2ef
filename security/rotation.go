package security

// This file adds keys to a keyset, changes the key that seals, and removes old keys. The keys of a keyset are in the
// order of their creation.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// AddKey returns the content with a new key for sealing and finding that is not in use yet: a client with the content
// can open and find values that others seal with it.
func AddKey(content []byte) (fresh []byte, err error) {
	return rewritten(content, func(m *keyset.Manager, index []indexSecret) ([]indexSecret, error) {
		id, err := m.Add(aead.AES256GCMKeyTemplate())
		return append(index, newIndexSecret(id)), err
	})
}

// NextKey returns the id of the key that AddKey added and UseKey has not taken into use; 0 if there is none.
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

// UseKey returns the content with that key as the sealing key.
func UseKey(content []byte, id uint32) (fresh []byte, err error) {
	return rewritten(content, func(m *keyset.Manager, index []indexSecret) ([]indexSecret, error) {
		return index, m.SetPrimary(id)
	})
}

// DropOldKeys returns the content with only the key that seals, and the number of removed keys. Values that are sealed
// with those cannot be opened any more.
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

// rewritten returns the content after change. index begins with the key that belongs to the primary one.
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

// ReplaceKeysetFile replaces the keyset file at path atomically; mode 0600. If path is a link, it replaces the target,
// which others may share. Values that are sealed later are lost without the new content, so it is on the disk under its
// name when ReplaceKeysetFile returns.
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
