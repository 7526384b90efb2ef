// Package line reads lines at a terminal: editing keys, completion box, history, pastes, an external editor,
// suspension and the lock of an idle prompt. It is independent of commands and records and imports no other package of
// crm. The terminal is in raw mode only while a line is read; it is restored in every case, also by panics and
// signals. Only widget.go imports go-prompt.
package line

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/term"
)

// ErrDiscarded is returned for a line that was discarded with Ctrl-C.
var ErrDiscarded = errors.New("line discarded")

const (
	maxLine    = 64 << 10 // bytes
	morePrefix = "   -> "
)

// A Suggestion is one row of the completion box: the text to insert and its meaning. A row without Text is a hint.
type Suggestion struct{ Text, Description string }

// Config configures a Reader.
type Config struct {
	In, Out *os.File // the terminal; Out is the standard output or error

	// Prefix returns the prompt, such as "crm> ". It is called once per Read.
	Prefix func() string

	// Complete returns the suggestions that may replace before[start:], where before is the text before the cursor.
	// The character before start must be ASCII. It is called at every key, on the goroutine of Read, and must only
	// read memory. Rows after the hundredth and rows with control characters are omitted. Nil completes nothing.
	Complete func(before string) (start int, list []Suggestion)

	// LastArgument returns the text that Alt-. inserts; nil inserts nothing.
	LastArgument func() string

	History *History // for Up, Down and Ctrl-R; Read adds nothing to it
	Editor  string   // command for Ctrl-X Ctrl-E, such as "vim -n"; empty for none
	Color   bool     // false: NO_COLOR

	// Unlock is called at the first key after a time of Idle without keys, with the terminal in its own mode. The key
	// is discarded; if Unlock returns false, so is the line. A nil Idle or 0 means never.
	Idle   func() time.Duration
	Now    func() time.Time // nil: time.Now
	Unlock func() bool

	// OnSignal is called for SIGTERM, SIGHUP and SIGQUIT from Open to Close, and for SIGINT while a Read waits, after
	// the terminal is restored. It runs on its own goroutine and may end the process. If it returns, this and all
	// later Reads return io.EOF. If it is nil, the signal has its default effect.
	OnSignal func(os.Signal)
}

// A Reader is the only line editor of a process. The terminal is raw only inside its reading methods, which restore it
// in every case. Methods other than Wake, Restore and Pasted must be called from one goroutine. A panic of Complete or
// Prefix reaches the caller of Read with the terminal restored; then the Reader must not be used again.
type Reader struct {
	c    Config
	tty  *terminal
	ui   *widget
	keys map[string]string // bytes of a key → name of its action
	in   tokenizer

	// State of the current line, used by the goroutine of Read only.
	begins string // the prefix
	cols   int    // of the window, at the last look
	rows   int
	plain  bool // the line is an answer: no history, paste or editor
	// Config.Complete or that of the question; nil completes nothing
	offers func(before string) (start int, list []Suggestion)
	why    ending
	count  int    // number of keys passed on
	begun  bool   // with put
	given  string // name of the last key
	submit bool   // the next key is Enter, because the first line of a paste is inserted
	put    line   // initial text of the line
	now    line   // last drawn line without a selected row
	ed     editor
	held   *line // line before a row was selected; nil if none is selected
	search *line // line before Ctrl-R; nil outside a search
	kept   line  // line at the time of the lock
	idle   IdleTimer
	past   []string
	word   int     // start of the word to complete
	whole  bool    // the word equals the only suggestion
	closed *string // text for which the box stays closed
	opened *string // text for which Tab opened the box

	pasted []string // lines of a paste not read yet
	tail   string   // last line of the paste, without a line end

	resized, woken, ended atomic.Bool
}

// An ending is how a line ended; 0 if it has not.
type ending int

const (
	submitted ending = iota + 1
	discarded
	declined // a question was declined with Esc
	closedByUser
	hungUp
	suspended
	edited
	tooLong
	locked
)

// mark returns the text that stays on the screen after the line.
func (e ending) mark() string {
	return map[ending]string{discarded: "^C", suspended: "^Z"}[e]
}

// IsTerminal reports whether a Reader can be opened: in and out are terminals, the process is controlled by one, and
// the terminal of TERM can move its cursor.
func IsTerminal(in, out *os.File) bool {
	return os.Getenv("TERM") != "dumb" && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd())) &&
		isControlled()
}

// Open prepares the terminal, but changes its mode only while a line is read. It returns an error if there is no
// terminal.
func Open(c Config) (*Reader, error) {
	tty, err := openTerminal(c.In, c.Out)
	if err != nil {
		return nil, err
	}
	l := &Reader{c: c, tty: tty, keys: keymap(), idle: NewIdleTimer(c.Idle, c.Now)}
	if l.ui, err = newWidget(l); err != nil {
		return nil, errors.Join(err, tty.close())
	}
	tty.notify(func() { l.resized.Store(true); tty.poke() }, l.signalled)
	return l, nil
}

// Read reads a line. It returns io.EOF for Ctrl-D on an empty line or if the terminal is closed, and ErrDiscarded for
// Ctrl-C. Pasted or typed-ahead lines are returned one by one.
func (l *Reader) Read() (string, error) {
	l.plain, l.offers = false, l.c.Complete
	return l.read(l.c.Prefix())
}

// ReadMore reads a further line of the same command.
func (l *Reader) ReadMore() (string, error) {
	l.plain, l.offers = false, l.c.Complete
	return l.read(morePrefix)
}

// Ask reads an answer to a question, without history and not from a paste. Esc and Ctrl-C discard it. If complete is
// not nil, it works like Config.Complete, and the box opens with the question.
func (l *Reader) Ask(question string, complete func(before string) (start int, list []Suggestion)) (string, error) {
	l.plain, l.offers = true, complete
	return l.read(question)
}

// Pasted returns the lines of a paste that are not read yet, so that the caller can ask before it runs them.
func (l *Reader) Pasted() []string { return l.pasted }

// UseHistory replaces the history for the next Reads.
func (l *Reader) UseHistory(h *History) { l.c.History = h }

// Edit opens text in the user's editor and returns the result. kind is the extension of the temporary file. It must
// not be called during a Read.
func (l *Reader) Edit(kind, text string) (string, error) { return runEditor(l.c, kind, text) }

// Begin sets the initial text of the next line.
func (l *Reader) Begin(text string) { l.tail = onScreen(text) }

// ResetIdle restarts the idle time after keys that Read did not see, such as those of a password.
func (l *Reader) ResetIdle() { l.idle.Reset() }

// DropPasted discards the rest of a paste and typed-ahead input, after a command was cancelled or pasted lines were
// declined.
func (l *Reader) DropPasted() { l.pasted, l.tail, l.in = nil, "", tokenizer{} }

// Wake redraws the box, unless a row is selected, because Complete has new data. It may be called from any goroutine.
func (l *Reader) Wake() {
	l.woken.Store(true)
	l.tty.poke()
}

// Restore restores the terminal's mode. It may be called from any goroutine, for example one that panics during a
// Read.
func (l *Reader) Restore() { l.tty.restore("\x1b[J\r\n") }

// Close restores the terminal and stops handling signals.
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

// waiting returns the next line that was pasted or typed ahead completely.
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

// input edits one line, with the terminal in raw mode.
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
	finished := false
	defer func() {
		l.tty.restore("")
		if !finished {
			l.ended.Store(true)
		}
	}()
	text = l.ui.input()
	finished = true
	return text, nil
}

func (l *Reader) say(err error) { _, _ = fmt.Fprintln(l.c.Out, "error:", err) }
