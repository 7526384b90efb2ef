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

// A Terminal configures a conversation at the prompt.
type Terminal struct {
	In, Out  *os.File
	History  func(user string) *line.History // history of a user, "" when signed out; nil: no history
	Editor   string                          // a command of the shell; empty: none
	Color    bool
	OnSignal func(os.Signal) // called for TERM, HUP, QUIT, and INT while a line is read, with the terminal restored
}

// A conversation is the state of one call of Converse.
type conversation struct {
	*Shell
	terminal  Terminal
	reader    *line.Reader
	completer *completer
	history   *line.History
	user      string // user of history
	agreed    bool   // the user agreed to run the rest of a paste
}

// Converse runs commands from the prompt until the user leaves. It prints errors of commands and does not return them.
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
	sh.declines, sh.hasBox = "Esc", true
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
		c.showUser()
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

// run runs one command of the prompt, and reports whether the conversation ends.
func (c *conversation) run(ctx context.Context, text string) (leave bool) {
	if !c.agreesToPaste(text) {
		c.reader.DropPasted()
		return false
	}
	if c.history != nil {
		_ = c.history.Add(text)
	}
	before := c.Session.Me
	err := c.runCommand(ctx, text, true)
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
		c.reader.ResetIdle() // typing a password is activity
		c.completer.forget()
		c.greet(ctx)
	} else if c.did.MayHaveWritten() {
		c.completer.forget()
	}
	return false
}

// lastID returns the ID that $_ stands for; "" if there is none.
func (sh *Shell) lastID() string {
	if sh.Session.LastID == 0 {
		return ""
	}
	return strconv.FormatInt(sh.Session.LastID, 10)
}

// unlock calls Shell.unlock. If the user is signed out, it clears the completion cache and the history.
func (c *conversation) unlock(ctx context.Context) bool {
	unlocked := c.Shell.unlock(ctx)
	if !unlocked {
		c.completer.forget()
	}
	go releaseMemory()
	return unlocked
}

// agreesToPaste asks before several pasted lines run if one of them changes data. It asks once per paste.
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

// showUser shows the signed-in user in the window title and switches to their history.
func (c *conversation) showUser() {
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

// remember opens and uses the history of a user.
func (c *conversation) remember(user string) {
	c.user = user
	if c.terminal.History != nil {
		c.history = c.terminal.History(user)
	}
}

// greet prints what awaits a user who has just signed in.
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
	saveTitle    = "\x1b[22;0t" // pushes and pops the title on the terminal's stack (xterm control sequences, XTWINOPS)
	restoreTitle = "\x1b]0;\x07\x1b[23;0t"
)

// title returns the control sequence that sets the window's title.
func title(text string) string {
	return "\x1b]0;" + render.Escape(strings.Trim(text, " ·")) + "\x07"
}

// readCommand reads a command, which may take several lines.
func readCommand(from *line.Reader) (string, error) {
	text, err := from.Read()
	for err == nil && commands.Open(text) {
		var more string
		more, err = from.ReadMore()
		text += "\n" + more
	}
	return text, err
}

// prefix returns the prompt: the signed-in user's name and "crm> ".
func (sh *Shell) prefix() string {
	if sh.Session.Me == nil {
		return "crm> "
	}
	name, _, _ := strings.Cut(sh.Session.Me.Email, "@")
	return name + " crm> "
}

// ConversePlainly is Converse for a terminal that cannot move its cursor: without editing keys and completion.
func (sh *Shell) ConversePlainly(ctx context.Context, in io.Reader) error {
	from, away := newLines(UntilDone(ctx, in)), line.NewIdleTimer(sh.idle, sh.Clock)
	sh.declines, sh.hasBox = "an empty line", false
	sh.asks = func(question string, blank *commands.Blank) (string, error) {
		_, _ = io.WriteString(sh.Words, question)
		answer, err := from.physical()
		if err == nil && blank != nil && strings.TrimSpace(answer) == "" {
			err = context.Canceled // an empty line declines, as Esc is not available
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
			text = "" // the user of this line is unknown
		}
		if err == nil {
			away.Reset()
			err = sh.runCommand(ctx, text, true)
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
