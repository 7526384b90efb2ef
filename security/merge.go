package security

// This file compares keysets and adds the keys of one to another.

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"google.golang.org/protobuf/proto"
)

// A Key is a key of a keyset and its use.
type Key struct {
	ID  uint32
	Use string // seals, next (seals after the rotation), opens or disabled
}

// Keys returns the keys of a keyset file's content in the order in which they were made.
func Keys(content []byte) ([]Key, error) {
	handle, err := sealingKeyset(content)
	if err != nil {
		return nil, err
	}
	next, err := NextKey(content)
	if err != nil {
		return nil, err
	}
	info := handle.KeysetInfo()
	var keys []Key
	for _, k := range info.GetKeyInfo() {
		use := "opens"
		switch {
		case k.GetKeyId() == info.GetPrimaryKeyId():
			use = "seals"
		case k.GetStatus() != tinkpb.KeyStatusType_ENABLED:
			use = "disabled"
		case k.GetKeyId() == next:
			use = "next"
		}
		keys = append(keys, Key{k.GetKeyId(), use})
	}
	return keys, nil
}

// MergeKeysets returns ours with the missing keys of theirs, and their ids. The key that seals stays. Two different
// keys with one id are an error.
func MergeKeysets(ours, theirs []byte) (fresh []byte, added []uint32, err error) {
	their, err := sealingKeyset(theirs)
	if err != nil {
		return nil, nil, fmt.Errorf("the keyset to import: %w", err)
	}
	theirIndex, err := indexSecrets(theirs)
	if err != nil {
		return nil, nil, fmt.Errorf("the keyset to import: %w", err)
	}
	our, err := sealingKeyset(ours)
	if err != nil {
		return nil, nil, err
	}
	index, err := indexSecrets(ours)
	if err != nil {
		return nil, nil, err
	}
	held := insecurecleartextkeyset.KeysetMaterial(our)
	var missing []*tinkpb.Keyset_Key
	for _, key := range insecurecleartextkeyset.KeysetMaterial(their).GetKey() {
		at := slices.IndexFunc(held.GetKey(), func(k *tinkpb.Keyset_Key) bool { return k.GetKeyId() == key.GetKeyId() })
		switch {
		case at < 0:
			missing = append(missing, key)
			added = append(added, key.GetKeyId())
		case !bytes.Equal(held.GetKey()[at].GetKeyData().GetValue(), key.GetKeyData().GetValue()):
			return nil, nil, fmt.Errorf("the keyset to import holds another key %d than this one: it is of another "+
				"company's data", key.GetKeyId())
		}
	}
	for _, s := range theirIndex {
		if slices.Contains(added, s.KeyID) {
			index = append(index, s)
		}
	}
	// Before the primary key, so that none of them is the next key.
	merged := &tinkpb.Keyset{PrimaryKeyId: held.GetPrimaryKeyId(), Key: append(missing, held.GetKey()...)}
	content, err := proto.Marshal(merged)
	if err != nil {
		return nil, nil, fmt.Errorf("merge the keysets: %w", err)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(content)))
	if err != nil {
		return nil, nil, fmt.Errorf("merge the keysets: %w", err)
	}
	fresh, err = written(keyset.NewManagerFromHandle(handle), index)
	return fresh, added, err
}

// Fingerprint returns a digest of a keyset file's content: of the ids and bytes of all keys and the id of the key that
// seals, but not of the file's format. The keys cannot be computed from it.
func Fingerprint(content []byte) (string, error) {
	handle, err := sealingKeyset(content)
	if err != nil {
		return "", err
	}
	index, err := indexSecrets(content)
	if err != nil {
		return "", err
	}
	material := insecurecleartextkeyset.KeysetMaterial(handle)
	keys := slices.SortedFunc(slices.Values(material.GetKey()), func(a, b *tinkpb.Keyset_Key) int {
		return cmp.Compare(a.GetKeyId(), b.GetKeyId())
	})
	var all bytes.Buffer
	add := func(id uint32, secret []byte) {
		digest := sha256.Sum256(secret)
		all.Write(binary.BigEndian.AppendUint32(nil, id))
		all.Write(digest[:])
	}
	add(material.GetPrimaryKeyId(), nil)
	for _, k := range keys {
		add(k.GetKeyId(), k.GetKeyData().GetValue())
	}
	slices.SortFunc(index, func(a, b indexSecret) int { return cmp.Compare(a.KeyID, b.KeyID) })
	for _, s := range index {
		add(s.KeyID, s.Secret)
	}
	digest := sha256.Sum256(append([]byte("crm keyset "), all.Bytes()...))
	digits := hex.EncodeToString(digest[:8])
	return strings.Join([]string{digits[:4], digits[4:8], digits[8:12], digits[12:]}, "-"), nil
}
