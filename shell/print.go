package shell

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"crm/commands"
	"crm/shell/render"
)

// This file prints answers, messages and errors.

// print writes an answer: first its data, then its messages.
func (sh *Shell) print(ctx context.Context, a commands.Answer, took time.Duration) error {
	if a.To.File != "" {
		to := a.To
		a.To.File = ""
		return sh.toFile(to.File, func() error { return sh.print(ctx, a, took) })
	}
	if out, ok := sh.Data.(*os.File); commands.IsWorkbook(a.Format) && ok && term.IsTerminal(int(out.Fd())) &&
		a.To.Programs == nil {
		return commands.Explain("a workbook is not for a screen", "name a file with --out FILE.xlsx", commands.ErrUsage)
	}
	style := sh.style(a.Format)
	style.Raw, style.Excel = a.Raw, a.To.Excel
	rows, err := 0, error(nil)
	write := func() (err error) {
		rows, err = sh.printData(ctx, &a, style)
		return err
	}
	if a.To.Programs != nil {
		style.Width, style.Color = 0, sh.Session.Settings.Color == "always"
		err = sh.toPrograms(ctx, a.To.Programs, write)
	} else {
		err = write()
	}
	if err != nil {
		return err
	}
	if sh.written != nil && a.Output.Columns != nil && !a.Output.Quiet {
		sh.written.rows += rows
		sh.written.records = true
	}
	for _, w := range a.Output.Warnings {
		sh.say("warning: " + w)
	}
	if sh.Quiet {
		return nil
	}
	for line := range strings.Lines(a.Output.Message) {
		sh.say(strings.TrimSuffix(line, "\n"))
	}
	people := style.Format == "table" || style.Format == "vertical"
	list := a.Output.Columns != nil && !a.Output.Single && (people || a.Output.Limited) &&
		(sh.written == nil || a.Output.Next+a.Output.More != "") // a file's number of rows is said when it is there
	timing := ""
	if sh.Session.Settings.Timing && a.Command.Name != "" {
		timing = fmt.Sprintf("%.1f ms", float64(took.Microseconds())/1000)
	}
	switch {
	case list:
		sh.say(footer(a.Output, a.To, render.Hidden(a.Output, style), timing))
	case timing != "":
		sh.say(timing)
	}
	return nil
}

// printData writes the text and the records of an answer, and returns the number of records.
func (sh *Shell) printData(ctx context.Context, a *commands.Answer, style render.Style) (rows int, err error) {
	if a.Output.Rest != nil {
		return sh.stream(ctx, a, style)
	}
	var page bytes.Buffer
	if a.Output.Text != "" {
		page.WriteString(strings.TrimRight(a.Output.Text, "\n") + "\n")
	}
	if err := render.Write(&page, a.Output, style); err != nil {
		return 0, err
	}
	return len(a.Output.Rows), commands.Unwritten(sh.Pager.page(sh.Data, page.Bytes()))
}

// stream prints a list while it is read. Then it adds the number of rows to the trail, and warns of values that could
// not be decrypted. Its errors say that the answer is incomplete.
func (sh *Shell) stream(ctx context.Context, a *commands.Answer, style render.Style) (rows int, err error) {
	warning := ""
	show, leave := sh.exporting(ctx, a)
	err = sh.Pager.stream(sh.Data, func(w io.Writer) (err error) {
		rows, err = render.Stream(ctx, w, a.Output, style,
			func(out commands.Output) {
				warning = cmp.Or(warning, commands.Unopened(out))
				show(len(out.Rows))
			})
		return err
	})
	leave()
	if err != nil && ctx.Err() != nil {
		err = context.Canceled // replaces the statement's own error of the cancellation
	}
	sh.Session.NoteExport(context.WithoutCancel(ctx), *a, rows)
	if warning != "" && len(a.Output.Warnings) == 0 {
		a.Output.Warnings = append(a.Output.Warnings, warning)
	}
	switch {
	case sh.written == nil:
		return rows, commands.CutShort(err, rows)
	case errors.Is(err, context.Canceled): // a file appears when it is complete
		err = commands.Explain("cancelled: no file was written", "", context.Canceled)
	}
	return rows, err
}

// say prints a message.
func (sh *Shell) say(message string) { _ = Say(sh.Words, message) }

// Say writes a message. On a terminal it wraps lines between words. It escapes control characters.
func Say(to io.Writer, message string) error {
	message = render.Escape(message)
	if out, ok := to.(*os.File); ok && term.IsTerminal(int(out.Fd())) {
		width, _ := sizeOf(out)
		message = strings.Join(render.Wrap(message, width), "\n")
	}
	_, err := fmt.Fprintln(to, message)
	return err
}

// footer returns the line after a list: the number of rows, which program read them, how to get more, the hidden
// columns, and the time taken.
func footer(out commands.Output, to commands.Destination, hidden []string, timing string) string {
	rows := len(out.Rows)
	text := count(rows, "row")
	if rows == 0 {
		text = "no rows"
	}
	if out.Next+out.More != "" && out.Total != "" {
		text += " of " + out.Total
	}
	if to.Programs != nil {
		text += " given to " + to.Programs[0][0]
	}
	next := ""
	switch {
	case out.Next != "":
		next = "next: " + out.Next
	case out.More != "":
		next = "more: " + out.More
	}
	left := strings.Join(hidden, ", ")
	if left != "" {
		left = "not shown: " + left
	}
	for _, part := range []string{next, left, timing} {
		if part != "" {
			text += " · " + part
		}
	}
	return text
}

func (sh *Shell) style(format string) render.Style {
	set := sh.Session.Settings
	if format == "" {
		format = set.Format
	}
	st := render.Style{Format: format, Locale: sh.Session.Locale, Color: set.Color == "always" || set.Color == "auto" &&
		sh.Screen.Color}
	if sh.Screen.Terminal && sh.Screen.Width != nil {
		st.Width = sh.Screen.Width()
	}
	return st
}

// fail prints an error: its text if a user may read it, else a reference, under which it is also reported.
func (sh *Shell) fail(err error) {
	var at placed
	var done printed
	if errors.As(err, &done) {
		return
	}
	place := ""
	if errors.As(err, &at) {
		place, err = at.place, at.err
	}
	if errors.Is(err, context.Canceled) {
		text := "cancelled"
		if said := err.Error(); strings.HasPrefix(said, text) {
			text = said
		}
		sh.say(text)
		return
	}
	if errors.Is(err, syscall.EPIPE) {
		return // the reader of the answers has closed the pipe
	}
	text, hint := commands.Describe(err)
	if !commands.Readable(err) {
		text = fmt.Sprintf("internal error (reference %s)", sh.Reporter.Failure(sh.who(), err))
	}
	for _, line := range strings.Split(text, "\n") {
		sh.say(place + "error: " + line)
	}
	if hint != "" {
		sh.say("hint: " + hint)
	}
}

// reference returns a random name for a failure.
func reference() string {
	b := make([]byte, 4)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}
