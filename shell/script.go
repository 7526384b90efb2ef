package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"crm/commands"
	"crm/repo"
)

// This file runs scripts: stdin, -c, -f and source.

const (
	longestCommand = 4 << 20 // bytes
	deepestSource  = 16
	rollbackLimit  = 500 * time.Millisecond
)

// A Script is a source of commands, one per line. An open quote or a trailing backslash continues a command on the
// next line.
type Script struct {
	Name string // name in messages: "stdin", "script.crm"; empty for -c
	Text io.Reader
}

// placed is an error with its place: "script.crm:12: ".
type placed struct {
	place string
	err   error
}

func (p placed) Error() string { return p.place + p.err.Error() }
func (p placed) Unwrap() error { return p.err }

// Run runs the scripts in turn and prints errors. It returns the first error, for the exit status; nil if every
// command succeeded.
func (sh *Shell) Run(ctx context.Context, scripts ...Script) error {
	if sh.Atomic {
		return sh.runAtomic(ctx, scripts)
	}
	return sh.runAll(ctx, scripts)
}

// runAll runs the scripts and returns the first error. If a command failed, it prints how many commands succeeded.
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
	if n := sh.Session.DB.Skipped(); n > 0 && !sh.Quiet {
		sh.say(fmt.Sprintf("%s made by an earlier run, not made again", count(int(n), "change")))
	}
	return first
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// runAtomic runs all scripts in one transaction and prints the answers after the commit. Signing in and out are not
// part of the transaction.
func (sh *Shell) runAtomic(ctx context.Context, scripts []Script) error {
	db, commit, rollback, err := sh.Session.DB.Atomic(ctx)
	if errors.Is(err, repo.ErrRepeated) {
		sh.say(err.Error() + ": nothing is left to do")
		return nil
	}
	if err != nil {
		sh.fail(err)
		return err
	}
	sh.Session.DB = db
	sh.Reporter.hold()
	var held []func() error
	sh.held = &held
	err = sh.runAll(ctx, scripts)
	sh.held = nil
	if err == nil {
		if err = commit(ctx); err != nil {
			sh.fail(err)
		}
	}
	if err != nil {
		sh.undo(ctx, rollback)
	}
	if err != nil && !errors.As(err, new(repo.Uncertain)) {
		sh.say("nothing was changed: the script is atomic")
	}
	sh.Reporter.release(err == nil)
	for i := 0; err == nil && i < len(held); i++ {
		if err = held[i](); err != nil {
			sh.fail(err)
		}
	}
	return err
}

// undo rolls an atomic script back. If the network does not respond, it gives up waiting; then the server rolls back.
func (sh *Shell) undo(ctx context.Context, rollback func(context.Context) error) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), rollbackLimit)
	defer stop()
	_ = rollback(ctx)
}

// runScript runs one script and prints its errors. It returns the number of successful commands, whether a command
// ended the conversation, and the first error.
func (sh *Shell) runScript(ctx context.Context, s Script) (ran int, left bool, first error) {
	lines := newLines(UntilDone(ctx, s.Text))
	for {
		text, at, err := lines.next()
		if errors.Is(err, io.EOF) {
			return ran, false, first
		}
		if err == nil && saysNothing(text) {
			continue
		}
		if err == nil {
			var n int
			n, err = sh.runLine(ctx, text)
			ran += n
		}
		if err == nil {
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

// runLine runs one command of a script and returns the number of successful commands: for source those of its file,
// for other commands 1, or 0 after an error.
func (sh *Shell) runLine(ctx context.Context, text string) (ran int, err error) {
	sh.Session.DB.Line(text)
	sh.sourced = nil
	err = sh.runCommand(ctx, text, false)
	switch {
	case sh.sourced != nil:
		ran, sh.sourced = *sh.sourced, nil
	case err == nil:
		ran = 1
	}
	return ran, err
}

// saysNothing reports whether a text is blank or a comment.
func saysNothing(text string) bool {
	words, err := commands.Split(text)
	return err == nil && len(words) == 0
}

// placed adds the script's name and line to an error, unless a sourced file has already added its own.
func (s Script) placed(at int, err error) error {
	var already placed
	if s.Name == "" || errors.As(err, &already) {
		return err
	}
	return placed{fmt.Sprintf("%s:%d: ", s.Name, at), err}
}

// errUnreadable ends a script even with --keep-going.
var errUnreadable = fmt.Errorf("%w: the script cannot be read", commands.ErrUsage)

var errLong = fmt.Errorf("%w: a command is longer than %d bytes", errUnreadable, longestCommand)

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
	ran := 0
	defer func() { sh.depth, sh.sourced = sh.depth-1, &ran }()
	lines := newLines(UntilDone(ctx, f))
	name := filepath.Base(file)
	var first error // already printed, with --keep-going
	for {
		text, at, err := lines.next()
		if errors.Is(err, io.EOF) {
			return first
		}
		if err == nil && !saysNothing(text) {
			var n int
			n, err = sh.runLine(ctx, text)
			ran += n
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
			first = printed{err}
		}
	}
}

// printed is an error that has been printed.
type printed struct{ error }

func (p printed) Unwrap() error { return p.error }

// unreadableFile returns the error of a file of a command that cannot be read.
func unreadableFile(file string, err error) error {
	why := err
	var path *os.PathError
	if errors.As(err, &path) {
		why = path.Err
	}
	return fmt.Errorf("%w", repo.Invalid{Problems: []repo.Problem{{Field: "file " + file, Text: why.Error()}}})
}
