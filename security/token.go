package security

// This file signs access tokens. PostgreSQL verifies them by text, so their form is fixed: only HS256 (OWASP ASVS 5,
// 9.1.2), a constant header, four claims.

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// minKeyLength is the minimum length of an HS256 key in bytes (RFC 7518 section 3.2).
const minKeyLength = 32

// ErrSessionEnded is returned for a session that has ended or was wiped. The user has to sign in again.
var ErrSessionEnded = errors.New("session ended")

// Session is the result of a sign-in: the session's id, its user, its 32-byte key and its end. It exists in memory
// only.
type Session struct {
	ID     int64
	UserID int64
	Key    []byte
	Ends   time.Time
}

// Signer signs the access tokens of one session and renews them while it lives. It is
// safe for concurrent use.
type Signer struct {
	session  Session // without its key
	lifetime time.Duration
	clock    func() time.Time

	mu      sync.Mutex    // guards the fields below
	ahead   time.Duration // how far the database's clock is ahead of this one
	key     []byte
	token   string
	issued  time.Time
	expires time.Time
}

// NewSigner returns a signer for s. It takes over s.Key: Wipe overwrites those bytes.
// A token lives for lifetime, at least two seconds, or until the session ends. The clock
// may differ from that of the database, see [Signer.Heard].
func NewSigner(s Session, lifetime time.Duration, clock func() time.Time) *Signer {
	key := s.Key
	s.Key = nil
	s.Ends = s.Ends.Truncate(time.Second)
	return &Signer{session: s, lifetime: lifetime, clock: clock, key: key}
}

// SessionID returns the id of the session.
func (s *Signer) SessionID() int64 { return s.session.ID }

// Token returns a JWT (RFC 7519) with the claims sub (user id, a string), sid (session id, a number), iat and exp
// (whole seconds). It is valid for at least a fifth of the lifetime, or until the end of the session if that is sooner;
// until it is older than that, calls return the same token. It returns ErrSessionEnded if the session has ended or was
// wiped.
func (s *Signer) Token() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock().Add(s.ahead)
	if s.key == nil || !now.Before(s.session.Ends) {
		return "", ErrSessionEnded
	}
	if s.fresh(now) {
		return s.token, nil
	}
	return s.renew(now)
}

// tolerance is the difference between the clocks that is ignored, in addition to the round trip.
const tolerance = 100 * time.Millisecond

// Heard measures the difference between the database's clock and the signer's. Call it when a request is sent, and its
// result with the database's time when the answer arrives. That time is between the two. If it is outside by more than
// the tolerance, a clock has jumped: the token is dropped, later tokens follow the database's clock, and moved is true.
func (s *Signer) Heard() func(server time.Time) (moved bool) {
	sent := s.clock()
	return func(server time.Time) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		earliest, latest := server.Sub(s.clock()), server.Sub(sent)
		switch {
		case s.ahead < earliest-tolerance:
			s.ahead = earliest
		case s.ahead > latest+tolerance:
			s.ahead = latest
		default:
			return false
		}
		s.token = ""
		return true
	}
}

// Wipe overwrites the key and drops the token. From then on Token returns ErrSessionEnded. It cannot reach copies that
// the runtime or a hash has made of the key.
func (s *Signer) Wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.key)
	s.key = nil
	s.token = ""
}

// fresh reports whether the current token is still valid, and not from a time that is in the future after a correction
// of the clock.
func (s *Signer) fresh(now time.Time) bool {
	if s.token == "" || now.Before(s.issued) {
		return false
	}
	left := s.expires.Sub(now)
	return left >= s.lifetime/5 || s.expires.Equal(s.session.Ends)
}

func (s *Signer) renew(now time.Time) (string, error) {
	if len(s.key) < minKeyLength {
		return "", fmt.Errorf("session key of %d bytes: HS256 needs at least %d", len(s.key), minKeyLength)
	}
	issued, expires := now.Truncate(time.Second), now.Add(s.lifetime).Truncate(time.Second)
	if expires.After(s.session.Ends) {
		expires = s.session.Ends
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": strconv.FormatInt(s.session.UserID, 10),
		"sid": s.session.ID,
		"iat": issued.Unix(),
		"exp": expires.Unix(),
	}).SignedString(s.key)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	s.token, s.issued, s.expires = token, issued, expires
	return token, nil
}
