package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"crm/commands"
	"crm/repo"
)

// This file runs scripts: stdin, -c, -f and source.

const (
	longestCommand = 4 << 20 // bytes
	deepestSource  = 16
)

// A Script is a source of commands, one a line unless a line asks for more.
type Script struct {
	Name string // the place in messages: "stdin", "script.crm"; empty for -c
	Text io.Reader
}

// placed is an error with where it happened: "script.crm:12: ".
type placed struct {
	place string
	err   error
}

func (p placed) Error() string { return p.place + p.err.Error() }
func (p placed) Unwrap() error { return p.err }

// Run runs the scripts one after the other and prints what goes wrong. It returns the first error, for
// the exit status; nil when every command did its work.
func (sh *Shell) Run(ctx context.Context, scripts ...Script) error {
	if sh.Atomic {
		return sh.runAtomic(ctx, scripts)
	}
	return sh.runAll(ctx, scripts)
}

// runAll says how many commands ran where one failed, and returns the first error.
func (sh *Shell) runAll(ctx context.Context, scripts []Script) (first error) {
	ran := 0
	for _, s := range scripts {
		n, left, err := sh.runScript(ctx, s)
		ran += n
		if first == nil {
			first = err
		}
		if left || err != nil && !sh.KeepGoing {
			break
		}
	}
	if first != nil && !sh.Quiet && !errors.Is(first, syscall.EPIPE) {
		sh.say(fmt.Sprintf("%s ran", count(ran, "command")))
	}
	return first
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// runAtomic runs all of it in one transaction. Signing in and out stay outside of it.
func (sh *Shell) runAtomic(ctx context.Context, scripts []Script) error {
	db, commit, rollback, err := sh.Session.DB.Atomic(ctx)
	if err != nil {
		sh.fail(err)
		return err
	}
	sh.Session.DB = db
	sh.Reporter.hold()
	err = sh.runAll(ctx, scripts)
	if err == nil {
		if err = commit(ctx); err != nil {
			sh.fail(err)
		}
	}
	if err != nil {
		_ = rollback(context.WithoutCancel(ctx))
		sh.say("nothing was changed: the script is atomic")
	}
	sh.Reporter.release(err == nil)
	return err
}

// runScript runs one script, printing its errors; it returns the number of commands that did their work, whether
// one of them was to leave, and the first error.
func (sh *Shell) runScript(ctx context.Context, s Script) (ran int, left bool, first error) {
	lines := newLines(s.Text)
	for {
		text, at, err := lines.next()
		if errors.Is(err, io.EOF) {
			return ran, false, first
		}
		if err == nil && saysNothing(text) {
			continue
		}
		if err == nil {
			err = sh.do(ctx, text, false)
		}
		if err == nil {
			ran++
			continue
		}
		if errors.Is(err, commands.ErrExit) {
			return ran, true, first
		}
		err = s.placed(at, err)
		sh.fail(err)
		if first == nil {
			first = err
		}
		if !sh.KeepGoing || errors.Is(err, context.Canceled) || errors.Is(err, errUnreadable) {
			return ran, false, first
		}
	}
}

// saysNothing tells whether a text is blank or a comment.
func saysNothing(text string) bool {
	words, err := commands.Split(text)
	return err == nil && len(words) == 0
}

// placed adds the line to an error, unless a file that the command sourced has said where.
func (s Script) placed(at int, err error) error {
	var already placed
	if s.Name == "" || errors.As(err, &already) {
		return err
	}
	return placed{fmt.Sprintf("%s:%d: ", s.Name, at), err}
}

// errUnreadable ends a script whatever the settings.
var errUnreadable = fmt.Errorf("%w: the script cannot be read", commands.ErrUsage)

var errLong = fmt.Errorf("%w: a command is longer than %d bytes", errUnreadable, longestCommand)

// lines cuts a script into commands.
type lines struct {
	r       *bufio.Reader
	line    int      // of the one that was read last, from 1
	pending []string // lines that were read and belong to no command yet
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReader(r)} }

