package security

// This file creates second factors: secrets of time-based one-time passwords (RFC 6238), and recovery codes. The
// database verifies codes.

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"net/url"
	"strings"
)

const (
	factorLength   = 20 // bytes; RFC 4226 section 4 recommends 160 bits
	recoveryLength = 10 // bytes, 16 letters
	recoveryCodes  = 10
)

var letters = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewFactor returns the random secret of a second factor.
func NewFactor() []byte { return random(factorLength) }

// FactorURL returns the URL from which an authenticator app reads a secret in a QR code (Key URI Format of Google
// Authenticator). It omits the defaults of all apps, SHA-1, six digits and 30 seconds, so the picture fits a small
// terminal.
func FactorURL(secret []byte, account string) string {
	return "otpauth://totp/crm:" + strings.ReplaceAll(url.PathEscape(account), "%40", "@") + "?secret=" +
		letters.EncodeToString(secret) + "&issuer=crm"
}

// FactorText returns a secret for typing: base32 (RFC 4648) in groups of four, on two lines.
func FactorText(secret []byte) string {
	text := letters.EncodeToString(secret)
	half := len(text) / 2
	return groups(text[:half], " ") + "\n" + groups(text[half:], " ")
}

// NewRecoveryCodes returns ten random codes, each of which replaces the second factor's code once, and the values that
// the database stores: the SHA-256 of the letters.
func NewRecoveryCodes() (codes []string, hashes [][]byte) {
	for range recoveryCodes {
		code := strings.ToLower(letters.EncodeToString(random(recoveryLength)))
		hash := sha256.Sum256([]byte(code))
		codes, hashes = append(codes, groups(code, "-")), append(hashes, hash[:])
	}
	return codes, hashes
}

func groups(text, between string) string {
	var parts []string
	for ; len(text) > 4; text = text[4:] {
		parts = append(parts, text[:4])
	}
	return strings.Join(append(parts, text), between)
}

func random(length int) []byte {
	b := make([]byte, length)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}
