package shell

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"crm/commands"
)

// A Terminal is what a conversation at the prompt needs.
type Terminal struct {
	In, Out  *os.File
	History  *History
	Editor   string
	Color    bool
	OnSignal func(os.Signal) // told of TERM, HUP and QUIT with the terminal restored
}

// Converse reads commands at the prompt until the user leaves. Errors of commands are printed, not
// returned.
func (sh *Shell) Converse(ctx context.Context, t Terminal) error {
	var line *Line
	c := &completer{session: func() *commands.Session { return sh.Session }, now: time.Now, wake: func() { line.Wake() }}
	c.forget()
	line, err := OpenLine(LineConfig{
		In: t.In, Out: t.Out, Prefix: sh.prefix, Complete: c.complete,
		History: t.History, Editor: t.Editor, Color: t.Color, OnSignal: t.OnSignal,
	})
	if err != nil {
		return err
	}
	defer line.Close()
	sh.asks = line.Ask
	for {
		text, err := readCommand(line)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, ErrDiscarded), err == nil && strings.TrimSpace(text) == "":
			continue
		case err != nil:
			return err
		}
		if t.History != nil {
			_ = t.History.Add(text)
		}
		err = sh.do(ctx, text, true)
		if errors.Is(err, commands.ErrExit) {
			return nil
		}
		if err != nil {
			sh.fail(err)
		}
		c.forget()
	}
}

// readCommand reads a command, on as many lines as it takes.
func readCommand(line *Line) (string, error) {
	text, err := line.Read()
	for err == nil && commands.Open(text) {
		var more string
		more, err = line.ReadMore()
		text += "\n" + more
	}
	return text, err
}

// prefix is the prompt: the signed-in user's name before "crm> ".
func (sh *Shell) prefix() string {
	if sh.Session.Me == nil {
		return "crm> "
	}
	name, _, _ := strings.Cut(sh.Session.Me.Email, "@")
	return name + " crm> "
}

// ConversePlainly is Converse for a terminal that cannot move its cursor: the prompt is text, and
// nothing is completed.
func (sh *Shell) ConversePlainly(ctx context.Context, in io.Reader) error {
	from := newLines(in)
	sh.asks = func(question string) (string, error) {
		_, _ = io.WriteString(sh.Words, question)
		return from.physical()
	}
	for {
		_, _ = io.WriteString(sh.Words, sh.prefix())
		text, _, err := from.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = sh.do(ctx, text, true)
		}
		switch {
		case errors.Is(err, commands.ErrExit):
			return nil
		case errors.Is(err, errUnreadable):
			return err
		case err != nil:
			sh.fail(err)
		}
	}
}
