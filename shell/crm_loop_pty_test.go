//go:build linux

package shell

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// loopPromises: the loop, its ends and its interruptions.
var loopPromises = map[string]func(*testing.T){
	"clear empties the screen":                  emptyScreen,
	"every end leaves the terminal cooked":      loopEnds,
	"every end during a command too":            loopEndsInCommand,
	"every end at the password too":             loopEndsAtPassword,
	"a closed terminal ends it":                 loopHangup,
	"cooked during a command, ctrl-c cancels":   loopCancel,
	"ctrl-c discards a line, ctrl-d leaves":     loopDiscard,
	"ctrl-c when a command ends":                loopLateCancel,
	"destructive commands ask, default no":      loopAsks,
	"what cannot be undone asks twice":          loopAsksTwice,
	"resizing":                                  loopResize,
	"ctrl-z and fg, at the prompt and in a run": loopSuspend,
	"fast typing and type-ahead":                loopTyping,
	"300 pasted lines":                          loopPaste,
	"a paste that writes asks":                  loopPasteAsks,
	"a dumb terminal":                           loopDumb,
	"next pages, last id, names":                loopPages,
	"an answer in a file":                       loopToFile,
	"the progress of an import":                 loopImport,
	"a killed export leaves no file":            loopKilled,
	"an answer in a program":                    loopToProgram,
}

func loopEnds(t *testing.T) {
	for keys, sig := range map[string]syscall.Signal{
		"exit\r": 0, "quit\r": 0, "\x04": 0, "term": syscall.SIGTERM, "hup": syscall.SIGHUP, "int": syscall.SIGINT,
		"quit": syscall.SIGQUIT,
	} {
		d := sit(t, deskConfig{login: "sales1"})
		want := 0
		if sig == 0 {
			d.send(keys)
		} else {
			want = 128 + int(sig)
			d.send(keys)
			d.waitLine(d.prompt + " " + keys)
			if err := d.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
		}
		d.endCooked(want)
	}
}

func loopEndsInCommand(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		for _, command := range []string{"event list", "watch event list"} {
			d := sit(t, deskConfig{login: "sales1"})
			d.lock("event")
			d.send(command + "\r")
			d.stuck()
			if err := d.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			d.endCooked(128 + int(sig))
			d.until("screen as before "+command, func() bool {
				return strings.LastIndex(d.output(), other) <= strings.LastIndex(d.output(), back)
			})
		}
	}
}

func loopEndsAtPassword(t *testing.T) {
	d := sit(t, deskConfig{})
	d.send("login sales1@epic.example\r")
	d.wait("password: ")
	d.until("raw mode", func() bool { return !d.isCooked() })
	d.send("\x03")
	d.wait("cancelled")
	d.idle()
	d.send("login sales1@epic.example\r")
	d.until("second question", func() bool { return strings.Count(d.screen(), "password: ") == 2 && !d.isCooked() })
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	d.endCooked(128 + int(syscall.SIGTERM))
}

func loopHangup(t *testing.T) {
	for command, who := range map[string]string{
		"": "sales1", "event list\r": "sales1", "watch event list\r": "sales1",
		"login sales2@epic.example\r": "",
	} {
		d := sit(t, deskConfig{login: who})
		d.lock("event")
		d.send(command)
		switch {
		case who == "":
			d.wait("password: ")
		case command == "":
			d.send("abc")
			d.wait("abc")
		default:
			d.stuck()
		}
		_, _ = d.pts.Close(), d.ptm.Close()
		d.end()
		d.until("end of its connections", func() bool {
			return d.number("select count(*) from pg_stat_activity where datname = $1 and application_name = 'crm'",
				d.database) == 0
		})
	}
}

func loopCancel(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	unlock := d.lock("event")
	for range 3 {
		d.send("event list\r")
		d.stuck()
		if !d.isCooked() {
			t.Error("a command finds the terminal raw")
		}
		since := len(d.output())
		d.send("\x03")
		d.said(since, "cancelled")
		d.idle()
		d.free()
	}
	unlock()
	d.run("event list --limit 2", "2 rows")
}

// loopLateCancel presses Ctrl-C around the end of a command: it cancels the command or the line, and never ends the
// shell.
func loopLateCancel(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	for i := range 60 {
		since := len(d.output())
		d.send("set limit 5\r")
		d.said(since, "\x1b[?2004l")
		time.Sleep(time.Duration(i*50) * time.Microsecond) // somewhere from its beginning to after its end
		d.send("\x03")
		d.idle()
	}
	d.run("set limit 6", "limit is 6")
}

