//go:build linux

package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestLine(t *testing.T) {
	demo := buildDemo(t)
	for name, test := range map[string]func(*testing.T, string){
		"ctrl-c discards the line":            testDiscard,
		"ctrl-d ends on an empty line only":   testEOF,
		"ctrl-c cancels a command":            testCancel,
		"every end restores the mode":         testEnds,
		"a panic restores the mode":           testPanics,
		"a hook may let main end":             testSignalReturns,
		"a closed terminal ends it":           testHangup,
		"ctrl-z suspends":                     testSuspend,
		"resize redraws":                      testResize,
		"fast typing":                         testFast,
		"type-ahead waits":                    testTypeAhead,
		"300 pasted lines come in order":      testPaste,
		"a question is not answered by paste": testAsk,
		"completion opens and accepts":        testComplete,
		"completion of values with spaces":    testQuotes,
		"completion: moving and leaving":      testMoving,
		"completion: a list that shrinks":     testShrink,
		"completion: small windows":           testSmall,
		"completion: slow source":             testWake,
		"history":                             testHistory,
		"ctrl-r":                              testSearch,
		"editing keys":                        testEditing,
		"editor":                              testEditor,
		"continued lines":                     testMore,
		"unicode":                             testUnicode,
		"no descriptor or goroutine growth":   testGrowth,
		"no colour":                           testNoColor,
		"a very long line":                    testLong,
		"not a terminal":                      testNoTerminal,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, demo)
		})
	}
}

func testDiscard(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	s.send("abc\x03")
	s.wait("crm> abc^C")
	s.wait("DISCARDED")
	s.send("next\r")
	s.got("next")
}

func testEOF(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	s.send("abc\x01\x04")
	s.waitLine("crm> bc")
	s.send("\x0b\x04")
	s.wait("EOF")
	s.endCooked(0)
}

func testCancel(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	s.send("sleep 1m\r")
	s.wait("SLEEPING")
	if !s.isCooked() {
		t.Error("a command finds the terminal raw")
	}
	s.send("\x03")
	s.wait("CANCELLED")
	s.send("next\r")
	s.got("next")
}

func testEnds(t *testing.T, demo string) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		for _, hook := range []string{"exit", ""} {
			if hook == "" && sig == syscall.SIGQUIT {
				continue // prints every goroutine and exits 2
			}
			s := openConsole(t, demo, consoleConfig{env: []string{"LINEDEMO_SIGNALS=" + hook}})
			s.send("con")
			s.wait("Contracts")
			if s.isCooked() {
				t.Error("the terminal is not raw while a line is read")
			}
			if err := s.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			s.endCooked(128 + int(sig))
		}
	}
}

func testSignalReturns(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{env: []string{"LINEDEMO_SIGNALS=return"}})
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.wait("signal terminated")
	s.wait("EOF")
	s.endCooked(0)
}

func testPanics(t *testing.T, demo string) {
	for _, keys := range []string{"panic now\r", "boom"} { // in a command; in the completer
		s := openConsole(t, demo, consoleConfig{})
		s.send(keys)
		s.endCooked(2)
	}
}

func testHangup(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{env: []string{"LINEDEMO_SIGNALS=return"}})
	s.send("abc")
	s.waitLine("crm> abc")
	_, _ = s.pts.Close(), s.ptm.Close()
	s.end()
}

func testSuspend(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{args: []string{"sh", "-mc", `"$DEMO"; echo STOPPED $?; read x; fg`}})
	s.send("abcd\x1b[D")
	s.until("cursor", func() bool { return s.cursor().X == len("crm> abc") })
	s.send("\x1a")
	s.wait("abcd^Z")
	s.wait("STOPPED")
	if !s.isCooked() {
		t.Error("the shell finds the terminal raw")
	}
	s.send("\n")
	s.waitLine("crm> abcd")
	s.send("x\r")
	s.got("abcxd")
}

