//go:build linux

package shell

import (
	"fmt"
	"strings"
	"testing"
)

// askPromises: missing arguments are asked for.
var askPromises = map[string]func(*testing.T){
	"what a command needs is asked for":         askBlanks,
	"an asking that is left does nothing":       askLeft,
	"the email of a login":                      askLogin,
	"a dumb terminal asks too":                  askDumb,
	"a name in place of an ID that it destroys": askByName,
}

// askBlanks gives valid and invalid answers: empty, by name, in quotes, with the box.
func askBlanks(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	d.send("customer add --email lou@x.example\r")
	d.waitLine("COMPANY_NAME, the company:")
	d.send("\r")
	d.wait("error: invalid COMPANY_NAME: may not be empty")
	d.waitLine("COMPANY_NAME, the company:")
	d.send("'Quoted & Söhne'\r")
	d.waitLine("FULL_NAME, the person:")
	d.send("Lou D'Arc\r")
	d.wait("customer 31 added")
	d.idle()
	d.run("customer get 31 --format csv", "31,Quoted & Söhne,Lou D'Arc")
	d.send("customer get \x1b.\r") // the last ID
	d.wait("customer get 31")
	d.idle()

	d.send("customer history\r")
	d.wait("ID is its number, or words of its name")
	d.waitLine("ID:")
	d.send("xyzzy\r")
	d.wait(`error: no customer fits "xyzzy"`)
	d.waitLine("ID:")
	d.send("quoted\r")
	d.wait("customer 31: Quoted & Söhne — Lou D'Arc")
	d.wait("4 rows")
	d.idle()

	// The box is open if values are known. Answers are not added to the history.
	since := len(d.output())
	d.send("customer get --format csv\r")
	d.said(since, "Quoted & S")
	d.send("quoted")
	d.until("one row", func() bool {
		box := strings.TrimSpace(d.below())
		return strings.HasPrefix(box, "31  Quoted") && !strings.Contains(box, "\n")
	})
	d.send("\t\r")
	d.said(since, "31,Quoted & Söhne,Lou D'Arc")
	d.idle()
	d.send("\x1b[A")
	d.waitLine(d.prompt + " customer get --format csv")
	d.clean()

	// A record on which the command cannot work is refused at once, not after all questions.
	unsigned := d.number("select min(id) from contract where status in ('to_send', 'pending')")
	d.send("event add\r")
	d.waitLine("--contract-id:")
	d.send(fmt.Sprintf("%d\r", unsigned))
	d.wait(fmt.Sprintf("error: contract %d is no signed contract", unsigned))
	d.waitLine("--contract-id:")
	d.send("\x1b")
	d.idle()

	// An error on the line is shown before any question; a list continues after the questions.
	d.run("event add --attendees many", "error: invalid --attendees")
	d.run("event add --nonsense 1", "error: unknown flag")
	since = len(d.output())
	d.send("find\r")
	d.said(since, "TEXT is words in any order")
	d.send("lou d'arc\r")
	d.said(since, "1 row")
	d.idle()
}

func askLeft(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	for _, key := range []string{"\x1b", "\x03", "\x04"} {
		since := len(d.output())
		d.send("customer add\r")
		d.said(since, "Esc cancels")
		d.said(since, "COMPANY_NAME, the company: ")
		d.send("A\r")
		d.said(since, "FULL_NAME, the person: ")
		d.send(key)
		d.said(since, "cancelled")
		d.idle()
	}
	if n := d.number("select count(*) from customer"); n != 30 {
		t.Errorf("%d customers, want 30", n)
	}
}

func askLogin(t *testing.T) {
	d := sit(t, deskConfig{})
	d.send("login\r")
	d.waitLine("EMAIL, your email:")
	d.send("sales1@epic.example Hunter2-Hunter2\r")
	d.wait("error: invalid EMAIL: want an address like ada@example.com")
	d.send("\x1b")
	d.wait("cancelled")
	d.idle()
	d.send("\x1b[A")
	d.waitLine("crm> login")
	d.clean()
	for path, text := range d.storedFiles() {
		if strings.Contains(text, "Hunter2") {
			t.Errorf("%s holds a secret", path)
		}
	}
}

func askDumb(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1", env: []string{"TERM=xterm"}})
	s := openConsole(t, crmBinary, consoleConfig{env: append(d.cmd.Env, "TERM=dumb")})
	s.send("login sales1@epic.example\n")
	s.wait("sales1 crm>")
	for answer, want := range map[string]string{"\n": "cancelled", "Dumb SARL\nLou Bouzin\n": "customer 31 added"} {
		since := len(s.output())
		s.send("customer add\n" + answer)
		s.until(want, func() bool { return strings.Contains(s.output()[since:], want) })
	}
}
