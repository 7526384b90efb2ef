package security

// This file is the keyset in use: it seals and indexes together, and follows the keyset's file when its keys
// are rotated, so that a program that runs for days keeps opening and finding.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"crm/security/finding"
)

// A Keyring seals, opens and finds with the keys of a keyset. It is safe for concurrent use.
type Keyring struct {
	file string // empty: the content never changes
	mu   sync.Mutex
	now  atomic.Pointer[keys]
}

// keys are those of a keyset at one time.
type keys struct {
	cipher     *Cipher
	index      *finding.Index
	generation int
	info       os.FileInfo // of the file; nil without one
}

// NewKeyring is the keyring of a keyset file's content.
func NewKeyring(content []byte) (*Keyring, error) {
	k := &Keyring{}
	return k, k.take(content, 0, nil)
}

// OpenKeyring is the keyring of a keyset file, which it follows. A missing file is fs.ErrNotExist; other errors are
// those of ReadKeysetFile, LoadCipher and LoadIndex.
func OpenKeyring(path string) (*Keyring, error) {
	k := &Keyring{file: path}
	return k, k.read(0)
}

// read takes the file's content.
func (k *Keyring) read(generation int) error {
	info, err := os.Stat(k.file) // before the content: what is newer than that is read again
	if err != nil {
		return fmt.Errorf("keyset file: %w", err)
	}
	content, err := ReadKeysetFile(k.file)
	if err != nil {
		return err
	}
	return k.take(content, generation, info)
}

func (k *Keyring) take(content []byte, generation int, info os.FileInfo) error {
	cipher, err := LoadCipher(content)
	if err != nil {
		return err
	}
	index, err := LoadIndex(content)
	if err != nil {
		return err
	}
	k.now.Store(&keys{cipher, index, generation, info})
	return nil
}

// keys are the file's keys of this moment. While the file cannot be read the last ones are used: they open what they
// did.
func (k *Keyring) keys() *keys {
	now := k.now.Load()
	if k.file == "" || !k.changed(now) {
		return now
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if now = k.now.Load(); k.changed(now) {
		_ = k.read(now.generation + 1)
	}
	return k.now.Load()
}

func (k *Keyring) changed(since *keys) bool {
	info, err := os.Stat(k.file)
	return err == nil && !(os.SameFile(info, since.info) && info.Size() == since.info.Size() &&
		info.ModTime().Equal(since.info.ModTime()))
}

// Generation is how often the keys have changed. What was searched with the keys of one generation, while another
// began, may have missed what was rewritten meanwhile.
func (k *Keyring) Generation() int { return k.keys().generation }

// Seal encrypts a text for a column, see [Cipher.Seal], and answers the tokens that it is found by.
func (k *Keyring) Seal(column, plaintext string) (sealed []byte, tokens []int32, err error) {
	now := k.keys()
	sealed, err = now.cipher.Seal(column, plaintext)
	return sealed, now.index.Tokens(plaintext), err
}

// Open is [Cipher.Open]; it looks at the file again before it says that a key is missing.
func (k *Keyring) Open(column string, sealed []byte) (string, error) {
	now := k.now.Load()
	text, err := now.cipher.Open(column, sealed)
	if err != nil && !errors.Is(err, ErrAltered) {
		if fresh := k.keys(); fresh != now {
			return fresh.cipher.Open(column, sealed)
		}
	}
	return text, err
}

// Needle is [finding.Index.Needle].
func (k *Keyring) Needle(text string) (exact, starts, anywhere [][]int32) {
	return k.keys().index.Needle(text)
}

// Fold is [finding.Fold].
func (k *Keyring) Fold(text string) string { return finding.Fold(text) }

// CompanyKey is [finding.CompanyKey].
func (k *Keyring) CompanyKey(name string) string { return finding.CompanyKey(name) }

// CompanyWords is [finding.CompanyWords].
func (k *Keyring) CompanyWords(name string) []string { return finding.CompanyWords(name) }

// PersonKey is [finding.PersonKey].
func (k *Keyring) PersonKey(name string) string { return finding.PersonKey(name) }

// IsTypo is [finding.IsTypo].
func (k *Keyring) IsTypo(a, b string) bool { return finding.IsTypo(a, b) }

// PlainTokens returns the tokens of a text that is not encrypted.
func (k *Keyring) PlainTokens(text string) []int32 { return finding.Plain.Tokens(text) }

// PlainNeedle returns the sets of tokens that a search asks for in texts that are not encrypted.
func (k *Keyring) PlainNeedle(text string) (anywhere [][]int32) {
	_, _, anywhere = finding.Plain.Needle(text)
	return anywhere
}

// Readings is [finding.Readings].
func (k *Keyring) Readings(needle string) [][]string { return finding.Readings(needle) }

// Score is [finding.Score].
func (k *Keyring) Score(needle string, fields ...string) int { return finding.Score(needle, fields...) }

// KeyID is the id of the key that seals.
func (k *Keyring) KeyID() uint32 { return k.keys().cipher.PrimaryKeyID() }

// String describes the keyring without its keys.
func (k *Keyring) String() string { return k.now.Load().cipher.String() }

// Format writes String for every verb.
func (k *Keyring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalText returns String, so that JSON and logs get it too.
func (k *Keyring) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
