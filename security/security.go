// Package security answers who you are, what you may do and what stays sealed.
//
// It derives what a password proves (password.go), signs the tokens of a session
// (token.go), seals personal columns (cipher.go, keyset.go) and holds the matrix of
// responsibilities as loaded from the database (policy.go). It knows neither the
// database nor the prompt, keeps no global state and never prints a secret.
package security

import (
	"fmt"
	"io"
	"time"
)

// This file makes the types that hold secrets unprintable: whatever verb, logger or
// encoder meets one of them gets its description instead. Two limits: a field read on
// its own (Session.Key) is plain bytes, and package fmt sees through an unexported
// field of another struct, so keep such fields behind a pointer.

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
