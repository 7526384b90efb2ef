//go:build linux

package shell

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func testComplete(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	s.send("c")
	s.wait("customer  Customers")
	s.wait("contract  Contracts")
	s.send("\t\t")
	s.waitLine("crm> contract")
	s.send("\r")
	s.waitGone("Customers")
	s.waitLine("crm> contract")
	if strings.Contains(s.output(), "GOT") {
		t.Error("Enter on a selected row ran the line")
	}
	s.send(" \t\r\r")
	s.got("contract list")
	s.send("\t") // on an empty line
	s.wait("Customers")
	s.send("\t")
	s.waitLine("crm> customer")
	s.send(" g\t7\r") // one suggestion: Tab adds the space
	s.got("customer get 7")
}

func testQuotes(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	s.send(`find "acme c`)
	s.wait(`"Acme Corp"   customer 1`)
	s.send("\t")
	s.waitLine(`crm> find "Acme Corp"`)
	s.send("\t")
	s.waitLine(`crm> find "Acme Co-op"`)
	s.send("\t") // past the end: what was typed
	s.waitLine(`crm> find "acme c`)
	s.send("\t\r\r")
	s.got("find \"Acme Corp\"")
	s.send(`find acm end` + "\x1b[D\x1b[D\x1b[D\x1b[D")
	s.wait("customer 1")
	s.send("\t")
	s.waitLine(`crm> find "Acme Corp" end`)
	s.send("x\r")
	s.got("find \"Acme Corp\"x end")
	s.send("find ")
	s.wait("Ézéchiel")
	if strings.Contains(s.screen(), "never") {
		t.Error("a suggestion with control characters is shown")
	}
	s.send("É\tx\r")
	s.got("find Ézéchiel x")
}

func testMoving(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	s.send("earlier\r")
	s.got("earlier")
	s.send("c")
	s.wait("Customers")
	s.send("\x1b[A") // the box was not entered: history
	s.waitLine("crm> earlier")
	s.waitGone("Customers")
	s.send("\x1b[B")
	s.waitLine("crm> c")
	s.send("\t\t") // opens, enters
	s.waitLine("crm> customer")
	s.send("\x1b[B")
	s.waitLine("crm> contract")
	s.send("\x1b[A")
	s.waitLine("crm> customer")
	s.send("\x1b[Z")
	s.waitLine("crm> c")
	s.send("\x1b[Z")
	s.waitLine("crm> contract")
	s.send("\x1b")
	s.waitLine("crm> c")
	s.waitGone("Customers")
	s.send("o")
	s.wait("Contracts")
	s.send("\x1b")
	s.waitGone("Contracts")
	s.send("\r")
	s.got("co")
	s.send("many ")
	s.wait("m7")
	s.send(strings.Repeat("\t", 100))
	s.waitLine("crm> many m99")
	s.send("\t\x1b[Z")
	s.waitLine("crm> many m99")
	s.send("\r\r")
	s.got("many m99")
}

// testTab completes the only suggestion with a space, so that the next word may follow, and enters the box with Down.
func testTab(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	s.send("earlier\r")
	s.got("earlier")
	s.send("cu")
	s.wait("Customers")
	s.send("\tx\r")
	s.got("customer x")
	s.send("customer\tx\r") // the word is whole
	s.got("customer x")
	s.send("c")
	s.wait("Customers")
	s.send("\x1b[B")
	s.waitLine("crm> customer")
	s.send("\x1b[B")
	s.waitLine("crm> contract")
	s.send("\r\r")
	s.got("contract")
	s.send("find \"acme corp\tx\r") // the value has a space
	s.got(`find "Acme Corp" x`)
}

func testShrink(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	s.send("shrink s")
	s.wait("shrinking")
	s.send("\t\t\t\x1b[B\x1b[B\x1b[A\x1b[Z\t\t\t\t\t\t\t\x1b[A\x1b[A\x15")
	s.waitLine("crm>")
	s.send("ok\r")
	s.got("ok")
}

