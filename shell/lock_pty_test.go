//go:build linux

package shell

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crm/seed"
)

// A wallClock is the time of day of a program in a terminal.
type wallClock struct {
	t     testing.TB
	file  string
	later time.Duration
}

func newWallClock(t testing.TB) *wallClock {
	return &wallClock{t: t, file: filepath.Join(t.TempDir(), "clock")}
}

// forward advances the time.
func (c *wallClock) forward(by time.Duration) {
	c.t.Helper()
	c.later += by
	if err := os.WriteFile(c.file+".new", []byte(c.later.String()), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(c.file+".new", c.file); err != nil {
		c.t.Fatal(err)
	}
}

// testLock: the unfinished line is kept behind the lock, and the text that is typed at the lock is shown nowhere.
func testLock(t *testing.T, demo string) {
	clock := newWallClock(t)
	s := openConsole(t, demo, consoleConfig{env: []string{"DEMO_CLOCK=" + clock.file}})
	away := func() { clock.forward(31 * time.Minute) }
	unlock := func(want string) {
		t.Helper()
		s.waitLine("password:")
		s.send("open\r")
		s.waitLine(want)
	}
	s.send("one two\x1b[D\x1b[D")
	s.until("moved cursor", func() bool { return s.cursor().X == len("crm> one t") })
	clock.forward(29 * time.Minute)
	s.send("x")
	s.waitLine("crm> one txwo")
	clock.forward(29 * time.Minute) // since the last key
	s.send("\x7f")
	s.waitLine("crm> one two")
	for _, keys := range []string{
		"x", "\r", "\x03", "\x04", "\x1b[A", "\t", "rm -rf\r",
		"\x1b[200~rm\nrm\nrm\x1b[201~",
	} {
		away()
		s.send(keys)
		unlock("crm> one two")
		if x := s.cursor().X; x != len("crm> one t") {
			t.Errorf("after %q the cursor is in column %d", keys, x)
		}
	}
	away() // keys during the verification do not reach the line
	s.send("x")
	s.waitLine("password:")
	s.send("open\rrm -rf\r")
	s.waitLine("crm> one two")
	s.send("!\r")
	s.got("one t!wo")
	if strings.Contains(s.output(), `GOT "rm`) {
		t.Error("what was typed at the lock was run")
	}
}

// testLockElsewhere: the box, a search, a question and a line that continues are locked too.
func testLockElsewhere(t *testing.T, demo string) {
	clock := newWallClock(t)
	s := openConsole(t, demo, consoleConfig{env: []string{"DEMO_CLOCK=" + clock.file}})
	lock := func(keys, password string) {
		t.Helper()
		clock.forward(31 * time.Minute)
		s.send(keys)
		s.waitLine("password:")
		s.send(password)
	}
	s.send("cust")
	s.wait("Customers")
	s.send("\t")
	s.waitLine("crm> customer")
	lock("x", "open\r")
	s.waitLine("crm> customer")
	s.send("\x15next\x12one")
	s.waitLine("(history) nextone")
	lock("\r", "open\r")
	s.waitLine("crm> next")
	// A locked prompt offers nothing, not even when it is redrawn.
	s.send("\x15con")
	s.wait("Contracts")
	clock.forward(31 * time.Minute)
	s.resize(70, 20)
	s.waitGone("Contracts")
	lock("x", "open\r")
	s.waitLine("crm> con")
	s.send("\x15")
	s.ready()
	s.send("ask\r")
	s.waitLine("sure?")
	lock("y\r", "open\r")
	s.waitLine("sure?")
	lock("y\r", "wrong\r") // and the question is lost
	s.wait(`ANSWER "" line discarded`)
	s.send("one\\\r")
	s.waitLine("   ->")
	lock("two\r", "\x03")
	s.wait("DISCARDED")
	s.send("after\r")
	s.got("after")
	if out := s.output(); strings.Contains(out, `GOT "two`) || strings.Contains(out, `ANSWER "y`) {
		t.Error("what was typed at the lock was run")
	}
}

// TestLockedPlainly: without line editing, too, the first line after an absence is not run.
func TestLockedPlainly(t *testing.T) {
	o := openOffice(t, "")
	now := time.Now()
	o.Idle, o.Clock = 30*time.Minute, func() time.Time { return now }
	o.Secrets.TTY = func() (*os.File, error) { return nil, os.ErrNotExist }
	lines := []string{
		"login admin@office.example\n", "user list\n", "user add never@epic.example Never Made sales\n",
		"user list\n",
	}
	err := o.ConversePlainly(t.Context(), readFunc(func(b []byte) (int, error) {
		if len(lines) == 0 {
			return 0, io.EOF
		}
		if len(lines) == 2 {
			now = now.Add(31 * time.Minute)
		}
		n := copy(b, lines[0])
		lines = lines[1:]
		return n, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	inOrder(t, o.words.String(), "signed in as", "locked: ", "there is no terminal", "signed out",
		`not signed in: use "login EMAIL"`)
	if strings.Contains(o.data.String(), "Never") {
		t.Error("a line typed at the lock was run")
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

// TestLockedConversation: only the user's password, verified by the database, unlocks the prompt, also if the session
// has ended meanwhile. The line is kept.
func TestLockedConversation(t *testing.T) {
	clock := newWallClock(t)
	bin := build(t, "crm/shell/internal/shelldemo", race()...)
	d := sit(t, deskConfig{login: "sales1", bin: bin, env: []string{"DEMO_CLOCK=" + clock.file}})
	live := func() int {
		return d.number(
			`select count(*) from session s left join session_use u on u.session_id = s.id
			where not exists (select from session_end where session_id = id) and not seeding
			and coalesce(u.at + s.idle > now(), true)`)
	}
	session := func() int { return d.number("select max(id) from session") }
	locked := func(keys string) {
		t.Helper()
		clock.forward(31 * time.Minute)
		since := len(d.output())
		d.send(keys)
		d.said(since, "locked: ")
		d.waitLine("password:")
	}
	const line = "sales1 crm> customer get 1 --format vertical"
	for _, meanwhile := range []string{
		"select", "update session_use set at = at - interval '31 minutes'",
		"delete from session",
	} {
		was := session()
		d.send("customer get 1 --format vertical\x1bb\x1bb")
		atWord := func() bool { return d.line() == line && d.cursor().X == len("sales1 crm> customer get 1 --") }
		d.until("cursor at the word", atWord)
		d.sql(meanwhile)
		locked("x")
		d.send(seed.DemoPassword + "\r")
		d.until("line as it was", atWord)
		if session() == was || live() > 1 {
			t.Errorf("%s: %d sessions, the newest %d, it was %d", meanwhile, live(), session(), was)
		}
		since := len(d.output())
		d.send("\r")
		d.said(since, "Kevin Casey")
		d.idle()
	}
	since := len(d.output())
	d.send("watch 1 user get me\r")
	d.said(since, "every 1s: user get me")
	clock.forward(31 * time.Minute)
	d.said(since, "watch has ended: no key was pressed for 30m")
	locked("x")
	d.send(seed.DemoPassword + "\r")
	d.idle()
	// The first wrong passwords are forgiven but counted; meanwhile nothing is run or offered.
	failures := func() int { return d.number("select count(*) from sign_in_attempt where outcome between 1 and 3") }
	const writes = "customer add Never Made"
	d.send(writes)
	d.waitLine("sales1 crm> " + writes)
	locked("\r")
	d.send("wrong\r")
	d.until("second question", func() bool { return failures() == 1 && d.line() == "password:" })
	d.send(seed.DemoPassword + "\r")
	d.waitLine("sales1 crm> " + writes)
	locked("\r")
	// Text that is typed while a password is verified is not shown either.
	judged := d.lock("sign_in_attempt")
	d.send("wrong\r")
	d.stuck()
	d.send(seed.DemoPassword + "\r")
	judged()
	d.waitLine("sales1 crm> " + writes)
	if strings.Contains(d.output(), seed.DemoPassword) {
		t.Error("a password that is typed ahead appears")
	}
	locked("\r")
	for i := range mostUnlocks {
		since := len(d.output())
		d.send("wrong\r")
		d.said(since, "error: wrong email or password")
		if n := failures(); n != 3+i {
			t.Errorf("%d failures, want %d", n, 3+i)
		}
	}
	d.prompt = "crm>"
	d.idle()
	d.run("customer list", "not signed in")
	if live() != 0 || d.number("select count(*) from customer") != 30 {
		t.Errorf("%d sessions and %d customers", live(), d.number("select count(*) from customer"))
	}
	// A signed-out prompt is never locked. Ctrl-C gives up.
	clock.forward(31 * time.Minute)
	d.prompt = "sales1 crm>"
	d.run("login sales1@epic.example", "signed in")
	d.send(writes)
	d.waitLine("sales1 crm> " + writes) // the keys have restarted the idle time
	locked("\x03")
	d.send("\x03")
	d.said(0, "signed out")
	d.prompt = "crm>"
	d.idle()
	if live() != 0 {
		t.Errorf("%d sessions", live())
	}
	for file, content := range d.storedFiles() {
		if strings.Contains(content, "Never Made") || strings.Contains(content, seed.DemoPassword) {
			t.Errorf("%s holds %s", file, content)
		}
	}
}