func loopDiscard(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	d.send("customer add A B\x03")
	d.wait("customer add A B^C")
	d.idle()
	d.send("abc\x01\x04")
	d.waitLine(d.prompt + " bc")
	d.send("\x0b\x04")
	d.endCooked(0)
	if n := d.number("select count(*) from customer"); n != 30 {
		t.Errorf("%d customers, want 30", n)
	}
}

func loopAsks(t *testing.T) {
	d := sit(t, deskConfig{login: "admin"})
	for _, answer := range []string{"", "n", "no", "x", "\x03", "\x04"} {
		asked := len(d.output())
		d.send("event delete 1\r")
		d.said(asked, "delete event 1 Lou Bouzin General Assembly (Bouzin SARL, ")
		d.said(asked, "? [y/N]")
		since := len(d.output())
		d.send(answer)
		if answer == "" || answer[0] > ' ' {
			d.send("\r")
		}
		d.said(since, "cancelled")
		d.idle()
	}
	if n := d.number("select count(*) from event where deleted_at is not null"); n != 0 {
		t.Errorf("%d events were deleted", n)
	}
	d.run("event delete 999", "error: there is no event 999") // refused before it is asked
	d.run("user delete 3", "error: this collaborator still answers for")
	d.run("user delete 1", "error: you cannot delete yourself")
	d.resize(60, 24)
	d.send("user hand-over 3 --to 4\r")
	d.waitLine("over to Dawn Sanchez? [y/N]") // wrapped between words
	d.send("n\r")
	d.wait("cancelled")
	d.idle()
	d.resize(80, 24)
	asked := len(d.output())
	d.send("event delete 1\r")
	d.said(asked, "delete event 1 Lou Bouzin General Assembly (Bouzin SARL, ")
	d.said(asked, "? [y/N]")
	d.send("y\r")
	d.wait("event 1 deleted")
	d.idle()
}

func loopAsksTwice(t *testing.T) {
	d := sit(t, deskConfig{login: "admin"})
	d.run("customer add 'Twice SARL' 'Tom Twice'", "customer 31 added")
	const question = "to go on, type the number 31 or the company's name:"
	ask := func() {
		d.send("customer erase 31\r")
		d.wait("erase customer 31 Twice SARL (Tom Twice)? [y/N]")
		d.send("y\r")
		d.wait("Twice SARL, Tom Twice, will be gone for good")
		d.waitLine(question)
	}
	for _, answer := range []string{"\r", "y\r", "yes\r", "3\r", "twice sarl\r", "\x03", "\x04"} {
		ask()
		since := len(d.output())
		d.send(answer)
		d.said(since, "cancelled")
		d.idle()
	}
	if n := d.number("select count(*) from audit where action = 'erase'"); n != 0 {
		t.Errorf("%d customers were erased", n)
	}
	ask()
	d.send("Twice SARL\r")
	d.wait("customer 31 erased")
	d.idle()
	d.run("customer get 31", "‹erased›")
}

func loopResize(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	d.run("set limit 7")
	for _, cols := range []int{40, 200, 80} {
		d.resize(uint16(cols), 24)
		text := "find-" + strings.Repeat("x", cols-len(d.prompt)-8)
		d.send(text)
		d.waitLine(d.prompt + " " + text)
		d.send("\x03")
		d.idle()
	}
	d.send("\x0c")
	d.idle()
	long := strings.Repeat("abcdefghij", 12)
	d.send(long)
	for _, cols := range []int{40, 200, 60} {
		d.resize(uint16(cols), 24)
		want := d.prompt + " " + long
		d.waitLine(want[len(want)/cols*cols:])
		d.until("one copy", func() bool { return strings.Count(d.screen(), "crm>") == 1 })
	}
	d.clean()
	d.send("customer get ")
	d.wait("Callaghan")
	d.resize(40, 20)
	d.waitLine(d.prompt + " customer get")
	d.send("1\r")
	d.wait("Kevin Casey")
	d.idle()
}

