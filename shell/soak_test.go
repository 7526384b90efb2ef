//go:build linux && soak

package shell

import (
	"cmp"
	"context"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"crm/repo/embedded"
)

// TestSoak types at random, at random speed, resizes the window and restarts the database, for as long as CRM_SOAK
// says (10m). It prints its seed; CRM_SOAK_SEED repeats the keys.
//
//	CRM_SOAK=3m go test -tags soak ./shell -run TestSoak -timeout 0
func TestSoak(t *testing.T) {
	span, err := time.ParseDuration(cmp.Or(os.Getenv("CRM_SOAK"), "10m"))
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("CRM_SOAK_SEED"); text != "" {
		seed = 0
		for _, digit := range text {
			seed = seed*10 + uint64(digit-'0')
		}
	}
	t.Log("seed", seed)
	dir := shortDir(t)
	start := func() *embedded.Server {
		t.Helper()
		s, err := embedded.Start(context.Background(), embedded.Config{Dir: dir, Fast: true})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	server := start()
	t.Cleanup(func() {
		_ = server.Close()
		_ = embedded.Remove(dir)
	})
	w, err := fillWarehouse(func(database string) string { return server.URL(database, "") })
	if err != nil {
		t.Fatal(err)
	}
	s := soak{t: t, r: rand.New(rand.NewPCG(seed, 1)), w: w, bin: build(t, "crm", race()...)}
	s.sit()
	restarts, rounds := 0, 0
	nextRestart := time.Now().Add(15 * time.Second)
	for end := time.Now().Add(span); time.Now().Before(end); rounds++ {
		s.round()
		if time.Now().After(nextRestart) {
			if err := server.Close(); err != nil {
				t.Fatal(err)
			}
			s.round()
			server = start()
			restarts++
			nextRestart = time.Now().Add(15*time.Second + time.Duration(s.r.IntN(20))*time.Second)
			s.check()
		}
		if rounds%40 == 39 {
			s.check()
		}
	}
	s.check()
	s.d.send("exit\r")
	s.d.endCooked(0)
	t.Logf("%d rounds, %d restarts of the database, the shell left %d times", rounds, restarts, s.ends)
}

type soak struct {
	t     *testing.T
	r     *rand.Rand
	w     warehouse
	bin   string
	d     *desk
	since usage // of this shell, when it was warm
	ends  int
}

func (s *soak) sit() {
	s.d = sit(s.t, deskConfig{login: "sales1", at: &s.w, bin: s.bin, env: []string{"PAGER=", "EDITOR=true"}})
	s.d.do(50)
	s.since = s.d.usage()
}

// words and keys that a round is made of; a few are typed often.
var soakWords = []string{
	"customer ", "contract ", "event ", "user ", "list", "get ", "1", "2", "29 ", "update ", "add ", "--", "limit ",
	"mine ", "status ", "help ", "set ", "format ", "json",
	"'", "\"", "\\", "#", "é", "日本", "🎉", "👩‍👧", "\u202e", "x", "q", " ", "watch 1 ", "alias a = ", "edit ",
	"login sales1@epic.example", "nonsense ", strings.Repeat("long ", 40),
}

var soakKeys = []string{
	"\t", "\t", "\t\t", "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[Z", "\x1b", "\x01", "\x05", "\x02", "\x06",
	"\x08", "\x7f", "\x0b", "\x15", "\x17", "\x19", "\x1f", "\x12", "\x07",
	"\x14", "\x0c", "\x1bb", "\x1bf", "\x1bd", "\x1b[3~", "\x1b[1;5D", "\x18\x05", "\x1a",
	"\x1b[200~one\ntwo\nthree\x1b[201~", "\x1b[200~unfinished", "\x1b[201~", "\x1b[", "\x1b]0;", "\xff\xfe", "\xc3",
	"\x00",
}

// round types for a while, then ends the line in one way or another.
func (s *soak) round() {
	for range 1 + s.r.IntN(25) {
		switch n := s.r.IntN(20); {
		case n < 11:
			s.press(soakWords[s.r.IntN(len(soakWords))])
		case n < 18:
			s.press(soakKeys[s.r.IntN(len(soakKeys))])
		case n < 19:
			s.d.resize(uint16(1+s.r.IntN(200)), uint16(1+s.r.IntN(60)))
		default:
			s.press("\x03")
		}
	}
	s.press([]string{
		"\r", "\r", "\r", "\r", "\x03", "\x03", "\r\r", "\x1b\r", "\x1b\r", "n\r", "n\r",
		"\x03\x04",
	}[s.r.IntN(12)])
	if s.over() {
		s.ends++
		s.d.endCooked(0)
		s.sit()
	}
}

// over reports whether the shell has ended, as after Ctrl-D and "exit".
func (s *soak) over() bool {
	select {
	case err := <-s.d.done:
		s.d.done <- err
		return true
	default:
		return false
	}
}

func (s *soak) press(keys string) {
	if s.r.IntN(3) == 0 {
		time.Sleep(time.Duration(s.r.IntN(40)) * time.Millisecond)
	}
	if s.r.IntN(4) > 0 {
		s.write(keys)
		return
	}
	for _, b := range []byte(keys) {
		s.write(string([]byte{b}))
		time.Sleep(time.Duration(s.r.IntN(3)) * time.Millisecond)
	}
}

func (s *soak) write(keys string) {
	if !s.over() {
		_, _ = s.d.ptm.WriteString(keys)
	}
}

// check wants the shell to answer, whatever was typed, without leaks.
func (s *soak) check() {
	s.t.Helper()
	s.d.resize(80, 24)
	at := func() bool {
		unread, err := unix.IoctlGetInt(int(s.d.pts.Fd()), unix.TIOCINQ)
		return err == nil && unread == 0 && strings.HasSuffix(s.d.line(), "crm>") && !s.d.isCooked()
	}
	s.write("\x1b[201~\x03") // ends a paste that the keys began
	quiet := time.Now()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if s.over() {
			s.ends++
			s.d.endCooked(0)
			s.sit()
			return
		}
		if !at() {
			quiet = time.Now()
			s.write("\x1b[201~\x03")
			time.Sleep(200 * time.Millisecond)
		}
		if time.Since(quiet) > time.Second {
			break
		}
		if time.Now().After(end) {
			s.t.Fatalf("the shell does not answer: %q\n%s", s.d.line(), s.d.screen())
		}
	}
	if s.d.line() != s.d.prompt {
		s.d.run("login sales1@epic.example", "signed in")
	}
	s.d.run("set format table", "format is table")
	s.d.run("customer get 1", "Kevin")
	u := s.d.usage()
	if leaked := u.descriptors - u.sockets - (s.since.descriptors - s.since.sockets); leaked > 0 {
		s.t.Errorf("%d descriptors leaked", leaked)
	}
	if u.sockets > 5 || u.threads > s.since.threads+8 {
		s.t.Errorf("%d sockets, %d threads, in the beginning %d", u.sockets, u.threads, s.since.threads)
	}
	s.t.Logf("%d MB, %d threads, %d descriptors", u.rss>>20, u.threads, u.descriptors)
	if strings.Contains(s.d.output(), "DATA RACE") || strings.Contains(s.d.output(), "internal error") ||
		strings.Contains(s.d.output(), "goroutine ") {
		s.t.Fatal(s.d.output())
	}
	s.d.forget()
}
