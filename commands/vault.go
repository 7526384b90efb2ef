package commands

import (
	"errors"
	"fmt"
	"io/fs"

	"crm/repo"
	"crm/security"
)

// Unseal is the vault that the content of a keyset opens or, where that is empty, the keyset's file, which it follows.
// Its errors are ErrUsage.
func Unseal(content []byte, file string) (repo.Vault, error) {
	var keyring *security.Keyring
	var err error
	if len(content) > 0 {
		keyring, err = security.NewKeyring(content)
	} else if keyring, err = security.OpenKeyring(file); errors.Is(err, fs.ErrNotExist) {
		return nil, usageHint("crm init makes it with the database; on another machine, copy it there or set CRM_KEYSET", "there is no keyset %s", file)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return vault{keyring}, nil
}

// A vault shows what is damaged as such: one damaged value does not take the list with it.
type vault struct{ *security.Keyring }

// Open is the keyring's, or unreadable.
func (v vault) Open(column string, sealed []byte) (string, error) {
	text, err := v.Keyring.Open(column, sealed)
	if errors.Is(err, security.ErrAltered) {
		return unreadable, nil
	}
	return text, err
}

// unreadable stands for a sealed value that was altered in the database.
const unreadable = "‹unreadable›"
