package security

// This file seals the personal columns (S10) with an AEAD, bound to their column. A sealed value starts with Tink's
// prefix: 0x01 and the id of its key.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

const (
	tinkPrefix       = 0x01
	tinkPrefixLength = 5 // bytes: tinkPrefix, then the key id, big-endian
)

// ErrUnsealed is returned, with the column and the reason, for a value that cannot be
// opened.
var ErrUnsealed = errors.New("cannot unseal")

// ErrAltered is an ErrUnsealed of a value whose key is in the keyset: the value was altered, or sealed for another
// column.
var ErrAltered = errors.New("was altered, or sealed for another column")

// Cipher seals and opens the personal columns. It is safe for concurrent use.
type Cipher struct {
	aead    tink.AEAD
	primary uint32
	enabled map[uint32]bool // every key by id; a disabled one opens nothing
}

// LoadCipher returns the cipher of a keyset file's content, as NewKeyset creates it and ReadKeysetFile reads it. It
// returns an error that names the reason if the content is empty, is not JSON, has no keys to seal with, has members
// that this version does not know, or has keys that are not AES-GCM with a Tink prefix.
func LoadCipher(keysetJSON []byte) (*Cipher, error) {
	handle, err := sealingKeyset(keysetJSON)
	if err != nil {
		return nil, err
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("keyset member %q: %w", sealingMember, err)
	}
	c := &Cipher{aead: primitive, enabled: map[uint32]bool{}}
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("keyset member %q: %w", sealingMember, err)
		}
		c.enabled[entry.KeyID()] = entry.KeyStatus() == keyset.Enabled
		if entry.IsPrimary() {
			c.primary = entry.KeyID()
		}
	}
	return c, nil
}

// Seal encrypts plaintext with the primary key for one column, named like
// "customer.email". Equal plaintexts give different results.
func (c *Cipher) Seal(column, plaintext string) ([]byte, error) {
	sealed, err := c.aead.Encrypt([]byte(plaintext), []byte(column))
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", column, err)
	}
	return sealed, nil
}

// Open returns the plaintext that Seal sealed for the same column. It returns ErrUnsealed, never garbage, if the keyset
// lacks the key, if the value was altered or if it was sealed for another column; the last two cannot be told apart.
func (c *Cipher) Open(column string, sealed []byte) (string, error) {
	plaintext, err := c.aead.Decrypt(sealed, []byte(column))
	if err != nil {
		return "", fmt.Errorf("%w %s: %w", ErrUnsealed, column, c.refusal(sealed))
	}
	return string(plaintext), nil
}

// refusal returns the reason why a sealed value cannot be opened.
func (c *Cipher) refusal(sealed []byte) error {
	if id, ok := KeyID(sealed); ok {
		enabled, held := c.enabled[id]
		switch {
		case !held:
			return fmt.Errorf("sealed with key %d, which this keyset does not hold", id)
		case !enabled:
			return fmt.Errorf("sealed with key %d, which this keyset has disabled", id)
		}
	}
	return ErrAltered
}

// KeyID returns the id of the key that a value was sealed with. ok is false if the value does not have the form of a
// sealed value.
func KeyID(sealed []byte) (id uint32, ok bool) {
	if len(sealed) < tinkPrefixLength || sealed[0] != tinkPrefix {
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed[1:]), true
}

// PrimaryKeyID returns the id of the key that Seal uses.
func (c *Cipher) PrimaryKeyID() uint32 { return c.primary }

// KeyIDs returns the ids of the keys that Open can use, in ascending order.
func (c *Cipher) KeyIDs() []uint32 {
	var ids []uint32
	for id, enabled := range c.enabled {
		if enabled {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
