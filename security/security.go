// Package security authenticates users, reports their permissions and encrypts personal data.
//
// It derives keys from passwords (password.go), signs the tokens of a session (token.go), seals personal columns
// (cipher.go, keyset.go) and has the permissions of a role as loaded from the database (policy.go). It depends neither
// on the database nor on the prompt, has no global state and never prints a secret.
package security

import (
	"fmt"
	"io"
	"time"
)

// This file makes the types with secrets unprintable: every verb, logger and encoder prints their description instead.
// There are two limits: a field that is read directly (Session.Key) is plain bytes, and package fmt prints an
// unexported field of another struct, so such a field must be a pointer.

// String describes the verifier without its salt and hash.
func (v Verifier) String() string {
	return fmt.Sprintf("password verifier (argon2id, %d KiB, %d iterations, %d lanes)", v.Memory, v.Iterations,
		v.Parallelism)
}

// Format writes String for every verb.
func (v Verifier) Format(f fmt.State, _ rune) { describe(f, v) }

// MarshalText returns String, so that JSON and logs get it too.
func (v Verifier) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// String describes the session without its key.
func (s Session) String() string {
	return fmt.Sprintf("session %d of user %d until %s", s.ID, s.UserID, s.Ends.UTC().Format(time.RFC3339))
}

// Format writes String for every verb.
func (s Session) Format(f fmt.State, _ rune) { describe(f, s) }

// MarshalText returns String, so that JSON and logs get it too.
func (s Session) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String describes the signer without its key and token.
func (s *Signer) String() string { return "signer of " + s.session.String() }

// Format writes String for every verb.
func (s *Signer) Format(f fmt.State, _ rune) { describe(f, s) }

// MarshalText returns String, so that JSON and logs get it too.
func (s *Signer) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String names the keys of the cipher by id, without their material.
func (c *Cipher) String() string {
	return fmt.Sprintf("cipher (sealing with key %d, opening with keys %d)", c.primary, c.KeyIDs())
}

// Format writes String for every verb.
func (c *Cipher) Format(f fmt.State, _ rune) { describe(f, c) }

// MarshalText returns String, so that JSON and logs get it too.
func (c *Cipher) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

func describe(f fmt.State, s fmt.Stringer) {
	_, _ = io.WriteString(f, s.String())
}
