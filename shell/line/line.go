// Package line reads lines at a terminal: editing keys, completion box, history, pastes, an external
// editor, suspension and the lock of an idle prompt. It knows no command and no record and imports
// nothing of crm. The terminal is in raw mode only while a line is read; every way out restores it,
// panics and signals included. Only widget.go imports go-prompt.
package line

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"
)

// ErrDiscarded is returned for a line that was thrown away with Ctrl-C.
var ErrDiscarded = errors.New("line discarded")

const (
	maxLine    = 64 << 10 // bytes
	morePrefix = "   -> "
)

// A Suggestion is one row of the completion box: what is inserted and what it means. One without a Text is a hint.
type Suggestion struct{ Text, Description string }

// Config says where a Reader reads and what it offers.
type Config struct {
	In, Out *os.File // the terminal; Out is the standard output or error

	// Prefix is what a line begins with: "crm> ". It is asked once for each Read.
	Prefix func() string

	// Complete lists what may stand in place of before[start:], where before is the text
	// before the cursor. The character before start must be ASCII. It is called for every
	// key, on the goroutine of Read, and must only read memory; rows past the hundredth and
	// those that hold control characters are left out. Nil completes nothing.
	Complete func(before string) (start int, list []Suggestion)

	// LastArgument returns what Alt-. inserts; nil inserts nothing.
	LastArgument func() string

	History *History // walked with Up and Down and searched with Ctrl-R; Read adds nothing to it
	Editor  string   // the command of Ctrl-X Ctrl-E, "vim -n"; empty for none
	Color   bool     // false: NO_COLOR

	// Unlock is called, with the terminal cooked, by the first key after none came for Idle. That key is thrown away;
	// when Unlock answers false, so is the line. A nil Idle, and 0, is never.
	Idle   func() time.Duration
	Now    func() time.Time // nil: time.Now
	Unlock func() bool

	// OnSignal is told of SIGTERM, SIGHUP and SIGQUIT from Open to Close, and of SIGINT
	// while a Read waits (one during a command is the command's), after the terminal's mode
	// was restored. It runs on a goroutine of its own and may end the process; if it
	// returns, this and all later Reads return io.EOF. When nil, the signal does what it
	// does to a process that handles none.
	OnSignal func(os.Signal)
}

// A Reader is the one line editor of a process. The terminal is raw only inside its reading
// methods, and restored at every end of them. Its methods other than Wake, Restore and
// Pasted belong to one goroutine. When Complete or Prefix panic, the panic goes on to the
// caller of Read with the terminal restored, and the Reader is at its end.
type Reader struct {
	c    Config
	tty  *terminal
	ui   *widget
	gate gate
	keys map[string]string // bytes of a key → the name of what it does
	in   tokenizer

	// Of the line being read; go-prompt's goroutines take turns with them through gate.
	begins string // the prefix
	cols   int    // of the window, when last looked at
	rows   int
	plain  bool // an answer to a question: no history, paste or editor
	// Config.Complete, or of the question; nil completes nothing
	offers func(before string) (start int, list []Suggestion)
	why    ending
	count  int    // keys given
	begun  bool   // with put
	given  string // the name of the last one
	submit bool   // the next key is Enter: the first line of a paste is in
	put    line   // what the line begins with
	now    line   // as last drawn with no row selected
	ed     editor
	held   *line // the line as it was before a row was selected; nil when none is
	search *line // the line as it was before Ctrl-R; nil when nothing is searched
	kept   line  // the line as it was when it was locked
	idle   IdleTimer
	past   []string
	word   int     // where the word to complete begins
	whole  bool    // the word is the only suggestion already
	closed *string // the text for which the box stays closed
	opened *string // the text for which Tab opened it

	pasted []string // lines of a paste to be read
	tail   string   // its last line, which was not ended

	resized, woken, ended atomic.Bool
}

// An ending says how a line came to its end; 0 while it has not.
type ending int

const (
	submitted ending = iota + 1
	discarded
	declined // a question, with Esc
	closedByUser
	hungUp
	suspended
	edited
	tooLong
	locked
)

// mark is what stays on the screen behind the line.
func (e ending) mark() string {
	return map[ending]string{discarded: "^C", suspended: "^Z"}[e]
}

// IsTerminal reports whether a Reader can be opened: both ends are terminals, and TERM does not
// name one that cannot move its cursor.
func IsTerminal(in, out *os.File) bool {
	return os.Getenv("TERM") != "dumb" && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd()))
}

// Open prepares the terminal; its mode changes only when a line is read. It fails when
// there is no terminal.
func Open(c Config) (*Reader, error) {
	tty, err := openTerminal(c.In, c.Out)
	if err != nil {
		return nil, err
	}
	l := &Reader{c: c, tty: tty, keys: keymap(), idle: NewIdleTimer(c.Idle, c.Now)}
	l.gate.turn = sync.NewCond(&l.gate.mu)
	if l.ui, err = newWidget(l); err != nil {
		return nil, errors.Join(err, tty.close())
	}
	tty.notify(func() { l.resized.Store(true); tty.poke() }, l.signalled)
	return l, nil
}

