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

// A terminal switches between the terminal's own mode and raw mode, and waits for input.
//
// It has its own copy of the mode, because go-prompt changes the saved mode in place, and its restore would leave the
// terminal raw (go-prompt #228, #266).
type terminal struct {
	in, out    *os.File
	mode       unix.Termios // the original mode, which is always restored
	isRaw      bool
	modeMu     sync.Mutex // guards the terminal's mode and isRaw
	wake       [2]int     // a pipe that interrupts wait
	mu         sync.Mutex // guards wake and closed
	closed     bool
	signals    chan os.Signal // signals that end the process or redraw the line
	interrupts chan os.Signal // SIGINT in raw mode
	ignored    chan os.Signal // SIGINT at any time, because one between two commands must not end the process
	delivered  chan os.Signal // SIGCHLD, which shows drain that earlier signals were delivered
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

// isControlled reports whether the process has a controlling terminal, which "su -c" takes away. go-prompt opens
// /dev/tty itself and panics if it cannot (go-prompt #185).
func isControlled() bool {
	tty, err := os.Open("/dev/tty")
	if err == nil {
		_ = tty.Close()
	}
	return err == nil
}

// openTerminal saves the terminal's mode. It changes nothing.
func openTerminal(in, out *os.File) (*terminal, error) {
	if !isControlled() {
		return nil, errors.New("no controlling terminal")
	}
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

// raw sets raw mode. Output processing stays on, so that line feeds printed by other goroutines still return the
// cursor to the first column.
func (t *terminal) raw() error {
	t.modeMu.Lock()
	defer t.modeMu.Unlock()
	t.isRaw = true
	if err := t.setRaw(); err != nil {
		return err
	}
	t.drain() // a pending Ctrl-C belongs to the last command
	signal.Notify(t.interrupts, unix.SIGINT)
	// overwrites the echo of typed-ahead input and turns on bracketed paste
	_, err := t.out.WriteString("\r\x1b[K\x1b[?2004h")
	return err
}

// dropTyped discards typed input that was not read yet.
func (t *terminal) dropTyped() { flushInput(int(t.in.Fd())) }

// drain waits until pending signals are delivered. It sends SIGCHLD, which has no effect; the system delivers signals
// with lower numbers, such as SIGINT, first.
func (t *terminal) drain() {
	select {
	case <-t.delivered: // from a child
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

// restore restores the original mode. It may be called from any goroutine, at any time, more than once. If the
// terminal was raw, it writes tail afterwards.
func (t *terminal) restore(tail string) {
	t.modeMu.Lock()
	defer t.modeMu.Unlock()
	if !t.isRaw {
		return
	}
	t.isRaw = false
	signal.Stop(t.interrupts) // before Ctrl-C sends a signal again, which is for the next command
	_ = unix.IoctlSetTermios(int(t.in.Fd()), setMode, &t.mode)
	_, _ = t.out.WriteString("\x1b[?2004l\x1b[?25h" + tail)
}

// resume sets raw mode again, if it was set, after the process was stopped by a signal.
func (t *terminal) resume() {
	t.modeMu.Lock()
	defer t.modeMu.Unlock()
	if t.isRaw {
		_ = t.setRaw()
		_, _ = t.out.WriteString("\x1b[?2004h")
	}
}

// wait blocks until input, a call of poke or the timeout; timeout 0 means forever. It does not poll. Any error means
// that the terminal is closed.
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

// poke interrupts wait. It may be called from any goroutine, even after close.
func (t *terminal) poke() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		_, _ = unix.Write(t.wake[1], []byte{0})
	}
}

// notify calls resized after each change of the window's size and when a stopped process continues, and ended for each
// signal that asks the process to end (SIGINT only in raw mode). The calls are sequential, until close.
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

// die sends the signal to the process with its default effect.
func die(s os.Signal) {
	signal.Reset(s)
	if n, ok := s.(syscall.Signal); ok {
		_ = unix.Kill(unix.Getpid(), n)
	}
}

// suspend stops the process group, as Ctrl-Z does outside raw mode, and returns when it continues. If no shell could
// continue it, the system does not stop it and suspend returns soon.
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

// close ends notify and wait. It may be called twice.
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
