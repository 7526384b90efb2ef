//go:build linux

package shell

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"crm/shell/line"
)

func TestLine(t *testing.T) {
	demo := build(t, "crm/shell/internal/linedemo", race()...)
	for name, test := range map[string]func(*testing.T, string){
		"ctrl-c discards the line":            testDiscard,
		"ctrl-d ends on an empty line only":   testEOF,
		"ctrl-c cancels a command":            testCancel,
		"every end restores the mode":         testEnds,
		"a panic restores the mode":           testPanics,
		"a hook may let main end":             testSignalReturns,
		"a closed terminal ends it":           testHangup,
		"ctrl-z suspends":                     testSuspend,
		"an absence locks":                    testLock,
		"an absence locks whatever is asked":  testLockElsewhere,
		"resize redraws":                      testResize,
		"fast typing":                         testFast,
		"type-ahead waits":                    testTypeAhead,
		"300 pasted lines come in order":      testPaste,
		"a question is not answered by paste": testAsk,
		"completion opens and accepts":        testComplete,
		"completion of values with spaces":    testQuotes,
		"completion: moving and leaving":      testMoving,
		"completion: tab and down":            testTab,
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
	s = openConsole(t, demo, consoleConfig{})
	s.send("one\r")
	s.got("one")
	s.send("\x1b[A\x1b[B\x04") // through the history to the empty line
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
	s.send("on")
	s.waitLine("crm> on")
	mode, err := unix.IoctlGetTermios(int(s.pts.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	mode.Lflag |= unix.ECHO | unix.ICANON | unix.ISIG | unix.IEXTEN // as a shell does meanwhile
	mode.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(int(s.pts.Fd()), unix.TCSETS, mode); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(-s.group(), unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.until("raw mode", func() bool { return !s.isCooked() })
	s.send("!\r")
	s.got("on!")
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
	s.send(strings.Repeat("abcdefghij", 12)) // two rows, then four, then one
	s.waitLine(strings.Repeat("abcdefghij", 12)[75:])
	for _, cols := range []int{40, 200} {
		s.resize(uint16(cols), 24)
		want := "crm> " + strings.Repeat("abcdefghij", 12)
		s.waitLine(want[len(want)/cols*cols:])
		s.until("one copy", func() bool { return strings.Count(s.screen(), "crm> ") == 1 })
	}
	s.send("\x15cus")
	s.wait("Customers")
	s.send("\t")
	s.waitLine("crm> customer")
	s.resize(40, 12)
	s.waitLine("crm> customer") // Tab has taken the only suggestion
	s.send("x\r")
	s.got("customer x")
}

func testGrowth(t *testing.T, demo string) {
	s := openConsole(t, demo, consoleConfig{})
	state := func(n int) (descriptors, goroutines int) {
		s.send("state\r")
		s.until("state", func() bool { return strings.Count(s.output(), "STATE ") == n })
		s.ready()
		out := s.output()
		if _, err := fmt.Sscanf(out[strings.LastIndex(out, "STATE "):], "STATE %d %d", &descriptors,
			&goroutines); err != nil {
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
	// One goroutine of go-prompt may be about to end.
	if d, g := state(2); d != descriptors || g > goroutines+1 {
		t.Errorf("descriptors and goroutines: %d %d, after 1000 lines %d %d", descriptors, goroutines, d, g)
	}
}

func testNoTerminal(t *testing.T, _ string) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	if line.IsTerminal(r, w) {
		t.Error("a pipe is a terminal")
	}
	if l, err := line.Open(line.Config{In: r, Out: w}); err == nil {
		t.Error("a line is opened on a pipe", l.Close())
	}
}
