package line

import (
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	runewidth "github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

const (
	maxRows        = 8   // rows of the box
	maxSuggestions = 100 // go-prompt lays out all of them at each key
	minBoxWidth    = 8   // columns; go-prompt's layout fails with fewer
	searchPrefix   = "(history) "
)

// look reads the window's size, or assumes one if the system returns none. It reports whether a line of more than one
// row is now wrapped at another column.
func (l *Reader) look() (rewrapped bool) {
	cols, rows, err := term.GetSize(int(l.c.Out.Fd()))
	if err != nil || cols <= 0 || rows <= 0 {
		cols, rows = 80, 24
	}
	cols = max(cols, 4) // go-prompt draws nothing in less
	rewrapped = cols != l.cols && l.cols > 0 && (l.height(l.cols) > 1 || l.height(cols) > 1)
	l.cols, l.rows = cols, rows
	return rewrapped
}

// height returns the number of rows of the line in a window of cols columns.
func (l *Reader) height(cols int) int {
	return (runewidth.StringWidth(l.prefix())+runewidth.StringWidth(string(l.now.text)))/cols + 1
}

func (l *Reader) prefix() string {
	if l.search != nil {
		return searchPrefix
	}
	return l.begins
}

// walked reports whether the last key moved in the history.
func (l *Reader) walked() bool {
	return l.held == nil && l.search == nil && (l.given == "up" || l.given == "down")
}

// observe records the line after a key.
func (l *Reader) observe(now line) {
	text := string(now.text)
	if l.held != nil { // the selected row was accepted
		l.held, l.search = nil, nil
		if l.given == "accept" {
			l.closed = &text
		}
	}
	if l.search == nil {
		l.ed.observe(now, l.given == "text")
	}
	if l.walked() {
		l.closed = &text // the box opens only while a line is typed
	}
	l.now = now
}

// boxRows returns how many rows of the box fit under the line.
func (l *Reader) boxRows() int {
	if l.cols-runewidth.StringWidth(l.prefix()) < minBoxWidth {
		return 0
	}
	return max(0, min(maxRows, l.rows-l.height(l.cols)))
}

// columnsAbove returns the number of columns, in whole rows, that are scrolled out above the window by a long line.
func (l *Reader) columnsAbove() int { return max(0, l.height(l.cols)-l.rows) * l.cols }

// suggestions returns the rows of the box for the current line.
func (l *Reader) suggestions() []Suggestion {
	text := string(l.now.text)
	l.whole = false
	asked := l.opened != nil && *l.opened == text
	switch {
	case l.idle.Expired():
		return nil
	case l.search != nil:
		l.word = 0
		return l.found(text)
	case l.offers == nil, l.closed != nil && *l.closed == text, text == "" && !asked && !l.plain:
		return nil
	}
	before := asTyped(string(l.now.before()))
	start, list := l.offers(before)
	if start < 0 || start > len(before) || start > 0 && before[start-1] >= utf8.RuneSelf {
		return nil
	}
	l.word = utf8.RuneCountInString(before[:start])
	rows := make([]Suggestion, 0, min(len(list), maxSuggestions))
	for _, s := range list {
		if len(rows) == maxSuggestions {
			break
		}
		if s.Text == "" && s.Description != "" {
			s.Text = " " // a hint: go-prompt does not show empty rows, and a space changes nothing
		}
		if s.Text == printable(s.Text) && s.Text != "" {
			rows = append(rows, Suggestion{s.Text, printable(s.Description)})
		}
	}
	if len(rows) == 1 && rows[0].Text == before[start:] {
		l.whole = true
		return nil
	}
	return rows
}

// withoutWord returns the line without the word to complete.
func (l *Reader) withoutWord(now line) line {
	if l.search != nil {
		return line{}
	}
	start := min(l.word, now.at)
	return line{slices.Concat(now.text[:start], now.text[now.at:]), start}
}

// boxIsOpen reports whether selectable rows are shown.
func (l *Reader) boxIsOpen() bool {
	return len(l.ui.shown) > 0 && strings.TrimSpace(l.ui.shown[0].Text) != ""
}

// completesAlone reports whether Tab completes without a choice: there is one suggestion, or the word is complete and
// needs a space.
func (l *Reader) completesAlone() bool {
	one := len(l.ui.shown) == 1 && l.boxIsOpen()
	return one || l.whole && !l.plain && l.now.at == len(l.now.text)
}

// completeWord replaces the word with the only suggestion. At the end of the line it adds a space, but not after a
// directory or in an answer.
func (l *Reader) completeWord() {
	if len(l.ui.shown) == 1 {
		text := []rune(l.ui.shown[0].Text)
		l.ed.line = l.withoutWord(l.ed.line)
		l.ed.insert(text)
		if text[len(text)-1] == filepath.Separator {
			return
		}
	}
	if !l.plain && l.ed.at == len(l.ed.text) {
		l.ed.insert([]rune{' '})
	}
}

// openBox opens the closed box for a line.
func (l *Reader) openBox(now line) {
	if text := string(now.text); l.given == "tab" || l.given == "backtab" {
		l.opened, l.closed = &text, nil
	}
}

// unselect restores the line before a row was selected.
func (l *Reader) unselect() {
	if l.held != nil {
		l.ed.line, l.held = *l.held, nil
	}
}

// cancel closes the box, or ends the search.
func (l *Reader) cancel() {
	switch {
	case l.search != nil:
		l.ed.line, l.search, l.held = *l.search, nil, nil
	default:
		l.unselect()
	}
	text := string(l.ed.text)
	l.closed = &text
}

// startSearch starts a search for the line's text in the history.
func (l *Reader) startSearch() {
	was := l.ed.line
	l.held = nil
	l.search = &was
	l.ed.end()
}

// takeFound ends the search and puts the first match into the line.
func (l *Reader) takeFound() {
	if found := l.found(string(l.ed.text)); len(found) > 0 {
		l.ed.line = newLine(found[0].Text, len(found[0].Text))
		l.search = nil
		text := found[0].Text
		l.closed = &text
		return
	}
	l.cancel()
}

// found returns the lines of the history that contain the text, the latest first, without duplicates.
func (l *Reader) found(text string) []Suggestion {
	text = strings.ToLower(text)
	var list []Suggestion
	seen := map[string]bool{}
	for _, entry := range slices.Backward(l.past) {
		if !seen[entry] && strings.Contains(strings.ToLower(entry), text) {
			seen[entry] = true
			list = append(list, Suggestion{Text: entry})
		}
		if len(list) == maxSuggestions {
			break
		}
	}
	return list
}
