package security

// This file reads and writes the keyset file: a JSON object with one member for each use of keys. "sealing" is a Tink
// keyset in clear text. That is deliberate: the file is the secret, stored beside the config with mode 0600 and never
// in the database, and a key that encrypted it would have to be stored beside it. "index" has the keys of the blind
// index, 32 random bytes for each key that seals. Unknown members are an error, because data under their keys could
// neither be read nor found.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

const (
	sealingMember = "sealing" // the keyset for personal columns
	indexMember   = "index"   // the keys of the blind index
	indexKeySize  = 32        // bytes
)

// indexSecret is a key of the blind index. It belongs to the sealing key of that id: both are used together.
type indexSecret struct {
	KeyID  uint32 `json:"key_id"`
	Secret []byte `json:"hmac_sha256"`
}

// NewKeyset returns the content of a keyset file with a new AES-256-GCM key and a new key of the blind index.
func NewKeyset() ([]byte, error) {
	m := keyset.NewManager()
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err == nil {
		err = m.SetPrimary(id)
	}
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return written(m, []indexSecret{newIndexSecret(id)})
}

func newIndexSecret(id uint32) indexSecret { return indexSecret{id, random(indexKeySize)} }

// written returns the content of a keyset file.
func written(m *keyset.Manager, index []indexSecret) ([]byte, error) {
	handle, err := m.Handle()
	if err != nil {
		return nil, fmt.Errorf("make a keyset: %w", err)
	}
	var sealing bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&sealing)); err != nil {
		return nil, fmt.Errorf("write a key: %w", err)
	}
	secrets, err := json.Marshal(index)
	if err != nil {
		return nil, fmt.Errorf("write a key: %w", err)
	}
	file := map[string]json.RawMessage{sealingMember: sealing.Bytes(), indexMember: secrets}
	content, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write a keyset: %w", err)
	}
	return append(content, '\n'), nil
}

// WriteKeyset creates the keyset file at path, mode 0600, and its directory, mode 0700. It never overwrites: if path
// exists, it returns fs.ErrExist.
func WriteKeyset(path string) error {
	content, err := NewKeyset()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keyset file: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keyset file is kept, because only it opens what it sealed: %w", err)
	}
	if err != nil {
		return fmt.Errorf("keyset file: %w", err)
	}
	if err := writeAll(file, content); err != nil {
		return fmt.Errorf("keyset file: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

// writeAll writes content to the disk and closes file.
func writeAll(file *os.File, content []byte) error {
	_, err := file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// ReadKeysetFile returns the content of the keyset file at path. On Unix it refuses a file with permissions for users
// other than its owner. A missing file is fs.ErrNotExist.
func ReadKeysetFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("keyset file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("keyset file: %w", err)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("keyset file %s is open to others (mode %#o)\nhint: chmod 600 %s", path, mode, path)
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("keyset file: %w", err)
	}
	return content, nil
}

// members returns the members of a keyset file's content. Unknown members are an error. Errors never quote the content.
func members(content []byte) (map[string]json.RawMessage, error) {
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, errors.New("keyset is empty")
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(content, &all); err != nil {
		return nil, errors.New("keyset is not a JSON object")
	}
	if _, ok := all[sealingMember]; !ok {
		return nil, fmt.Errorf("keyset has no member %q", sealingMember)
	}
	for name := range all {
		if name != sealingMember && name != indexMember {
			return nil, fmt.Errorf("keyset has a member %q that this version does not know", name)
		}
	}
	return all, nil
}

// indexSecrets returns the keys of the blind index in the content of a keyset file, that of the primary sealing key
// first. Its errors never quote the content.
func indexSecrets(content []byte) ([]indexSecret, error) {
	all, err := members(content)
	if err != nil {
		return nil, err
	}
	const fix = "copy the member \"index\" from the keyset that the others use; if none has one, from a new keyset " +
		"of crm init"
	member, ok := all[indexMember]
	if !ok {
		return nil, fmt.Errorf("keyset has no member %q, the key that sealed data is found with\nhint: %s", indexMember,
			fix)
	}
	handle, err := sealingKeyset(content)
	if err != nil {
		return nil, err
	}
	primary := handle.KeysetInfo().GetPrimaryKeyId()
	var secrets []indexSecret
	if json.Unmarshal(member, &secrets) != nil {
		secrets = []indexSecret{{KeyID: primary}} // one key for all sealing keys
		if json.Unmarshal(member, &secrets[0]) != nil {
			secrets = nil
		}
	}
	for _, s := range secrets {
		if len(s.Secret) != indexKeySize {
			return nil, fmt.Errorf("keyset member %q holds no key of %d bytes\nhint: %s", indexMember, indexKeySize,
				fix)
		}
	}
	first := slices.IndexFunc(secrets, func(s indexSecret) bool { return s.KeyID == primary })
	if first < 0 {
		return nil, fmt.Errorf("keyset member %q holds no key of %d bytes for the key %d that seals\nhint: %s",
			indexMember, indexKeySize, primary, fix)
	}
	secrets[0], secrets[first] = secrets[first], secrets[0]
	return secrets, nil
}

// sealingKeyset returns the Tink keyset in the content of a keyset file. Its errors
// never quote the content.
func sealingKeyset(content []byte) (*keyset.Handle, error) {
	all, err := members(content)
	if err != nil {
		return nil, err
	}
	sealing := all[sealingMember]
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(sealing)))
	if err != nil {
		return nil, fmt.Errorf("keyset member %q is not a keyset of Tink: %w", sealingMember, err)
	}
	return handle, checkSealing(handle)
}

// checkSealing refuses keys that cannot seal, or whose output does not contain their id.
func checkSealing(handle *keyset.Handle) error {
	for _, key := range handle.KeysetInfo().GetKeyInfo() {
		kind := key.GetTypeUrl()[strings.LastIndexByte(key.GetTypeUrl(), '.')+1:]
		if kind != "AesGcmKey" {
			return fmt.Errorf("keyset member %q holds key %d of the wrong kind: %s, want AesGcmKey", sealingMember,
				key.GetKeyId(), kind)
		}
		if prefix := key.GetOutputPrefixType().String(); prefix != "TINK" {
			return fmt.Errorf("keyset member %q holds key %d with the output prefix %s, want TINK", sealingMember,
				key.GetKeyId(), prefix)
		}
	}
	return nil
}
