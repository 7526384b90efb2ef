package commands

import (
	"errors"
	"fmt"
	"io/fs"

	"crm/repo"
	"crm/security"
)

// Unseal returns the vault of a keyset: of its content or, if that is empty, of its file, which is read again when it
// changes. Errors are ErrUsage.
func Unseal(content []byte, file string) (repo.Vault, error) {
	keyring, err := OpenKeyring(content, file)
	if err != nil {
		return nil, err
	}
	return vault{keyring}, nil
}

// OpenKeyring returns the keys of a keyset: of its content or, if that is empty, of its file. Errors are ErrUsage.
func OpenKeyring(content []byte, file string) (keyring *security.Keyring, err error) {
	if len(content) > 0 {
		keyring, err = security.NewKeyring(content)
	} else if keyring, err = security.OpenKeyring(file); errors.Is(err, fs.ErrNotExist) {
		return nil, usageHint(
			"crm init makes it with the database; on another machine, copy it there or set CRM_KEYSET",
			"there is no keyset %s", file)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return keyring, nil
}

// A vault is a keyring that returns a placeholder for values that it cannot decrypt.
type vault struct{ *security.Keyring }

// Open returns the plain text of a sealed value, or a placeholder if it cannot be decrypted.
func (v vault) Open(column string, sealed []byte) string {
	text, err := v.Keyring.Open(column, sealed)
	if err == nil {
		return text
	}
	if key, ok := security.KeyID(sealed); ok && !errors.Is(err, security.ErrAltered) {
		return repo.SealedWith(key)
	}
	return repo.Unreadable
}
