//go:build unix

package line

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A terminal switches a real terminal between its own mode and raw keys, and waits for them.
//
// It keeps its own copy of the mode: go-prompt edits the saved one in place, so that its
// restore leaves the terminal raw (go-prompt #228, #266).
type terminal struct {
	in, out    *os.File
	mode       unix.Termios // as found; always put back
	isRaw      bool
	modeMu     sync.Mutex // of the terminal's mode and isRaw
	wake       [2]int     // a pipe that ends a wait
	mu         sync.Mutex // of wake and closed
	closed     bool
	signals    chan os.Signal // those that end the process or draw the line anew
	interrupts chan os.Signal // SIGINT in raw mode
	ignored    chan os.Signal // SIGINT at any time: one between two commands must not kill
	delivered  chan os.Signal // SIGCHLD, by which drain knows that the signals before it have come
}

// DisableEcho turns the terminal's echo off until back is called.
func DisableEcho(tty *os.File) (back func()) {
	fd := int(tty.Fd())
	before, err := unix.IoctlGetTermios(fd, getMode)
	if err != nil {
		return func() {}
	}
	silent := *before
	silent.Lflag &^= unix.ECHO
	_ = unix.IoctlSetTermios(fd, setMode, &silent)
	return func() { _ = unix.IoctlSetTermios(fd, setMode, before) }
}

// openTerminal remembers the terminal's mode and changes nothing yet.
func openTerminal(in, out *os.File) (*terminal, error) {
	// go-prompt opens /dev/tty on its own and panics without it (go-prompt #185).
	ctty, err := os.Open("/dev/tty")
	if err != nil {
		return nil, fmt.Errorf("no terminal: %w", err)
	}
	_ = ctty.Close()
	mode, err := unix.IoctlGetTermios(int(in.Fd()), getMode)
	if err != nil {
		return nil, fmt.Errorf("no terminal: %w", err)
	}
	t := &terminal{
		in: in, out: out, mode: *mode,
		signals: make(chan os.Signal, 8), interrupts: make(chan os.Signal, 1), ignored: make(chan os.Signal, 1),
		delivered: make(chan os.Signal, 1),
	}
	if err := unix.Pipe(t.wake[:]); err != nil {
		return nil, fmt.Errorf("open terminal: %w", err)
	}
	for _, fd := range t.wake {
		unix.CloseOnExec(fd)
		err = errors.Join(err, unix.SetNonblock(fd, true))
	}
	if t.wake[0] >= unix.FD_SETSIZE {
		err = errors.Join(err, errors.New("too many open files"))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open terminal: %w", err), t.close())
	}
	return t, nil
}

// raw hands every key over at once. Output processing stays on, so that a message printed
// meanwhile by another goroutine does not run down the screen as a staircase.
func (t *terminal) raw() error {
	t.modeMu.Lock()
	defer t.modeMu.Unlock()
	t.isRaw = true
	if err := t.setRaw(); err != nil {
		return err
	}
	t.drain() // the last command's Ctrl-C is no longer on its way
	signal.Notify(t.interrupts, unix.SIGINT)
	// over the echo of what was typed ahead; pastes come between marks
	_, err := t.out.WriteString("\r\x1b[K\x1b[?2004h")
	return err
}

// dropTyped throws away what was typed and not read yet.
func (t *terminal) dropTyped() { flushInput(int(t.in.Fd())) }

// drain waits until signals that were sent already have come: the system delivers those of lower numbers first, and
// SIGCHLD, which means nothing to the process, is behind SIGINT.
func (t *terminal) drain() {
	select {
	case <-t.delivered: // of a child
	default:
	}
	if unix.Kill(unix.Getpid(), unix.SIGCHLD) != nil {
		return
	}
	select {
	case <-t.delivered:
	case <-time.After(20 * time.Millisecond):
	}
}

func (t *terminal) setRaw() error {
	mode := t.mode
	mode.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP |
		unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	mode.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	mode.Cflag = mode.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	mode.Cc[unix.VMIN], mode.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(int(t.in.Fd()), setMode, &mode); err != nil {
		return fmt.Errorf("terminal mode: %w", err)
	}
	return nil
}

