package security

// This file derives keys from passwords. A password never leaves the client, only the key that argon2id derives from
// it; the database stores a hash of that key (OWASP ASVS 5, 11.4.2). Parameters from a server are checked before any
// work is done.

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

const (
	keyLength  = 32 // bytes; RFC 9106 section 4 asks for a 256-bit tag
	saltLength = 16 // bytes; RFC 9106 section 4 asks for a 128-bit salt

	maxMemory     = 1 << 20 // KiB, 1 GiB
	maxIterations = 100
	minSalt       = 8 // bytes, RFC 9106 section 3.1
	maxSalt       = 64

	minPassword = 12 // characters, S11; OWASP ASVS 5, 6.2.1 asks for 8
	// maxPassword leaves room for any passphrase (OWASP ASVS 5, 6.2.9 asks for at least
	// 64) and keeps a pasted file from being hashed as a password.
	maxPassword = 128
)

// Params are the cost of argon2id (RFC 9106): memory in KiB, iterations over it, and parallelism in lanes. All three
// change the derived key, so both sides must use those of the enrolment.
type Params struct {
	Memory      uint32
	Iterations  uint32
	Parallelism uint8
}

// DefaultParams returns the second recommended option of RFC 9106 section 4, for
// machines that cannot give 2 GiB to a sign-in: 64 MiB, 3 iterations, 4 lanes.
func DefaultParams() Params {
	return Params{Memory: 64 << 10, Iterations: 3, Parallelism: 4}
}

// Verifier is the data that the database stores for a password: the parameters, the 16-byte salt and the SHA-256 of the
// 32-byte derived key. It never stores the key itself, which signs in.
type Verifier struct {
	Memory      uint32
	Iterations  uint32
	Parallelism uint8
	Salt        []byte
	KeyHash     []byte
}

// NewVerifier derives a verifier with a new random salt. It does not apply CheckPolicy. It returns an error for
// parameters that DeriveKey would refuse.
func NewVerifier(password string, p Params) (Verifier, error) {
	if err := p.Check(); err != nil {
		return Verifier{}, err
	}
	hash, err := argon2id.CreateHash(normalise(password), &argon2id.Params{
		Memory:      p.Memory,
		Iterations:  p.Iterations,
		Parallelism: p.Parallelism,
		SaltLength:  saltLength,
		KeyLength:   keyLength,
	})
	if err != nil {
		return Verifier{}, fmt.Errorf("hash password: %w", err)
	}
	_, salt, key, err := argon2id.DecodeHash(hash)
	if err != nil {
		return Verifier{}, fmt.Errorf("hash password: %w", err)
	}
	keyHash := sha256.Sum256(key)
	return Verifier{p.Memory, p.Iterations, p.Parallelism, salt, keyHash[:]}, nil
}

// DeriveKey returns the 32-byte key that proves the password at sign-in. The parameters
// and the salt come from a server, so it refuses, before doing any work, those that are
// malformed, would exhaust this machine or are cheap: more than 1 GiB, more than 100
// iterations, no lane, less than 8 KiB a lane, less than leastCosts, or a salt that is not
// 8 to 64 bytes long.
func DeriveKey(password string, p Params, salt []byte) ([]byte, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if len(salt) < minSalt || len(salt) > maxSalt {
		return nil, fmt.Errorf("argon2id salt of %d bytes: want %d to %d", len(salt), minSalt, maxSalt)
	}
	return argon2.IDKey([]byte(normalise(password)), salt, p.Iterations, p.Memory, p.Parallelism, keyLength), nil
}

// leastCosts are alternative minimum costs of argon2id: memory in KiB and iterations (OWASP Password Storage Cheat
// Sheet). A hostile server that offers lower costs would receive a key from which the password can be guessed quickly.
var leastCosts = [...]struct{ memory, iterations uint32 }{
	{46 << 10, 1},
	{19 << 10, 2},
	{12 << 10, 3},
	{9 << 10, 4},
	{7 << 10, 5},
}

// ErrCheap is the error for argon2id parameters that cost less than every one of leastCosts.
var ErrCheap = errors.New("want at least 46 MiB and 1 iteration, 19 and 2, 12 and 3, 9 and 4, or 7 and 5")

// Check returns an error if argon2id is not defined for the parameters (RFC 9106 section 3.1), if they cost more than
// 1 GiB or 100 iterations, and [ErrCheap] if they cost less than every one of leastCosts.
func (p Params) Check() error {
	minMemory := 8 * uint32(p.Parallelism)
	switch {
	case p.Parallelism == 0:
		return fmt.Errorf("argon2id parallelism 0: want 1 to 255")
	case p.Iterations == 0 || p.Iterations > maxIterations:
		return fmt.Errorf("argon2id iterations %d: want 1 to %d", p.Iterations, maxIterations)
	case p.Memory < minMemory || p.Memory > maxMemory:
		return fmt.Errorf("argon2id memory %d KiB: want %d to %d", p.Memory, minMemory, maxMemory)
	}
	for _, least := range leastCosts {
		if p.Memory >= least.memory && p.Iterations >= least.iterations {
			return nil
		}
	}
	return fmt.Errorf("argon2id memory %d KiB, iterations %d: %w", p.Memory, p.Iterations, ErrCheap)
}

// CheckPolicy returns what a new password lacks, as words after "must have", and nothing if it may be used (S11). It
// counts characters, not bytes. Letters and digits of every script count, and so does every punctuation mark or symbol.
func CheckPolicy(password string) []string {
	password = normalise(password)
	length := utf8.RuneCountInString(password)
	rules := []struct {
		met  bool
		want string
	}{
		{length >= minPassword, fmt.Sprintf("at least %d characters", minPassword)},
		{length <= maxPassword, fmt.Sprintf("at most %d characters", maxPassword)},
		{contains(password, unicode.IsUpper), "an upper-case letter"},
		{contains(password, unicode.IsLower), "a lower-case letter"},
		{contains(password, unicode.IsDigit), "a digit"},
		{contains(password, isPunctuation), "a punctuation mark"},
	}
	var missing []string
	for _, r := range rules {
		if !r.met {
			missing = append(missing, r.want)
		}
	}
	return missing
}

// isPunctuation includes symbols, because Unicode counts keys such as $ and + as those.
func isPunctuation(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) }

func contains(s string, is func(rune) bool) bool {
	for _, r := range s {
		if is(r) {
			return true
		}
	}
	return false
}

// normalise makes a password independent of the keyboard: é is one character or e and an accent, depending on the
// system (NFC, RFC 8265 section 4.2.2). It changes nothing else (OWASP ASVS 5, 6.2.8).
func normalise(password string) string { return norm.NFC.String(password) }

// OneTimePassword returns a random password that meets CheckPolicy: 20 letters and digits without look-alikes, in four
// groups. It has more than 110 random bits.
func OneTimePassword() string {
	const signs = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	for {
		var b strings.Builder
		for i := range 20 {
			if i > 0 && i%5 == 0 {
				b.WriteByte('-')
			}
			n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(signs)))) // never fails (crypto/rand)
			b.WriteByte(signs[n.Int64()])
		}
		if password := b.String(); len(CheckPolicy(password)) == 0 {
			return password
		}
	}
}
