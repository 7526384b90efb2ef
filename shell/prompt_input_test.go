//go:build linux

package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
		"été à\x02\x02\x7f\x17\x19":            "ét à",
		"éé\x01\x1b[3~\x0b\x19":                "é",
	} {
		since := len(s.output())
		s.send(keys + "\x01#\r") // the demo is silent about an empty first word
		s.until(fmt.Sprintf("%q for %q", want, keys), func() bool {
			return strings.Contains(s.output()[since:], fmt.Sprintf("GOT %q", "#"+want))
		})
		s.ready()
	}
	s.send("top\r")
	s.wait("GOT")
	s.send("x\x0c")
	s.waitGone("GOT")
	if s.cursor().Y != 0 {
		t.Error("Ctrl-L leaves the cursor in row", s.cursor().Y)
	}
}

func testEditor(t *testing.T, demo string) {
	script := filepath.Join(t.TempDir(), "edit.sh")
	if err := os.WriteFile(
		script, []byte("#!/bin/sh\n{ cat \"$2\"; echo \"and $1\"; } > \"$2.new\" && mv \"$2.new\" \"$2\"\n"),
		0o700); err != nil {
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
	const maxLine = 64 << 10 // bytes that a line holds
	s.send("\x1b[200~" + strings.Repeat("y", maxLine-10) + "\x1b[201~")
	s.waitLine(strings.Repeat("y", (maxLine-5)%80))
	s.send("end")
	s.waitLine(strings.Repeat("y", (maxLine-5)%80) + "end")
	s.send("\x15")
	s.ready()
	s.send("short\x1b[200~" + strings.Repeat("x", 100_000) + "\x1b[201~")
	s.wait("error: a line holds at most 65536 bytes")
	s.waitLine("crm> short")
}
