package shell

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/term"

	"crm/commands"
)

// This file begins a conversation: where its commands come from, where its answers go, and the greeting.

// Scripts are what -c and -f give, or stdin if it is no terminal; nil means the prompt. Call done after them.
func Scripts(lines []string, file string, stdin *os.File) (scripts []Script, done func(), err error) {
	done = func() {}
	for _, l := range lines {
		scripts = append(scripts, Script{Text: strings.NewReader(l)})
	}
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, done, fmt.Errorf("%w: the script cannot be read: %w", commands.ErrUsage, err)
		}
		return append(scripts, Script{Name: filepath.Base(file), Text: f}), func() { _ = f.Close() }, nil
	}
	if scripts == nil && !term.IsTerminal(int(stdin.Fd())) {
		scripts = []Script{{Name: "stdin", Text: stdin}}
	}
	return scripts, done, nil
}

// ScreenOf is the screen that out is, if it is one.
func ScreenOf(out *os.File) Screen {
	terminal := term.IsTerminal(int(out.Fd()))
	return Screen{
		Terminal: terminal,
		Color:    terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
		Width: func() int {
			width, _, err := term.GetSize(int(out.Fd()))
			if err != nil || width <= 0 {
				return 80
			}
			return width
		},
	}
}

// A Welcome is how a conversation with a person begins.
type Welcome struct {
	Words       []string // said first, a line each
	HistoryFile string
	HistorySize int // in lines
}

// Meet converses with the person at the terminal until they leave. Ctrl-C is the command's or the line's, never the
// conversation's; a signal that ends it is returned, 0 if there was none.
func (sh *Shell) Meet(ctx context.Context, in, out *os.File, w Welcome) (ended syscall.Signal, err error) {
	for _, words := range w.Words {
		sh.say(words)
	}
	if !IsTerminal(in, out) {
		return 0, sh.ConversePlainly(ctx, in)
	}
	history, err := OpenHistory(w.HistoryFile, w.HistorySize, nil)
	if err != nil {
		sh.say("warning: " + err.Error())
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	editor := os.Getenv("VISUAL")
	if editor == "" {
		editor = os.Getenv("EDITOR")
	}
	signals := make(chan syscall.Signal, 1)
	err = sh.Converse(ctx, Terminal{
		In: in, Out: out, History: history, Editor: editor, Color: sh.Screen.Color,
		OnSignal: func(s os.Signal) {
			if n, ok := s.(syscall.Signal); ok {
				select {
				case signals <- n:
				default: // one is enough
				}
			}
			cancel()
		},
	})
	select {
	case ended = <-signals:
	default:
	}
	return ended, err
}

// LogFile is a file that is made, for its owner alone, when there is something to write.
func LogFile(path string) io.Writer { return logFile(path) }

type logFile string

func (path logFile) Write(b []byte) (int, error) {
	if err := os.MkdirAll(filepath.Dir(string(path)), 0o700); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(string(path), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Write(b)
}
