package security

// This file signs access tokens. PostgreSQL verifies them by text, so their form is
// fixed: HS256 and nothing else (OWASP ASVS 5, 9.1.2), a constant header, four claims.

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// minKeyLength is the shortest key, in bytes, that HS256 may use (RFC 7518 section 3.2).
const minKeyLength = 32

// ErrSessionEnded is returned for a session that is over or was wiped; signing in again
// is the only way on.
var ErrSessionEnded = errors.New("session ended")

// Session is what sign-in hands out once: its id, whose it is, its 32-byte key and when
// it ends. It lives in memory only.
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
	ahead   time.Duration // of the database's clock before this one
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

// SessionID is the id of the session.
func (s *Signer) SessionID() int64 { return s.session.ID }

// Token returns a JWT (RFC 7519) with the claims sub (user id, a string), sid (session
// id, a number), iat and exp (whole seconds). It is valid for at least a fifth of the
// lifetime, or to the end of the session if that is nearer; calls share one token until
// it gets older than that. It returns ErrSessionEnded once the session is over or wiped.
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

// tolerance is how far the clocks may differ beyond what a round trip explains.
const tolerance = 100 * time.Millisecond

// Heard measures the difference between the database's clock and the signer's. It is called when a
// request is sent; the function that it returns is called with the database's time when the answer has
// come. That time lies between the two. If it does not, by more than the tolerance, a clock has moved: the
// token is dropped, later ones follow the database's clock, and moved is true.
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

// Wipe overwrites the key and forgets the token; from then on Token returns
// ErrSessionEnded. Copies that the runtime or a hash made of the key are out of reach.
func (s *Signer) Wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.key)
	s.key = nil
	s.token = ""
}

// fresh tells whether the token at hand is still good, and not from a time that a
// corrected clock says is yet to come.
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