func testResize(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	for i, cols := range []int{40, 200, 80} {
		s.resize(uint16(cols), 24)
		text := fmt.Sprintf("%dlong%s", i, strings.Repeat("x", cols-12)) // nearly a whole row
		s.send(text)
		s.waitLine("crm> " + text)
		if n := strings.Count(s.screen(), "crm> "); n != i+1 {
			t.Errorf("%d columns: %d prompts, want %d\n%s", cols, n, i+1, s.screen())
		}
		s.send("\r")
		s.wait(`GOT "` + text[:20])
		s.ready()
	}
	s.send("cus")
	s.wait("Customers")
	s.send("\t")
	s.waitLine("crm> customer")
	s.resize(40, 12)
	s.waitLine("crm> cus") // the selection is given up
	s.send("x\r")
	s.got("cusx")
}

func testFast(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	for _, key := range "one two three" {
		s.send(string(key))
	}
	s.send("\x1b[D\x1b[D\x7f!\rnext\r")
	s.wait(`GOT "one two th!ee" 0`)
	s.got("next")
}

func testTypeAhead(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	s.send("sleep 200ms\r")
	s.wait("SLEEPING")
	s.send("first\rsecond\rthi")
	s.wait(`GOT "first" 0`)
	s.wait(`GOT "second" 0`)
	s.waitLine("crm> thi")
}

func testPaste(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{cols: 80, rows: 24})
	var paste strings.Builder
	for i := range 300 {
		fmt.Fprintf(&paste, "line %d\tis é\x1b[31m here\n", i)
	}
	s.send("\x1b[200~" + paste.String() + "rest\x1b[201~")
	s.waitLine("crm> rest")
	log := s.output()
	for i := range 300 {
		want := fmt.Sprintf("GOT \"line %d is é[31m here\" %d", i, 299-i)
		at := strings.Index(log, want)
		if at < 0 {
			t.Fatalf("no %s, or not in order", want)
		}
		log = log[at+len(want):]
	}
	s.send("\r")
	s.got("rest")
}

func testAsk(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	s.send("\x1b[200~ask\none\ntwo\x1b[201~")
	s.waitLine("sure?")
	s.send("yes\r")
	s.wait(`ANSWER "yes" <nil>`)
	s.wait(`GOT "one" 0`)
	s.waitLine("crm> two")
	s.send("\x15\x1b[200~drop\nx\ny\nz\x1b[201~")
	s.wait("DROPPED")
	s.ready()
	s.send("ask\r")
	s.waitLine("sure?")
	s.send("\x04")
	s.wait(`ANSWER "" EOF`)
}

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
	s.send(" g\t 7\r")
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
	s.send("É\t x\r")
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

func testEditing(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	for keys, want := range map[string]string{
		"one two three\x1bb\x1bb!":             "one !two three",
		"one two\x1b[1;5D\x1b[1;5D\x1bf!":      "one! two",
		"one two\x1b[1;5D\x1b[1;5D\x1b[1;5C!":  "one! two",
		"one two\x01\x1bd":                     " two",
		"one a-b\x17!":                         "one !",
		"one a-b\x1b\x7f!":                     "one a-!",
		"one two\x1bb\x0b!":                    "one !",
		"one two\x1bb\x15!":                    "!two",
		"one two\x17\x17\x19\x19":              "one twoone two",
		"one two\x1f\x1f":                      "",
		"one two\x15\x1f":                      "one two",
		"abc\x1b[Hx\x1b[Fy":                    "xabcy",
		"abc\x1bOHx\x1bOFy":                    "xabcy",
		"abc\x01\x1b[3~":                       "bc",
		"abc\x08\x7f":                          "a",
		"abc\x14":                              "acb",
		"a\x1b[15~b\x1bz\x1b]0;title\x07c\x00": "abc",
		"été à\x02\x02\x7f\x17\x19":            "été à",
		"éé\x01\x1b[3~\x0b\x19":                "é",
	} {
		s.send("\x05\x15" + keys)
		s.waitLine(strings.TrimRight("crm> "+want, " "))
	}
	s.send("\x05\x15top\r")
	s.wait("GOT")
	s.send("x\x0c")
	s.waitGone("GOT")
	if s.cursor().Y != 0 {
		t.Error("Ctrl-L leaves the cursor in row", s.cursor().Y)
	}
}

