package security_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"crm/security"
)

// clock is a time that tests move by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock {
	return &clock{now: time.Date(2026, 5, 4, 8, 0, 0, 300_000_000, time.UTC)}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newSession(c *clock, length time.Duration) security.Session {
	return security.Session{ID: 1<<53 + 1, UserID: 42, Key: testKey(), Ends: c.Now().Add(length)}
}

func testKey() []byte { return bytes.Repeat([]byte{0x5A}, 32) }

// times are the claims of a token that change.
type times struct{ issued, expires int64 }

// verify checks the token as a verifier pinned to HS256, and its form byte by byte.
func verify(t *testing.T, c *clock, token string) times {
	t.Helper()
	if !strings.HasPrefix(token, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.") {
		t.Fatalf("header of %s", token)
	}
	claims := struct {
		jwt.RegisteredClaims
		SID int64 `json:"sid"`
	}{}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithTimeFunc(c.Now),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding())
	_, err := parser.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return testKey(), nil })
	if err != nil {
		t.Fatalf("verify at %v: %v", c.Now(), err)
	}
	if claims.Subject != "42" || claims.SID != 1<<53+1 {
		t.Fatalf("token of user %q, session %d", claims.Subject, claims.SID)
	}
	return times{claims.IssuedAt.Unix(), claims.ExpiresAt.Unix()}
}

func signed(t *testing.T, s *security.Signer) string {
	t.Helper()
	token, err := s.Token()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestTokenForm pins, for R27, the text that the database takes apart.
func TestTokenForm(t *testing.T) {
	c := newClock()
	parts := strings.Split(signed(t, security.NewSigner(newSession(c, 12*time.Hour), 10*time.Minute, c.Now)), ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	for i, want := range []string{
		`{"alg":"HS256","typ":"JWT"}`,
		`{"exp":1777882200,"iat":1777881600,"sid":9007199254740993,"sub":"42"}`,
	} {
		if got, err := base64.RawURLEncoding.DecodeString(parts[i]); err != nil || string(got) != want {
			t.Errorf("part %d is %s (%v), want %s", i, got, err, want)
		}
	}
}

func TestTokenRenewal(t *testing.T) {
	c := newClock()
	start := c.Now().Unix()
	s := security.NewSigner(newSession(c, 15*time.Minute), 10*time.Minute, c.Now)
	tests := []struct {
		name  string
		after time.Duration
		want  times // seconds after start
	}{
		{"first", 0, times{0, 600}},
		{"shared", 5 * time.Minute, times{0, 600}},
		{"shared until a fifth is left", 179 * time.Second, times{0, 600}},
		{"renewed, to the end of the session", time.Second, times{480, 900}},
		{"kept, since nothing outlives the session", 419 * time.Second, times{480, 900}},
	}
	for _, test := range tests {
		c.Advance(test.after)
		got := verify(t, c, signed(t, s))
		if got.issued -= start; got.expires-start != test.want.expires || got.issued != test.want.issued {
			t.Errorf("%s: issued %d, expires %d; want %v", test.name, got.issued, got.expires-start, test.want)
		}
	}
	c.Advance(time.Second)
	if token, err := s.Token(); token != "" || !errors.Is(err, security.ErrSessionEnded) {
		t.Errorf("after the session: %q, %v", token, err)
	}
}

// TestTokenAtAnyTime walks a 12-hour session in uneven steps.
func TestTokenAtAnyTime(t *testing.T) {
	const lifetime = 10 * time.Minute
	c := newClock()
	session := newSession(c, 12*time.Hour)
	ends := session.Ends.Unix()
	s := security.NewSigner(session, lifetime, c.Now)
	for step := 7300 * time.Millisecond; ; c.Advance(step) {
		token, err := s.Token()
		if err != nil {
			if !errors.Is(err, security.ErrSessionEnded) || c.Now().Unix() < ends {
				t.Fatalf("at %v: %v", c.Now(), err)
			}
			return
		}
		got := verify(t, c, token)
		left := time.Unix(got.expires, 0).Sub(c.Now())
		if got.expires > ends || got.expires-got.issued > int64(lifetime.Seconds()) {
			t.Fatalf("at %v: token %+v lives too long", c.Now(), got)
		}
		if left < lifetime/5 && got.expires != ends {
			t.Fatalf("at %v: only %v left", c.Now(), left)
		}
	}
}

func TestTokenAfterClockIsSetBack(t *testing.T) {
	c := newClock()
	s := security.NewSigner(newSession(c, 12*time.Hour), 10*time.Minute, c.Now)
	signed(t, s)
	c.Advance(-time.Hour)
	verify(t, c, signed(t, s)) // refuses a token from the future
}

func TestTokenWithoutKey(t *testing.T) {
	c := newClock()
	tests := []struct {
		name    string
		session security.Session
		message string
	}{
		{"none", security.Session{Ends: c.Now().Add(time.Hour)}, "session ended"},
		{
			"short",
			security.Session{Key: make([]byte, 31), Ends: c.Now().Add(time.Hour)},
			"session key of 31 bytes: HS256 needs at least 32",
		},
		{"session is over", security.Session{Key: testKey(), Ends: c.Now()}, "session ended"},
		{
			"session ends within the second",
			security.Session{Key: testKey(), Ends: c.Now().Add(time.Millisecond)},
			"session ended",
		},
	}
	for _, test := range tests {
		token, err := security.NewSigner(test.session, time.Minute, c.Now).Token()
		if token != "" || message(err) != test.message {
			t.Errorf("%s: %q, %v; want %s", test.name, token, err, test.message)
		}
	}
}

func TestWipe(t *testing.T) {
	c := newClock()
	session := newSession(c, 12*time.Hour)
	s := security.NewSigner(session, 10*time.Minute, c.Now)
	signed(t, s)
	for range 2 {
		s.Wipe()
		if token, err := s.Token(); token != "" || !errors.Is(err, security.ErrSessionEnded) {
			t.Errorf("after Wipe: %q, %v", token, err)
		}
		if !bytes.Equal(session.Key, make([]byte, 32)) {
			t.Error("the key is still in memory")
		}
	}
}

// TestSignerConcurrently runs readers against a moving clock and a wipe.
func TestSignerConcurrently(t *testing.T) {
	c := newClock()
	s := security.NewSigner(newSession(c, 12*time.Hour), 10*time.Minute, c.Now)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				token, err := s.Token()
				if err != nil && !errors.Is(err, security.ErrSessionEnded) || (err == nil) == (token == "") {
					t.Errorf("%q, %v", token, err)
				}
				_ = s.String()
			}
		})
	}
	all.Go(func() {
		for range 100 {
			c.Advance(time.Minute)
		}
		s.Wipe()
	})
	all.Wait()
	if _, err := s.Token(); !errors.Is(err, security.ErrSessionEnded) {
		t.Errorf("after Wipe: %v", err)
	}
}

func BenchmarkToken(b *testing.B) {
	c := newClock()
	s := security.NewSigner(newSession(c, 12*time.Hour), 10*time.Minute, c.Now)
	for b.Loop() {
		if _, err := s.Token(); err != nil {
			b.Fatal(err)
		}
	}
}