// next returns the next command and the number of the line that it begins on; io.EOF at the end. Where a quote stays
// open, the error is a [commands.Incomplete], at is the line on which it opens, and the call after it goes on behind
// that line.
func (l *lines) next() (text string, at int, err error) {
	var open commands.Incomplete
	for {
		part, err := l.read()
		switch {
		case errors.Is(err, io.EOF) && text != "":
			return l.giveUp(text, at, nil)
		case err != nil:
			return "", l.line + 1, err
		case at == 0:
			at, text = l.line, part
		default:
			text += "\n" + part
		}
		if len(text) > longestCommand {
			return l.giveUp(text, at, errLong)
		}
		if open.Open != 0 && !open.MayEnd(part) {
			continue
		}
		if _, err := commands.Split(text); !errors.As(err, &open) {
			return text, at, nil
		}
	}
}

// giveUp returns the error of text that ends too early, or otherwise if it has none, and keeps the lines behind the one
// at fault.
func (l *lines) giveUp(text string, at int, otherwise error) (string, int, error) {
	var open commands.Incomplete
	if _, err := commands.Split(text); !errors.As(err, &open) {
		return text, at, otherwise
	}
	all := strings.Split(text, "\n")
	l.line = at + open.Line - 1
	l.pending = append(all[open.Line:], l.pending...)
	return "", l.line, open
}

// read returns the next line.
func (l *lines) read() (string, error) {
	if len(l.pending) == 0 {
		return l.physical()
	}
	text := l.pending[0]
	l.pending = l.pending[1:]
	l.line++
	return text, nil
}

// physical is one line without its end, whichever system wrote it.
func (l *lines) physical() (string, error) {
	var b strings.Builder
	for {
		chunk, err := l.r.ReadSlice('\n')
		b.Write(chunk)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && b.Len() <= longestCommand:
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			return "", errLong
		case err != nil && (!errors.Is(err, io.EOF) || b.Len() == 0):
			if errors.Is(err, io.EOF) {
				return "", io.EOF
			}
			return "", fmt.Errorf("%w: %w", errUnreadable, err)
		}
		l.line++
		text := strings.TrimSuffix(strings.TrimSuffix(b.String(), "\n"), "\r")
		if l.line == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		return text, nil
	}
}

// source runs the commands of a file inside the conversation.
func (sh *Shell) source(ctx context.Context, file string) error {
	if sh.depth >= deepestSource {
		return fmt.Errorf("%w: source goes more than %d files deep", commands.ErrUsage, deepestSource)
	}
	f, err := os.Open(file)
	if err != nil {
		return unreadableFile(file, err)
	}
	defer f.Close()
	sh.depth++
	defer func() { sh.depth-- }()
	lines := newLines(f)
	name := filepath.Base(file)
	var first error // told already, of a script that keeps going
	for {
		text, at, err := lines.next()
		if errors.Is(err, io.EOF) {
			return first
		}
		if err == nil && !saysNothing(text) {
			err = sh.do(ctx, text, false)
		}
		if err == nil {
			continue
		}
		if errors.Is(err, commands.ErrExit) {
			return err
		}
		err = Script{Name: name}.placed(at, err)
		if !sh.KeepGoing || errors.Is(err, context.Canceled) || errors.Is(err, errUnreadable) {
			return err
		}
		sh.fail(err)
		if first == nil {
			first = told{err}
		}
	}
}

// told is an error that has been printed.
type told struct{ error }

func (t told) Unwrap() error { return t.error }

// unreadableFile says why a file that a command names cannot be read.
func unreadableFile(file string, err error) error {
	why := err
	var path *os.PathError
	if errors.As(err, &path) {
		why = path.Err
	}
	return fmt.Errorf("%w", repo.Invalid{Problems: []repo.Problem{{Field: "file " + file, Text: why.Error()}}})
}
