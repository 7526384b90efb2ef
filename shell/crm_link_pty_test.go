//go:build linux

package shell

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"crm/repo/embedded"
)

// linkPromises: the connection to the database, and the session.
var linkPromises = map[string]func(*testing.T){
	"a restart between two commands":  linkRestart,
	"a killed private server":         linkPrivate,
	"a read is sent again by itself":  linkRead,
	"a write on its way is made once": linkWrite,
	"the session's end":               linkSessionEnds,
	"another shell ends the session":  linkEndedElsewhere,
	"tokens are renewed":              linkRenews,
	"a lock of another user":          linkBlocked,
}

// kill ends the statement that waits for a lock, with its connection.
func (d *desk) kill() (pid int) {
	d.t.Helper()
	d.until("statement that waits", func() bool {
		pid = d.number("select coalesce(max(pid) filter (where pg_terminate_backend(pid)), 0) from ("+waits+") w",
			d.database)
		return pid > 0
	})
	return pid
}

func linkRestart(t *testing.T) {
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
	d := sit(t, deskConfig{login: "sales1", at: &w})
	stop := func() {
		t.Helper()
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
	}
	d.run("customer get 1", "Kevin Casey")
	stop()
	server = start()
	if out := d.run("customer get 1", "Kevin Casey"); strings.Contains(out, "error") {
		t.Errorf("after a restart: %s", out)
	}
	// The database is unreachable for a while: this is reported once, and the command succeeds when the database is
	// back.
	const away = "the database is away"
	for _, command := range []string{"customer list --limit 1", "customer add Back Again"} {
		stop()
		since := len(d.output())
		d.send(command + "\r")
		d.said(since, away)
		server = start()
		d.idle()
		if out := d.output()[since:]; strings.Count(out, away) != 1 || strings.Contains(out, "error") {
			t.Errorf("%s while the database is away: %s", command, out)
		}
	}
	d.run("customer list --after 30", "Back", "1 row")
	// Ctrl-C gives up, and the shell continues without a database.
	stop()
	since := len(d.output())
	d.send("customer list\r")
	d.said(since, away)
	d.send("\x03")
	d.said(since, "cancelled")
	d.idle()
	d.run("set limit 5", "limit is 5")
	server = start()
	d.run("customer get 1", "Kevin Casey")
}

func linkRead(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	unlock := d.lock("customer")
	since := len(d.output())
	d.send("customer list --limit 3\r")
	pid := d.kill()
	d.until("second try", func() bool { return d.waiting(pid) == 1 })
	unlock()
	d.said(since, "3 rows")
	d.idle()
	if out := d.output()[since:]; strings.Contains(out, "lost") || strings.Contains(out, "error") {
		t.Errorf("a read that was sent again: %s", out)
	}
	// All connections are lost between two commands.
	d.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name = 'crm'",
		d.database)
	d.run("customer get 1", "Kevin Casey")
	d.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name = 'crm'",
		d.database)
	d.run("customer add After Kill")
	if n := d.number("select count(*) from customer"); n > 31 {
		t.Errorf("one write made %d customers", n-30)
	}
}

func linkWrite(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	unlock := d.lockFor("customer", "share") // it lets the search for duplicates through
	since := len(d.output())
	d.send("customer add Never Twice\r")
	pid := d.kill()
	d.until("second try", func() bool { return d.waiting(pid) == 1 })
	unlock()
	d.said(since, "customer 31 added")
	d.idle()
	if n := d.number("select count(*) from customer"); n != 31 {
		t.Errorf("%d customers, want 31", n)
	}
}

func linkSessionEnds(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	d.sql("delete from session")
	d.prompt = "crm>"
	out := d.run("customer list", "your session has ended", "login sales1@epic.example")
	if strings.Contains(out, "Kevin") {
		t.Error("an ended session still reads")
	}
	d.run("customer list", "not signed in")
	d.run("help", "login EMAIL")
	d.prompt = "sales1 crm>"
	d.run("login sales1@epic.example", "signed in")
	d.run("customer list --limit 2", "2 rows")
	// The session ends during watch.
	at := len(d.output())
	d.send("watch 1 customer list --limit 2\r")
	d.said(at, "Kevin Casey")
	d.sql("delete from session")
	d.prompt = "crm>"
	d.said(at, "your session has ended")
	d.idle()
	if out := d.output(); strings.LastIndex(out, other) > strings.LastIndex(out, back) {
		t.Error("watch leaves the other screen on")
	}
}

func linkEndedElsewhere(t *testing.T) {
	left := sit(t, deskConfig{login: "sales1"})
	mine := left.number("select max(id) from session")
	here := sit(t, deskConfig{login: "sales1", beside: left})
	here.run("session list", fmt.Sprintf(" %d ", mine), "this machine", "2 rows")
	here.run(fmt.Sprintf("session end %d", mine), fmt.Sprintf("session %d ended", mine))
	left.prompt = "crm>"
	if out := left.run("customer list", "your session has ended", "login sales1@epic.example"); strings.Contains(out,
		"Kevin") {
		t.Error("an ended session still reads")
	}
	here.run("customer get 1", "Kevin Casey")
}

func linkRenews(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1", env: []string{"CRM_SESSION_TOKEN=5s"}})
	began := d.number("select extract(epoch from now())::int")
	for d.number("select extract(epoch from now())::int") < began+7 {
		d.run("customer get 1", "Kevin Casey")
	}
	d.run("customer add Late Token", "customer 31 added")
	if strings.Contains(d.output(), "ended") {
		t.Error("the session ended with a token")
	}
}

// linkPrivate kills the private server of an open prompt in every way; the next command starts it again.
func linkPrivate(t *testing.T) {
	d := sit(t, deskConfig{
		flags: []string{"--demo"}, login: "sales1",
		env: []string{"CRM_DATABASE_URL=", "CRM_KEYSET="},
	})
	t.Cleanup(func() { d.send("exit\r"); d.end() })
	data := filepath.Join(d.home, "data", "crm", "demo")
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT, syscall.SIGQUIT} {
		d.run("customer get 2 --format csv", "Bouzin SARL")
		d.stopServer(data, sig)
		d.run("customer get 2 --format csv", "Bouzin SARL")
		d.run("whoami --format csv", "sales1@epic.example")
	}
	d.stopServer(data, syscall.SIGKILL)
	d.run(`customer add "After the Crash" Ada`, "customer ", " added") // a crash skips numbers
}

// stopServer sends a signal to the private server of a directory and waits for its end.
func (d *desk) stopServer(dir string, sig syscall.Signal) {
	d.t.Helper()
	if elsewhere, err := os.ReadFile(filepath.Join(dir, "location")); err == nil { // of root's server
		dir = strings.TrimSpace(string(elsewhere))
	}
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		d.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.Fields(string(text))[0])
	if err != nil {
		d.t.Fatal(err)
	}
	if err := syscall.Kill(pid, sig); err != nil {
		d.t.Fatal(err)
	}
	d.until("end of the server", func() bool { return syscall.Kill(pid, 0) != nil })
}
