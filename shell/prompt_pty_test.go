//go:build linux

package shell

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
	"golang.org/x/sys/unix"
)

// A console is the demo program in a terminal of its own, seen through an emulator.
type console struct {
	t    testing.TB
	ptm  *os.File
	pts  *os.File // held open, to read the mode of the terminal after the program's end
	vt   vt10x.Terminal
	cmd  *exec.Cmd
	done chan error
	news chan struct{} // something was written since it was last empty

	mu  sync.Mutex
	log bytes.Buffer // every byte that was written
}

type consoleConfig struct {
	cols, rows uint16
	env        []string
	args       []string // of a program that runs the demo, "$DEMO"
}

func openConsole(t testing.TB, demo string, c consoleConfig) *console {
	t.Helper()
	if c.cols == 0 {
		c.cols, c.rows = 80, 24
	}
	ptm, pts, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	ptm = pollable(t, ptm)
	s := &console{t: t, ptm: ptm, pts: pts, done: make(chan error, 1), news: make(chan struct{}, 1)}
	s.vt = vt10x.New(vt10x.WithSize(int(c.cols), int(c.rows)), vt10x.WithWriter(ptm))
	s.resize(c.cols, c.rows)
	if c.args == nil {
		c.args = []string{demo}
	}
	s.cmd = exec.Command(c.args[0], c.args[1:]...)
	s.cmd.Env = append([]string{
		"TERM=xterm-256color", "LANG=C.UTF-8", "PATH=" + os.Getenv("PATH"), "DEMO=" + demo,
		"GORACE=atexit_sleep_ms=0",
	}, c.env...)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = pts, pts, pts
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	// A program inherits the signals that its parent ignores, as nohup does SIGHUP, but not those that it handles.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT)
	t.Cleanup(func() { signal.Stop(handled) })
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		b, kept := make([]byte, 32<<10), 0
		for {
			n, err := ptm.Read(b[kept:])
			if err != nil {
				return
			}
			whole := wholeCharacters(b[:kept+n])
			s.mu.Lock()
			s.log.Write(b[kept : kept+n])
			_, _ = s.vt.Write(b[:whole])
			s.mu.Unlock()
			kept = copy(b, b[whole:kept+n])
			select {
			case s.news <- struct{}{}:
			default:
			}
		}
	}()
	go func() { s.done <- s.cmd.Wait() }()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_, _ = pts.Close(), ptm.Close()
		if strings.Contains(s.output(), "DATA RACE") {
			t.Error(s.output())
		}
	})
	s.wait("crm> ")
	return s
}

// wholeCharacters returns the length of b without the beginning of a character at its end, which the emulator would
// lose.
func wholeCharacters(b []byte) int {
	for end := len(b) - 1; end >= 0 && end >= len(b)-utf8.UTFMax; end-- {
		if utf8.RuneStart(b[end]) {
			if !utf8.FullRune(b[end:]) {
				return end
			}
			break
		}
	}
	return len(b)
}

func (s *console) output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// pollable opens the file once more, so that a read of it ends when it is closed.
func pollable(t testing.TB, f *os.File) *os.File {
	t.Helper()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	return os.NewFile(uintptr(fd), f.Name())
}

// resize changes the size of the window.
func (s *console) resize(cols, rows uint16) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vt.Resize(int(cols), int(rows))
	if err := pty.Setsize(s.pts, &pty.Winsize{Cols: cols, Rows: rows}); err != nil {
		s.t.Fatal(err)
	}
}

// screen returns the text on the screen, and cursor the position of the cursor.
func (s *console) screen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.vt.String()
}

func (s *console) cursor() vt10x.Cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.vt.Cursor()
}

// send writes everything at once.
func (s *console) send(keys string) {
	s.t.Helper()
	if _, err := s.ptm.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// patience is how long a test waits: more than a slow and busy machine needs.
const patience = 2 * time.Minute

// until polls for a condition.
func (s *console) until(what string, is func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("no %s; the screen:\n%s", what, strings.TrimRight(s.screen(), " \n"))
		}
	}
}

// wait waits for text on the screen.
func (s *console) wait(want string) {
	s.t.Helper()
	s.until(want, func() bool { return strings.Contains(s.screen(), want) })
}

// waitGone waits for text to leave the screen.
func (s *console) waitGone(text string) {
	s.t.Helper()
	s.until("end of "+text, func() bool { return !strings.Contains(s.screen(), text) })
}

// waitLine waits for the line of the cursor to be the text.
func (s *console) waitLine(want string) {
	s.t.Helper()
	s.until("line "+want, func() bool { return s.line() == want })
}

// ready waits until the program reads an empty line, so that the terminal driver does not handle the keys itself.
func (s *console) ready() {
	s.t.Helper()
	s.until("prompt", func() bool { return s.line() == "crm>" && !s.isCooked() })
}

// got waits until the line has been run and the next one is read.
func (s *console) got(want string) {
	s.t.Helper()
	s.until("GOT "+want, func() bool { return strings.Contains(s.output(), fmt.Sprintf("GOT %q 0", want)) })
	s.ready()
}

func (s *console) line() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	y := s.vt.Cursor().Y
	lines := strings.Split(s.vt.String(), "\n")
	return strings.TrimRight(lines[min(y, len(lines)-1)], " ")
}

// isCooked reports whether the terminal is in canonical mode.
func (s *console) isCooked() bool {
	mode, err := unix.IoctlGetTermios(int(s.pts.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	const flags = unix.ECHO | unix.ICANON | unix.ISIG | unix.IEXTEN
	return mode.Lflag&flags == flags && mode.Iflag&unix.ICRNL != 0
}

// group returns the process group that has the terminal.
func (s *console) group() (id int) {
	s.t.Helper()
	conn, err := s.ptm.SyscallConn()
	if err != nil {
		s.t.Fatal(err)
	}
	if e := conn.Control(func(fd uintptr) { id, err = unix.IoctlGetInt(int(fd), unix.TIOCGPGRP) }); e != nil ||
		err != nil {
		s.t.Fatal(e, err)
	}
	return id
}

// end waits for the program to end and returns its status; after a signal, 128 and more.
func (s *console) end() int {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		s.t.Fatalf("the program goes on; the screen:\n%s", s.screen())
	}
	status := s.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// endCooked waits for the program to end and fails unless it restored the terminal's mode.
func (s *console) endCooked(want int) {
	s.t.Helper()
	if got := s.end(); got != want {
		s.t.Errorf("exit status %d, want %d", got, want)
	}
	if !s.isCooked() {
		s.t.Error("the terminal is left raw")
	}
	s.until("end of bracketed paste", func() bool {
		log := s.output()
		return strings.LastIndex(log, "\x1b[?2004l") > strings.LastIndex(log, "\x1b[?2004h")
	})
}
