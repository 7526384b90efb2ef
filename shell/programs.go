package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"crm/commands"
	"crm/shell/line"
)

// This file hands an answer to programs: customer list | sort | head -3. The programs are started without a shell and
// in the environment of the editor. The last one writes where the answer would have gone.

// resetScreen leaves the alternate screen, shows the cursor, and turns off colours and the keypad's application mode.
const resetScreen = "\x1b[?47l\x1b[?25h\x1b[0m\x1b[?1l\x1b>"

// toPrograms starts the programs, each of which reads what the one before writes, calls write with Data going to the
// first one, and waits for them. It returns the error of write, or else that of a program. A program that stops
// reading is no error.
func (sh *Shell) toPrograms(ctx context.Context, programs [][]string, write func() error) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt) // Ctrl-C goes to the programs too and must not end crm
	defer stop()
	back := sh.keepTerminal()
	started, in, err := start(programs, sh.Data, sh.Words)
	if err == nil {
		err = sh.into(in, write)
	}
	if in != nil {
		_ = in.Close()
	}
	failed := await(started)
	back(failed)
	switch {
	case err != nil && !errors.Is(err, syscall.EPIPE):
		return err
	case failed != nil && ctx.Err() != nil:
		return context.Canceled
	}
	return failed
}

// keepTerminal returns a function that restores the terminal's mode, and the screen after a program that was killed.
func (sh *Shell) keepTerminal() (back func(failed error)) {
	if !sh.Screen.Terminal {
		return func(error) {}
	}
	tty, err := sh.Secrets.TTY()
	if err != nil {
		return func(error) {}
	}
	mode, err := term.GetState(int(tty.Fd()))
	return func(failed error) {
		if err == nil {
			_ = term.Restore(int(tty.Fd()), mode)
		}
		if errors.As(failed, new(killed)) {
			_, _ = io.WriteString(tty, resetScreen)
		}
		_ = tty.Close()
	}
}

// start starts the programs in a row, the last one first. It returns those that were started, also with an error, and
// the input of the first one, which the caller must close.
func start(programs [][]string, out, words io.Writer) (started []*exec.Cmd, in *os.File, err error) {
	for i := len(programs) - 1; i >= 0; i-- {
		read, write, err := os.Pipe()
		if err != nil {
			return started, in, fmt.Errorf("start %s: %w", programs[i][0], err)
		}
		cmd := exec.Command(programs[i][0], programs[i][1:]...)
		cmd.Env = line.OutsideEnvironment()
		cmd.Stdin, cmd.Stdout, cmd.Stderr = read, out, words
		err = cmd.Start()
		_ = read.Close()
		if in != nil {
			_ = in.Close() // the program has its own copy
		}
		in, out = write, write
		if err != nil {
			text := fmt.Sprintf("%s cannot be started: %v", programs[i][0], cause(err))
			return started, in, commands.Explain(text, "", commands.ErrOutput)
		}
		started = append(started, cmd)
	}
	return started, in, nil
}

// cause returns the error of the system without the name of the file.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// killed is the error of a program that a signal ended.
type killed struct{ error }

func (k killed) Unwrap() error { return k.error }

// await waits for the programs and returns the first error, in their order. The signal for a closed pipe is none, that
// of Ctrl-C is context.Canceled.
func await(started []*exec.Cmd) (failed error) {
	for _, cmd := range started {
		err := cmd.Wait()
		var exit *exec.ExitError
		if failed != nil || !errors.As(err, &exit) {
			continue
		}
		status, _ := exit.Sys().(syscall.WaitStatus)
		switch {
		case status.Signaled() && status.Signal() == syscall.SIGPIPE:
		case status.Signaled() && status.Signal() == syscall.SIGINT: // Ctrl-C goes to the programs and to the shell
			failed = killed{context.Canceled}
		case status.Signaled():
			failed = killed{commands.Explain(fmt.Sprintf("%s was ended: %v", cmd.Args[0], status.Signal()), "",
				commands.ErrOutput)}
		default:
			failed = commands.Explain(fmt.Sprintf("%s ended with status %d", cmd.Args[0], exit.ExitCode()), "",
				commands.ErrOutput)
		}
	}
	return failed
}
