// Package shell runs the conversation. It reads commands from the prompt or a script, dispatches them and prints their
// answers and errors. No other package prints errors; only main exits. Package line reads lines, package render
// formats records; neither imports the other.
package shell

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"time"

	"crm/commands"
	"crm/repo"
	"crm/shell/line"
)

// A Shell is one conversation. Fill the fields, then call [Shell.Converse] or [Shell.Run].
type Shell struct {
	Session  *commands.Session
	Data     io.Writer // answers, and nothing else, so that they can be piped
	Words    io.Writer // messages, warnings, errors
	Screen   Screen
	Secrets  Secrets
	Reporter *Reporter
	Pager    *Pager // nil: none

	Yes       bool // destructive commands do not ask
	Quiet     bool // no messages, only data, warnings and errors
	KeepGoing bool // a script continues after an error
	Atomic    bool // scripts run in one transaction

	Idle  time.Duration    // time without keys after which the prompt locks; 0: never
	Clock func() time.Time // clock for Idle; nil: time.Now

	asks     asker            // asks questions at the prompt; nil in a script
	declines string           // key or line that declines a question: "Esc"
	hasBox   bool             // questions offer their values in a box
	did      commands.Command // the last one
	values   []commands.Use   // values of the last command if it succeeded
	depth    int              // nesting of source
	sourced  *int             // number of commands that the last source ran; nil if the last command was not source
	speak    func()           // turns the echo on again after hush
	held     *[]func() error  // answers of an atomic script, printed after the commit; nil: printed at once
	written  *written         // what goes to a file now; nil: none
}

// A Screen describes the terminal that answers are formatted for.
type Screen struct {
	Terminal bool       // Data is a terminal
	Color    bool       // use colour if `set color` is auto
	Width    func() int // in columns; nil: no limit
	Height   func() int // in lines
}

// Attach sets the session's functions of the shell.
func (sh *Shell) Attach() {
	sh.Secrets.asking = sh.hush
	sh.Session.Secret = func(ctx context.Context, r commands.SecretRequest) (string, error) {
		return sh.Secrets.Read(ctx, r)
	}
	sh.Session.Confirm = sh.confirm
	sh.Session.Choose = sh.choose
	sh.Session.Ask = sh.fill
	sh.Session.Retyped = sh.retyped
	sh.Session.Source = sh.source
	if sh.Screen.Terminal {
		sh.Session.Watch = sh.watch
		sh.Session.Progress = func(what, unit string) (func(done, total int64), func()) {
			return Progress(os.Stderr, what, unit, sh.Quiet)
		}
	}
	sh.Session.Clear = func() {
		if sh.Screen.Terminal {
			_, _ = io.WriteString(sh.Data, "\x1b[H\x1b[2J\x1b[3J")
		}
	}
}

// Leave signs the user out without a message.
func (sh *Shell) Leave() {
	who := sh.who()
	sh.Reporter.events(who, commands.Leave(sh.Session).Events, nil)
}

// do runs one command and prints its answer. Ctrl-C cancels a typed command, but does not end the shell; it ends a
// script with its context.
func (sh *Shell) do(ctx context.Context, line string, typed bool) error {
	if typed {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, os.Interrupt)
		defer stop()
	}
	defer sh.unhush()
	before, began := sh.who(), time.Now()
	answer, err := sh.dispatch(ctx, line, typed)
	sh.did, sh.values = answer.Command, answer.Used
	took := time.Since(began)
	if now := sh.who(); now != before && now != 0 {
		go releaseMemory()
	}
	if err != nil && ctx.Err() != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, commands.ErrExit) &&
		!errors.Is(err, repo.ErrUnanswered) && !errors.As(err, new(repo.Uncertain)) {
		err = context.Canceled // replaces the command's own error of the cancellation
	}
	sh.Reporter.events(cmp.Or(sh.who(), before), answer.Output.Events, err)
	if err != nil {
		return err
	}
	if sh.held != nil && !answer.Command.IsOwnAccount() {
		if err := answer.Output.Gather(ctx); err != nil { // reads the rows in the script's transaction
			return err
		}
		answer.Format = cmp.Or(answer.Format, sh.Session.Settings.Format)
		*sh.held = append(*sh.held, func() error {
			return sh.print(context.WithoutCancel(ctx), answer, took)
		})
		return nil
	}
	return sh.print(ctx, answer, took)
}

// hush turns off the terminal's echo until the end of a command that asks for a secret, so that a secret typed
// before its question is not shown.
func (sh *Shell) hush() {
	if sh.speak != nil {
		return
	}
	if tty, err := sh.Secrets.TTY(); err == nil {
		back := line.DisableEcho(tty)
		sh.speak = func() { back(); _ = tty.Close() }
	}
}

func (sh *Shell) unhush() {
	if sh.speak != nil {
		sh.speak()
		sh.speak = nil
	}
}

// dispatch calls commands.Dispatch and converts a panic to an error.
func (sh *Shell) dispatch(ctx context.Context, line string, typed bool) (answer commands.Answer, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = newCrash(r)
		}
	}()
	return commands.Dispatch(ctx, sh.Session, line, typed)
}

// who returns the ID of the signed-in user; 0 when signed out.
func (sh *Shell) who() int64 {
	if sh.Session.Me == nil {
		return 0
	}
	return sh.Session.Me.ID
}
