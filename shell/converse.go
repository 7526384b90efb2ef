package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"crm/commands"
	"crm/shell/line"
	"crm/shell/render"
)

// A Terminal is what a conversation at the prompt needs.
type Terminal struct {
	In, Out  *os.File
	History  func(user string) *line.History // of a user of this database, empty for nobody; nil keeps none
	Editor   string                          // a command of the shell; empty: none
	Color    bool
	OnSignal func(os.Signal) // told of TERM, HUP, QUIT, and INT while a line is read, with the terminal restored
}

// A conversation is one Converse.
type conversation struct {
	*Shell
	terminal  Terminal
	reader    *line.Reader
	completer *completer
	history   *line.History
	user      string // whose history it is
	agreed    bool   // to run what is left of a paste
}

// Converse reads commands at the prompt until the user leaves. Errors of commands are printed, not
// returned.
func (sh *Shell) Converse(ctx context.Context, t Terminal) error {
	c := &conversation{Shell: sh, terminal: t}
	c.completer = newCompleter(func() *commands.Session { return sh.Session }, func() { c.reader.Wake() })
	c.remember("")
	reader, err := line.Open(line.Config{
		In: t.In, Out: t.Out, Prefix: sh.prefix, Complete: c.completer.complete,
		History: c.history, Editor: t.Editor, Color: t.Color, OnSignal: t.OnSignal,
		LastArgument: sh.lastID,
		Idle:         sh.idle, Now: sh.Clock, Unlock: func() bool { return c.unlock(ctx) },
	})
	if err != nil {
		return err
	}
	c.reader = reader
	defer reader.Close()
	sh.declines = "Esc"
	sh.asks = func(question string, blank *commands.Blank) (string, error) {
		if blank == nil {
			return reader.Ask(question, nil)
		}
		complete := func(before string) (int, []line.Suggestion) { return c.completer.answer(*blank, before) }
		return reader.Ask(question, complete)
	}
	sh.Session.Editor = reader.Edit
	sh.Session.Retype = reader.Begin
	_, _ = io.WriteString(t.Out, saveTitle)
	defer func() { _, _ = io.WriteString(t.Out, restoreTitle) }()
	c.greet(ctx)
	for {
		c.settle()
		text, err := readCommand(reader)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, line.ErrDiscarded), err == nil && strings.TrimSpace(text) == "" && c.Session.Next == "":
			continue
		case err == nil && strings.TrimSpace(text) == "":
			text = "next"
		case err != nil:
			return err
		}
		if c.run(ctx, text) {
			return nil
		}
	}
}

// run does one command of the prompt; it reports whether it was the last.
func (c *conversation) run(ctx context.Context, text string) (leave bool) {
	if !c.agreesToPaste(text) {
		c.reader.DropPasted()
		return false
	}
	if c.history != nil {
		_ = c.history.Add(text)
	}
	before := c.Session.Me
	r, redirected, err := commands.ParseRedirection(text)
	switch {
	case err != nil:
	case redirected:
		err = c.redirect(ctx, r)
	default:
		err = c.do(ctx, text, true)
	}
	switch {
	case errors.Is(err, commands.ErrExit):
		return true
	case err != nil:
		c.fail(err)
	}
	if errors.Is(err, context.Canceled) {
		c.reader.DropPasted()
	}
	c.completer.used(c.values)
	if c.Session.Me != before {
		c.reader.ResetIdle() // who signed in typed a password
		c.completer.forget()
		c.greet(ctx)
	} else if c.did.MayHaveWritten() {
		c.completer.forget()
	}
	return false
}

// lastID returns the ID of the record that was shown alone or made last; empty if there is none.
func (sh *Shell) lastID() string {
	if sh.Session.LastID == 0 {
		return ""
	}
	return strconv.FormatInt(sh.Session.LastID, 10)
}

// unlock is Shell.unlock; who could not leaves nothing that was read for them.
func (c *conversation) unlock(ctx context.Context) bool {
	unlocked := c.Shell.unlock(ctx)
	if !unlocked {
		c.completer.forget()
	}
	return unlocked
}

// agreesToPaste asks, once a paste, before several pasted lines run of which any changes data.
func (c *conversation) agreesToPaste(text string) bool {
	left := c.reader.Pasted()
	if len(left) == 0 || c.agreed {
		c.agreed = c.agreed && len(left) > 0
		return true
	}
	writes := 0
	for _, line := range append([]string{text}, left...) {
		if c.Session.Writes(line) {
			writes++
		}
	}
	if writes > 0 {
		verb := "change"
		if writes == 1 {
			verb = "changes"
		}
		if err := c.confirm(context.Background(),
			fmt.Sprintf("run %s, %d of which %s data?", count(len(left)+1, "pasted line"), writes, verb)); err != nil {
			c.say("nothing was run")
			return false
		}
	}
	c.agreed = true
	return true
}

// settle makes the prompt that of the signed-in user: history and window title.
func (c *conversation) settle() {
	user := ""
	if c.Session.Me != nil {
		user = c.Session.Me.Email
	}
	_, _ = io.WriteString(c.terminal.Out, title(strings.TrimSpace(user+" · crm · "+c.Session.DB.Server())))
	if user != c.user {
		c.remember(user)
		c.reader.UseHistory(c.history)
	}
}

// remember opens the history of a user.
func (c *conversation) remember(user string) {
	c.user = user
	if c.terminal.History != nil {
		c.history = c.terminal.History(user)
	}
}

// greet says what waits for whoever has just signed in.
func (c *conversation) greet(ctx context.Context) {
	if c.Session.Me == nil || c.Quiet {
		return
	}
	ctx, stop := context.WithTimeout(ctx, 2*time.Second)
	defer stop()
	for _, line := range commands.Waiting(ctx, c.Session) {
		c.say(line)
	}
}

const (
	saveTitle    = "\x1b[22;0t" // on the terminal's stack (xterm control sequences, XTWINOPS)
	restoreTitle = "\x1b]0;\x07\x1b[23;0t"
)

// title names the window.
func title(text string) string {
	return "\x1b]0;" + render.Escape(strings.Trim(text, " ·")) + "\x07"
}

// readCommand reads a command, on as many lines as it takes.
func readCommand(from *line.Reader) (string, error) {
	text, err := from.Read()
	for err == nil && commands.Open(text) {
		var more string
		more, err = from.ReadMore()
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
	from, away := newLines(UntilDone(ctx, in)), line.NewIdleTimer(sh.idle, sh.Clock)
	sh.declines = "an empty line"
	sh.asks = func(question string, blank *commands.Blank) (string, error) {
		_, _ = io.WriteString(sh.Words, question)
		answer, err := from.physical()
		if err == nil && blank != nil && strings.TrimSpace(answer) == "" {
			err = context.Canceled // without Esc an empty line declines
		}
		return answer, err
	}
	for {
		_, _ = io.WriteString(sh.Words, sh.prefix())
		text, _, err := from.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && away.Expired() {
			sh.unlock(ctx)
			text = "" // whose line it is, nobody knows
		}
		if err == nil {
			away.Reset()
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