func testSmall(t *testing.T, demo string) {
	for _, size := range [][2]uint16{{40, 5}, {40, 2}, {20, 1}, {9, 4}} {
		s := openConsole(t, demo, consoleConfig{cols: size[0], rows: size[1]})
		s.send("many ")
		s.send("\t\t\t\t\t\t\t\t\t\x1b[A\x15" + "ok\r")
		s.until("GOT", func() bool { return strings.Contains(s.output(), `GOT "ok" 0`) })
		if strings.Contains(s.output(), "too small") {
			t.Errorf("%v: window too small", size)
		}
	}
}

func testWake(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	s.send("customer get c123")
	s.wait("C1234  Customer number 1234") // with no further key
	s.send("\t\r\r")
	s.got("customer get C1230")
	s.send("customer get ")
	s.wait("C0003")
	s.send("c00\t") // the source is asked, and answers while a row is selected
	s.waitLine("crm> customer get C0000")
	s.until("answer of the source", func() bool { return strings.Contains(s.output(), "FETCHED C00\x07") })
	s.send("\t")
	s.waitLine("crm> customer get C0001") // the row is still selected
	s.send("\x1b")
	s.waitLine("crm> customer get c00")
}

func testHistory(t *testing.T, demo string) {
	path := filepath.Join(t.TempDir(), "deep", "history")
	s := openConsole(t, demo, consoleConfig{env: []string{"LINEDEMO_HISTORY=" + path}})
	s.send("one\rtwo\rtwo\r hidden\rmy secret\rlast\\\rline\r")
	s.got("last\nline")
	s.send("draft")
	s.waitLine("crm> draft")
	for _, want := range []string{"last␤line", "two", "one", "one"} {
		s.send("\x1b[A")
		s.waitLine("crm> " + want)
	}
	s.send("\x0e\x1b[B\x1b[B")
	s.waitLine("crm> draft")
	s.send("\x15\x04")
	s.endCooked(0)

	s = openConsole(t, demo, consoleConfig{env: []string{"LINEDEMO_HISTORY=" + path}})
	s.send("\x10")
	s.waitLine("crm> last␤line")
	s.send("\r")
	s.got("last\nline")
}

func testSearch(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	s.send("customer list berlin\rdeal get 7\rcustomer get 42\rother\r")
	s.got("other")
	s.send("CUST\x12")
	s.waitLine("(history) CUST")
	s.wait(" customer get 42 ")
	s.send("\x12\x12")
	s.waitLine("(history) customer list berlin")
	s.send("\r")
	s.waitLine("crm> customer list berlin")
	s.send("!\r")
	s.got("customer list berlin!")

	s.send("\x12deal")
	s.waitLine("(history) deal")
	s.send("\r") // the first one found
	s.waitLine("crm> deal get 7")
	s.send("\x15draft\x12xyz")
	s.waitLine("(history) draftxyz")
	s.send("\x07")
	s.waitLine("crm> draft")
	s.send("\x12\x03")
	s.wait("DISCARDED")
	s.send("\x12oth")
	s.waitLine("(history) oth")
	s.send("\x1b[A\x1b[D")
	s.until("accepted", func() bool { return strings.HasPrefix(s.line(), "crm> ") })
	s.send("\x05\x15\x04")
	s.endCooked(0)
}

func testNoColor(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{env: []string{"NO_COLOR=1"}})
	s.send("c")
	s.wait("Customers")
	s.send("\t")
	s.waitLine("crm> customer")
	s.until("reverse video", func() bool { return strings.Contains(s.output(), "\x1b[7m customer") })
	for i := 30; i < 110; i++ {
		if strings.Contains(s.output(), ";"+strconv.Itoa(i)+"m") ||
			strings.Contains(s.output(), "["+strconv.Itoa(i)+"m") {
			t.Errorf("colour %d is used", i)
		}
	}
}