func testEditor(t *testing.T, demo string) {
	script := filepath.Join(t.TempDir(), "edit.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n{ cat \"$2\"; echo \"and $1\"; } > \"$2.new\" && mv \"$2.new\" \"$2\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := openConsole(t, demo, consoleConfig{env: []string{"LINEDEMO_EDITOR=" + script + " more"}})
	s.send("text\x18\x05")
	s.waitLine("crm> text␤and more")
	s.send("\r")
	s.got("text\nand more")
	s = openConsole(t, demo, consoleConfig{env: []string{"LINEDEMO_EDITOR=/nonexistent"}})
	s.send("text\x18\x05")
	s.wait("error: editor:")
	s.waitLine("crm> text")
}

func testMore(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	s.send("one\\\r")
	s.waitLine("   ->")
	s.send("two\r")
	s.got("one\ntwo")
	s.send("one\\\r")
	s.waitLine("   ->")
	s.send("\x03")
	s.wait("DISCARDED")
}

func testUnicode(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	s.send("é日本🎉\xff\xc3x\u202e\u0085y\x1b[D\x1b[D\x7fz\r")
	s.got("é日本zxy")
	s.send("half \xe6\x97")
	s.waitLine("crm> half")
	s.send("\xa5\r")
	s.got("half 日")
	s.send(strings.Repeat("é", 1500) + "\r")
	s.until("all é", func() bool { return strings.Contains(s.output(), `GOT "`+strings.Repeat("é", 1500)+`" 0`) })
}

func testGrowth(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	state := func(n int) (descriptors, goroutines int) {
		s.send("state\r")
		s.until("state", func() bool { return strings.Count(s.output(), "STATE ") == n })
		s.ready()
		out := s.output()
		if _, err := fmt.Sscanf(out[strings.LastIndex(out, "STATE "):], "STATE %d %d", &descriptors, &goroutines); err != nil {
			t.Fatal(err)
		}
		return descriptors, goroutines
	}
	descriptors, goroutines := state(1)
	s.send(strings.Repeat("x\x02\x05\r", 100)) // with keys, so that go-prompt reads each
	s.until("typed lines", func() bool { return strings.Count(s.output(), `GOT "x" 0`) == 100 })
	s.ready()
	s.send("\x1b[200~" + strings.Repeat("y\n", 900) + "\x1b[201~")
	s.until("pasted lines", func() bool { return strings.Count(s.output(), `GOT "y"`) == 900 })
	s.ready()
	// One goroutine of go-prompt may be at its end.
	if d, g := state(2); d != descriptors || g > goroutines+1 {
		t.Errorf("descriptors and goroutines: %d %d, after 1000 lines %d %d", descriptors, goroutines, d, g)
	}
}

func testNoColor(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{env: []string{"NO_COLOR=1"}})
	s.send("c")
	s.wait("Customers")
	s.send("\t")
	s.waitLine("crm> customer")
	s.until("reverse video", func() bool { return strings.Contains(s.output(), "\x1b[7m customer") })
	for i := 30; i < 110; i++ {
		if strings.Contains(s.output(), ";"+strconv.Itoa(i)+"m") || strings.Contains(s.output(), "["+strconv.Itoa(i)+"m") {
			t.Errorf("colour %d is used", i)
		}
	}
}

func testLong(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	long := strings.Repeat("0123456789", 300) // more than the window holds
	s.send("\x1b[200~" + long + "\x1b[201~")
	s.waitLine(("crm> " + long)[3005/80*80:])
	s.send("end\r")
	s.until("long line", func() bool { return strings.Contains(s.output(), `GOT "`+long+`end" 0`) })
	if strings.Contains(s.output(), "too small") {
		t.Error("window too small")
	}
	s.ready()
	s.send("short\x1b[200~" + strings.Repeat("x", 100_000) + "\x1b[201~")
	s.wait("error: a line holds at most 65536 bytes")
	s.waitLine("crm> short")
}

func testNoTerminal(t *testing.T, _ string) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	if IsTerminal(r, w) {
		t.Error("a pipe is a terminal")
	}
	if l, err := OpenLine(LineConfig{In: r, Out: w}); err == nil {
		t.Error("a line is opened on a pipe", l.Close())
	}
}