// restore puts back the mode that was found. It may be called from any goroutine, at any
// time, more than once. Tail is written after it when there was something to restore.
func (t *terminal) restore(tail string) {
	t.modeMu.Lock()
	defer t.modeMu.Unlock()
	if !t.isRaw {
		return
	}
	t.isRaw = false
	signal.Stop(t.interrupts) // before Ctrl-C is a signal again, which is the next command's
	_ = unix.IoctlSetTermios(int(t.in.Fd()), setMode, &t.mode)
	_, _ = t.out.WriteString("\x1b[?2004l\x1b[?25h" + tail)
}

// resume makes the terminal raw again if it was, after the process was stopped from outside.
func (t *terminal) resume() {
	t.modeMu.Lock()
	defer t.modeMu.Unlock()
	if t.isRaw {
		_ = t.setRaw()
		_, _ = t.out.WriteString("\x1b[?2004h")
	}
}

// wait blocks until bytes came, poke was called or the time is over; timeout 0 is for ever.
// It takes no time of the processor meanwhile. Any error means that the terminal is gone.
func (t *terminal) wait(timeout time.Duration) ([]byte, error) {
	in, limit := int(t.in.Fd()), (*unix.Timeval)(nil)
	if timeout > 0 {
		tv := unix.NsecToTimeval(timeout.Nanoseconds())
		limit = &tv
	}
	var ready unix.FdSet
	ready.Set(in)
	ready.Set(t.wake[0])
	b := make([]byte, 4096)
	switch _, err := unix.Select(max(in, t.wake[0])+1, &ready, nil, nil, limit); {
	case errors.Is(err, unix.EINTR):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if ready.IsSet(t.wake[0]) {
		_, _ = unix.Read(t.wake[0], b)
	}
	if !ready.IsSet(in) {
		return nil, nil
	}
	switch n, err := unix.Read(in, b); {
	case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		return nil, nil
	case err != nil:
		return nil, err
	case n <= 0:
		return nil, io.EOF
	default:
		return b[:n], nil
	}
}

// poke ends a wait, from any goroutine, also after close.
func (t *terminal) poke() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		_, _ = unix.Write(t.wake[1], []byte{0})
	}
}

// notify calls resized when the line is to be drawn anew, for each change of the window's size
// and when a stopped process goes on, and ended for each signal that
// asks the process to end, SIGINT only in raw mode, one at a time, until close.
func (t *terminal) notify(resized func(), ended func(os.Signal)) {
	signal.Notify(t.signals, unix.SIGWINCH, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGCONT)
	signal.Notify(t.ignored, unix.SIGINT)
	signal.Notify(t.delivered, unix.SIGCHLD)
	go func() {
		for {
			select {
			case s := <-t.interrupts:
				ended(s)
			case s, ok := <-t.signals:
				switch {
				case !ok:
					return
				case s == unix.SIGCONT:
					t.resume()
					resized()
				case s == unix.SIGWINCH:
					resized()
				default:
					ended(s)
				}
			}
		}
	}()
}

// die lets the signal do to the process what it does to one that handles no signals.
func die(s os.Signal) {
	signal.Reset(s)
	if n, ok := s.(syscall.Signal); ok {
		_ = unix.Kill(unix.Getpid(), n)
	}
}

// suspend stops the process and those it shares the terminal with, as Ctrl-Z does in cooked
// mode, and returns when it goes on. Where no shell could let it go on (a session of its
// own) the system does not stop it, and suspend returns soon.
func (t *terminal) suspend() {
	resumed := make(chan os.Signal, 1)
	signal.Notify(resumed, unix.SIGCONT)
	defer signal.Stop(resumed)
	if err := unix.Kill(0, unix.SIGTSTP); err != nil {
		return
	}
	select {
	case <-resumed:
	case <-time.After(300 * time.Millisecond):
	}
}

// close ends notify and wait; it may be called twice.
func (t *terminal) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	signal.Stop(t.ignored)
	signal.Stop(t.delivered)
	signal.Stop(t.signals)
	close(t.signals)
	return errors.Join(unix.Close(t.wake[0]), unix.Close(t.wake[1]))
}