// Read reads a line. The error is io.EOF for Ctrl-D on an empty line and when the terminal
// is gone, and ErrDiscarded for Ctrl-C. Lines pasted or typed ahead come one by one.
func (l *Reader) Read() (string, error) {
	l.plain, l.offers = false, l.c.Complete
	return l.read(l.c.Prefix())
}

// ReadMore reads the line that goes on where the last one left off.
func (l *Reader) ReadMore() (string, error) {
	l.plain, l.offers = false, l.c.Complete
	return l.read(morePrefix)
}

// Ask reads an answer to a question: without history, and not from a paste. Esc discards it, as Ctrl-C does. The box
// opens with the question if complete is not nil; complete works as Config.Complete does.
func (l *Reader) Ask(question string, complete func(before string) (start int, list []Suggestion)) (string, error) {
	l.plain, l.offers = true, complete
	return l.read(question)
}

// Pasted returns the lines of a paste that are still to be read; the caller may want to ask
// before it runs them.
func (l *Reader) Pasted() []string { return l.pasted }

// UseHistory replaces the history from the next Read on.
func (l *Reader) UseHistory(h *History) { l.c.History = h }

// Edit lets the user change text in their editor and returns the result; kind is the extension of
// the temporary file. The terminal must not be reading.
func (l *Reader) Edit(kind, text string) (string, error) { return runEditor(l.c, kind, text) }

// Begin has the next line begin with text.
func (l *Reader) Begin(text string) { l.tail = onScreen(text) }

// ResetIdle restarts the idle time after keys that Read did not see, such as those of a password.
func (l *Reader) ResetIdle() { l.idle.Reset() }

// DropPasted forgets what is left of a paste, and what was typed ahead: for a command that
// was cancelled, or lines that are not to be run.
func (l *Reader) DropPasted() { l.pasted, l.tail, l.in = nil, "", tokenizer{} }

// Wake says, from any goroutine, that Complete knows more than before: the box is drawn anew
// unless a row of it is selected.
func (l *Reader) Wake() {
	l.woken.Store(true)
	l.tty.poke()
}

// Restore puts the terminal's mode back, from any goroutine: for one that panics while
// another reads a line.
func (l *Reader) Restore() { l.tty.restore("\x1b[J\r\n") }

// Close restores the terminal and lets go of the signals.
func (l *Reader) Close() error {
	l.tty.restore("")
	return l.tty.close()
}

func (l *Reader) signalled(s os.Signal) {
	l.Restore()
	if l.c.OnSignal == nil {
		die(s)
		return
	}
	l.c.OnSignal(s)
	l.ended.Store(true)
	l.tty.poke()
}

func (l *Reader) read(prefix string) (string, error) {
	l.begins = printable(prefix)
	if text, ok := l.waiting(); ok && !l.ended.Load() {
		_, err := io.WriteString(l.c.Out, l.begins+text+"\n")
		return text, err
	}
	l.put = line{}
	if !l.plain {
		l.put, l.tail = newLine(l.tail, len(l.tail)), ""
	}
	for {
		text, err := l.input()
		switch {
		case err != nil || l.why == hungUp || l.why == closedByUser:
			return "", io.EOF
		case l.why == discarded || l.why == declined:
			return "", ErrDiscarded
		case l.why == submitted:
			return asTyped(text), nil
		}
		l.put = newLine(text, len(text))
		if text == string(l.now.text) {
			l.put.at = l.now.at
		}
		switch l.why {
		case suspended:
			l.tty.suspend()
		case edited:
			l.put = l.editElsewhere(l.put)
		case locked:
			if !l.unlock() {
				return "", ErrDiscarded
			}
		case tooLong:
			l.say(fmt.Errorf("a line holds at most %d bytes", maxLine))
		}
	}
}

// waiting takes a line that was pasted or typed ahead, which nobody needs to edit.
func (l *Reader) waiting() (text string, ok bool) {
	switch {
	case l.plain:
		return "", false
	case len(l.pasted) > 0:
		text, l.pasted = l.pasted[0], l.pasted[1:]
		return text, true
	case l.tail != "":
		return "", false
	}
	return l.in.line()
}

// input runs go-prompt for one line, with the terminal raw.
func (l *Reader) input() (text string, err error) {
	if l.ended.Load() {
		return "", io.EOF
	}
	l.why, l.given, l.begun, l.submit = 0, "", false, false
	l.now, l.held, l.search = line{}, nil, nil
	l.closed, l.opened = nil, nil
	l.ed.begin()
	l.past = nil
	if l.c.History != nil && !l.plain {
		for _, entry := range l.c.History.Lines() {
			l.past = append(l.past, onScreen(entry))
		}
	}
	l.ui.remember(append([]string(nil), l.past...))
	if err := l.tty.raw(); err != nil {
		l.tty.restore("")
		return "", err
	}
	l.gate.open()
	finished := false
	defer func() {
		l.tty.restore("")
		if !finished {
			l.gate.abandon()
			l.ended.Store(true)
		}
	}()
	text = l.ui.Input()
	finished = true
	return text, nil
}

func (l *Reader) say(err error) { _, _ = fmt.Fprintln(l.c.Out, "error:", err) }