func loopSuspend(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1", shell: `"$CRM" "$@"; read x; fg; read x; fg`})
	d.send("whoamx\x1b[D")
	d.until("cursor", func() bool { return d.cursor().X == len(d.prompt+" whoam") })
	d.send("\x1a")
	d.wait("whoamx^Z")
	d.until("cooked", d.isCooked)
	d.until("shell", func() bool { return d.group() == d.cmd.Process.Pid })
	d.send("\n")
	d.waitLine(d.prompt + " whoamx")
	d.until("raw mode", func() bool { return !d.isCooked() })
	d.send("\x1b[3~i\r") // where the cursor was
	d.wait("sales1@epic.example")
	d.idle()
	unlock := d.lock("customer")
	d.send("customer list --limit 3\r")
	d.stuck()
	d.send("\x1a")
	d.until("shell", func() bool { return d.group() == d.cmd.Process.Pid })
	d.send("\n")
	d.until("program", func() bool { return d.group() != d.cmd.Process.Pid })
	unlock()
	d.wait("3 rows")
	d.idle()
	d.run("set limit 3", "limit is 3")
}

func loopTyping(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	for _, key := range "set limit 77\x1b[D\x7f8\r" {
		d.send(string(key))
	}
	d.wait("limit is 87")
	d.idle()
	unlock := d.lock("customer")
	d.send("customer list --limit 3\r")
	d.stuck()
	for i := range 20 {
		d.send(fmt.Sprintf("set limit %d\r", 100+i))
	}
	d.send("customer ge")
	since := len(d.output())
	unlock()
	d.waitLine(d.prompt + " customer ge")
	want := []string{"3 rows"}
	for i := range 20 {
		want = append(want, fmt.Sprintf("limit is %d", 100+i))
	}
	inOrder(t, d.output()[since:], want...)
	d.clean()
	d.send("set limit 5\rset limit 6\rset limit 7\r")
	d.wait("limit is 7")
	d.idle()
}

func loopPaste(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	var paste strings.Builder
	want := []string{}
	for i := range 300 {
		fmt.Fprintf(&paste, "set\tlimit %d\n", 1000+i)
		want = append(want, fmt.Sprintf("limit is %d", 1000+i))
	}
	since := len(d.output())
	d.send("\x1b[200~" + paste.String() + "customer get 1\x1b[201~")
	d.waitLine(d.prompt + " customer get 1")
	inOrder(t, d.output()[since:], want...)
	if strings.Contains(d.output()[since:], "which change data") {
		t.Error("a paste that only reads asks")
	}
	d.send("\r")
	d.wait("Kevin Casey")
	d.idle()
}

func loopPasteAsks(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	paste := "\x1b[200~customer list --limit 1\ncustomer add Paste One\n" +
		"customer add Paste Two\ncustomer list --limit 2\n\x1b[201~"
	for _, answer := range []string{"n\r", "\r", "\x03"} {
		since := len(d.output())
		d.send(paste)
		d.waitLine("run 4 pasted lines, 2 of which change data? [y/N]")
		d.send(answer)
		d.said(since, "nothing was run")
		d.idle()
		if out := d.output()[since:]; strings.Contains(out, "row") || strings.Contains(out, "added") {
			t.Errorf("after %q something ran: %s", answer, out)
		}
	}
	since := len(d.output())
	d.send(paste)
	d.waitLine("run 4 pasted lines, 2 of which change data? [y/N]")
	d.send("y\r")
	d.said(since, "2 rows")
	d.idle()
	inOrder(t, d.output()[since:], "1 row", "customer 31 added", "customer 32 added", "2 rows")
	// Variants: an alias, and a command that asks by itself too.
	d.run("alias new = customer add", "alias new")
	d.send("\x1b[200~new Paste Three\nwhoami\n\x1b[201~")
	d.waitLine("run 2 pasted lines, 1 of which changes data? [y/N]")
	d.send("n\r")
	d.idle()
	if n := d.number("select count(*) from customer"); n != 32 {
		t.Errorf("%d customers, want 32", n)
	}
}

func loopDumb(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1", env: []string{"TERM=xterm"}})
	d.run("set limit 2")
	d.send("exit\r")
	d.endCooked(0)
	s := openConsole(t, crmBinary, consoleConfig{env: append(d.cmd.Env, "TERM=dumb")})
	s.send("login sales1@epic.example\n")
	s.wait("sales1 crm>")
	since := len(s.output())
	s.send("customer list --limit 2\n")
	s.wait("2 rows")
	if strings.Contains(s.output()[since:], "\x1b") {
		t.Errorf("control sequences on a dumb terminal: %q", s.output()[since:])
	}
	s.send("\x04")
	if got := s.end(); got != 0 || !s.isCooked() {
		t.Errorf("status %d, cooked %v", got, s.isCooked())
	}
}
