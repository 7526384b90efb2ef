package security

// This file proves that a client has a secret without sending it: the client's side of an exchange like SCRAM (RFC 5802
// section 3). The secret corresponds to ClientKey and its SHA-256 to StoredKey. schema.sql has the other side.

import (
	"crypto/hmac"
	"crypto/sha256"
)

// secretLength is the length of a proof, in bytes.
const secretLength = sha256.Size

// A Secret is at most 32 secret bytes: the key of a password, or of a device.
type Secret struct {
	value [secretLength]byte // padded with zeros
	hash  [sha256.Size]byte  // of the bytes without the zeros
}

// NewSecret copies at most 32 bytes of b.
func NewSecret(b []byte) *Secret {
	b = b[:min(len(b), secretLength)]
	s := &Secret{hash: sha256.Sum256(b)}
	copy(s.value[:], b)
	return s
}

// Hash returns the SHA-256 of the secret. It verifies proofs but cannot create them.
func (s *Secret) Hash() []byte { return s.hash[:] }

// Prove returns secret xor HMAC-SHA256(Hash, message), 32 bytes (ClientProof of RFC 5802). With the hash, the server
// recovers the secret from the proof and compares its hash. An attacker needs both the hash and a proof to get the
// secret: neither a dump nor a log alone is enough.
func (s *Secret) Prove(message []byte) []byte { return xor(s.value[:], mac(s.hash[:], message)) }

// Derive returns HMAC-SHA256(secret, label followed by message), 32 bytes that only both sides know: a key, or a
// signature.
func (s *Secret) Derive(label string, message []byte) []byte {
	return mac(s.value[:], append([]byte(label), message...))
}

// Wipe overwrites the secret. It cannot reach copies inside a hash.
func (s *Secret) Wipe() {
	clear(s.value[:])
	clear(s.hash[:])
}

func mac(key, message []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(message)
	return m.Sum(nil)
}

func xor(one, other []byte) []byte {
	out := make([]byte, len(one))
	for i := range one {
		out[i] = one[i] ^ other[i]
	}
	return out
}
