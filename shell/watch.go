package shell

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"crm/commands"
	"crm/repo"
	"crm/shell/line"
	"crm/shell/render"
)

// This file repeats a command in place and highlights what has changed since the previous run.

const (
	home      = "\x1b[H"      // moves the cursor to the upper left corner
	clearLine = "\x1b[K"      // clears the rest of the line
	clearRest = "\x1b[J"      // clears the rest of the screen
	other     = "\x1b[?1049h" // the alternate screen
	back      = "\x1b[?1049l"
	reverse   = "\x1b[7m"
	plain     = "\x1b[0m"
)

// watch repeats a command on the alternate screen until ctx ends. It shows an error and goes on, but it stops at the
// end of the session and at the idle time that locks the prompt.
func (sh *Shell) watch(ctx context.Context, every time.Duration, command string) error {
	_, _ = io.WriteString(sh.Data, other)
	defer func() { _, _ = io.WriteString(sh.Data, back) }()
	tick := time.NewTicker(every)
	defer tick.Stop()
	var before []string
	away := line.NewIdleTimer(sh.idle, sh.Clock)
	for {
		lines := strings.Split(strings.TrimRight(sh.frame(ctx, command), "\n"), "\n")
		if ctx.Err() != nil {
			return nil
		}
		if sh.Session.Me == nil {
			return fmt.Errorf("%w: your session has ended: sign in again", repo.ErrSignedOut)
		}
		head := fmt.Sprintf("every %s: %s · %s", every, command,
			sh.Session.Locale.Now().In(sh.Session.Locale.Zone).Format("15:04:05"))
		_, _ = io.WriteString(sh.Data, sh.repaint(head, lines, before))
		before = lines
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if away.Expired() {
			sh.say("watch has ended: no key was pressed for " + strings.TrimSuffix(sh.Idle.String(), "0s"))
			return nil
		}
	}
}

// frame returns an answer as text, without colour, so that its lines can be compared.
func (sh *Shell) frame(ctx context.Context, line string) string {
	answer, err := sh.dispatch(ctx, line, false)
	if err != nil {
		text, _ := commands.Describe(err)
		return "error: " + render.Escape(text)
	}
	var b bytes.Buffer
	style := sh.style(answer.Format)
	style.Color = false
	if err := render.Write(&b, answer.Output, style); err != nil {
		return "error: " + err.Error()
	}
	if answer.Output.Columns != nil && !answer.Output.Single {
		b.WriteString(footer(answer.Output, commands.Destination{}, render.Hidden(answer.Output, style), ""))
	}
	return b.String()
}

// repaint draws as much of a frame as the screen holds over the previous one. Changes are in reverse video.
func (sh *Shell) repaint(head string, lines, before []string) string {
	height := 24
	if sh.Screen.Height != nil {
		height = sh.Screen.Height()
	}
	var b strings.Builder
	b.WriteString(home + render.Cut(render.Escape(head), sh.width()) + clearLine)
	for i, line := range lines {
		if i+2 > height {
			break
		}
		was := line
		if before != nil {
			was = ""
			if i < len(before) {
				was = before[i]
			}
		}
		b.WriteString("\r\n" + highlight(line, was) + clearLine)
	}
	b.WriteString(clearRest)
	return b.String()
}

// highlight returns a line with changes in reverse video: changed cells of a table, even if they have moved, or
// changed words of other text.
func highlight(line, was string) string {
	now, then := strings.Split(line, "│"), strings.Split(was, "│")
	switch {
	case line == was, strings.Trim(line, "─┌┬┐├┼┤└┴┘") == "":
		return line
	case len(now) == 1 || len(now) != len(then):
		return changedWords(line, was)
	}
	for i, cell := range now {
		if !sameCell(strings.TrimSpace(cell), strings.TrimSpace(then[i])) {
			now[i] = changedWords(cell, then[i])
		}
	}
	return strings.Join(now, "│")
}

// sameCell reports whether two texts may show the same value, even if one of them is cut.
func sameCell(a, b string) bool {
	whole, cutA := strings.CutSuffix(a, "…")
	part, cutB := strings.CutSuffix(b, "…")
	return a == b || cutA && strings.HasPrefix(b, whole) || cutB && strings.HasPrefix(a, part)
}

// changedWords highlights the words that differ from those at the same place before.
func changedWords(line, was string) string {
	now, then := []rune(line), []rune(was)
	var b strings.Builder
	for i := 0; i < len(now); {
		end := i + 1
		for end < len(now) && (now[end] == ' ') == (now[i] == ' ') {
			end++
		}
		word := string(now[i:end])
		if now[i] != ' ' && (end > len(then) || string(then[i:end]) != word) {
			word = reverse + word + plain
		}
		b.WriteString(word)
		i = end
	}
	return b.String()
}

func (sh *Shell) width() int {
	if sh.Screen.Width == nil {
		return 80
	}
	return sh.Screen.Width()
}
