package security

// This file has the keyset in use. It seals and indexes, and reads the keyset's file again when its keys are rotated,
// so a program that runs for days continues to open and find values.

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

// keys are the keys of a keyset at one time.
type keys struct {
	cipher     *Cipher
	index      *finding.Index
	generation int
	info       os.FileInfo // of the file; nil without one
}

// NewKeyring returns the keyring of a keyset file's content.
func NewKeyring(content []byte) (*Keyring, error) {
	k := &Keyring{}
	return k, k.take(content, 0, nil)
}

// OpenKeyring returns the keyring of a keyset file, which it reads again after changes. A missing file is
// fs.ErrNotExist; other errors are as in ReadKeysetFile, LoadCipher and LoadIndex.
func OpenKeyring(path string) (*Keyring, error) {
	k := &Keyring{file: path}
	return k, k.read(0)
}

// read reads the file's content.
func (k *Keyring) read(generation int) error {
	info, err := os.Stat(k.file) // before the content: a later change is read next time
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

// keys returns the file's current keys. If the file cannot be read, the previous keys stay in use.
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

// Generation returns how often the keys have changed. A search during a change may miss values that were re-encrypted
// meanwhile.
func (k *Keyring) Generation() int { return k.keys().generation }

// Seal encrypts a text for a column, see [Cipher.Seal], and returns its search tokens.
func (k *Keyring) Seal(column, plaintext string) (sealed []byte, tokens []int32, err error) {
	now := k.keys()
	sealed, err = now.cipher.Seal(column, plaintext)
	return sealed, now.index.Tokens(plaintext), err
}

// Open calls [Cipher.Open]. It reads the file again before it reports a missing key.
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

// Needle calls [finding.Index.Needle].
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

// PlainNeedle returns the sets of tokens for a search in texts that are not encrypted.
func (k *Keyring) PlainNeedle(text string) (anywhere [][]int32) {
	_, _, anywhere = finding.Plain.Needle(text)
	return anywhere
}

// Same is [finding.Same].
func (k *Keyring) Same(a, b string) bool { return finding.Same(a, b) }

// Readings calls [finding.Readings].
func (k *Keyring) Readings(needle string) [][]string { return finding.Readings(needle) }

// Score calls [finding.Score].
func (k *Keyring) Score(needle string, fields ...string) int { return finding.Score(needle, fields...) }

// KeyID returns the id of the key that seals.
func (k *Keyring) KeyID() uint32 { return k.keys().cipher.PrimaryKeyID() }

// String describes the keyring without its keys.
func (k *Keyring) String() string { return k.now.Load().cipher.String() }

// Format writes String for every verb.
func (k *Keyring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalText returns String, so that JSON and logs get it too.
func (k *Keyring) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
