//go:build !unix

package line

import (
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"golang.org/x/term"
)

// A terminal is a simple implementation for systems without termios: raw mode by golang.org/x/term, no suspension, and
// no signal except Ctrl-C, which is ignored between commands.
type terminal struct {
	in, out *os.File
	mode    *term.State
	isRaw   atomic.Bool
	woken   chan struct{}
	reading bool
	data    chan []byte    // nil bytes mean that the console is closed
	signals chan os.Signal // Ctrl-C outside raw mode, which the line ignores
}

// DisableEcho does nothing on systems without termios.
func DisableEcho(*os.File) (back func()) { return func() {} }

// dropTyped does nothing on systems without termios.
func (t *terminal) dropTyped() {}

func isControlled() bool { return true }

func openTerminal(in, out *os.File) (*terminal, error) {
	mode, err := term.GetState(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("no terminal: %w", err)
	}
	return &terminal{
		in: in, out: out, mode: mode,
		woken: make(chan struct{}, 1), data: make(chan []byte, 1), signals: make(chan os.Signal, 8),
	}, nil
}

func (t *terminal) raw() error {
	t.isRaw.Store(true)
	if _, err := term.MakeRaw(int(t.in.Fd())); err != nil {
		return fmt.Errorf("terminal mode: %w", err)
	}
	_, err := t.out.WriteString("\r\x1b[K\x1b[?2004h")
	return err
}

func (t *terminal) restore(tail string) {
	if !t.isRaw.Swap(false) {
		return
	}
	_ = term.Restore(int(t.in.Fd()), t.mode)
	_, _ = t.out.WriteString("\x1b[?2004l\x1b[?25h" + tail)
}

// wait reads only on request, so that the console is free during a command.
func (t *terminal) wait(timeout time.Duration) ([]byte, error) {
	if !t.reading {
		t.reading = true
		go func() {
			b := make([]byte, 4096)
			n, err := t.in.Read(b)
			if err != nil {
				n = 0
			}
			t.data <- b[:n]
		}()
	}
	var over <-chan time.Time
	if timeout > 0 {
		over = time.After(timeout)
	}
	select {
	case b := <-t.data:
		t.reading = false
		if len(b) == 0 {
			return nil, os.ErrClosed
		}
		return b, nil
	case <-t.woken:
	case <-over:
	}
	return nil, nil
}

func (t *terminal) poke() {
	select {
	case t.woken <- struct{}{}:
	default:
	}
}

func (t *terminal) notify(func(), func(os.Signal)) { signal.Notify(t.signals, os.Interrupt) }

func die(os.Signal) {}

func (t *terminal) suspend() {}

func (t *terminal) close() error {
	signal.Stop(t.signals)
	return nil
}
