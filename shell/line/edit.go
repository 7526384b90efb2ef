package line

import (
	"slices"
	"unicode"
)

const maxUndo = 200

// An editor holds the edited line, the cut text and the states for undo. It is independent of the terminal.
type editor struct {
	line
	cut    []rune // text that Ctrl-Y inserts
	cutKey int    // number of the key that cut; a cut by the next key is appended
	undo   []line
	last   line // after the previous key
	typing bool // last was reached by typing inside a word
}

// A line is a text and the cursor's position in it.
type line struct {
	text []rune
	at   int
}

func newLine(text string, at int) line {
	runes := []rune(text)
	return line{runes, min(at, len(runes))}
}

func (l line) before() []rune { return l.text[:l.at] }

// begin clears the line and the undo states. It keeps the cut text.
func (e *editor) begin() {
	e.line, e.last = line{}, line{}
	e.undo, e.typing, e.cutKey = nil, false, -1
}

// observe records the line after a key for undo. A typed word is one undo step, and so is each other change.
func (e *editor) observe(now line, typed bool) {
	if slices.Equal(now.text, e.last.text) {
		e.last.at = now.at
		return
	}
	if !typed || !e.typing {
		e.undo = append(e.undo, e.last)
		e.undo = e.undo[max(0, len(e.undo)-maxUndo):]
	}
	e.typing = typed && now.at > 0 && !unicode.IsSpace(now.text[now.at-1])
	e.last = now
}

func (e *editor) undone() {
	if n := len(e.undo); n > 0 {
		e.line, e.last = e.undo[n-1], e.undo[n-1]
		e.undo, e.typing = e.undo[:n-1], false
	}
}

func (e *editor) home()  { e.at = 0 }
func (e *editor) end()   { e.at = len(e.text) }
func (e *editor) left()  { e.at = max(0, e.at-1) }
func (e *editor) right() { e.at = min(len(e.text), e.at+1) }

func (e *editor) wordLeft()  { e.at = e.wordStart(inWord) }
func (e *editor) wordRight() { e.at = e.wordEnd() }

func (e *editor) backspace() { e.remove(max(0, e.at-1), e.at) }
func (e *editor) delete()    { e.remove(e.at, min(len(e.text), e.at+1)) }

func (e *editor) cutLeft(key int)      { e.take(0, e.at, key) }
func (e *editor) cutRight(key int)     { e.take(e.at, len(e.text), key) }
func (e *editor) cutArgument(key int)  { e.take(e.wordStart(notSpace), e.at, key) }
func (e *editor) cutWordLeft(key int)  { e.take(e.wordStart(inWord), e.at, key) }
func (e *editor) cutWordRight(key int) { e.take(e.at, e.wordEnd(), key) }

func (e *editor) yank() { e.insert(e.cut) }

// transpose swaps the two characters around the cursor, or the last two at the end.
func (e *editor) transpose() {
	if e.at == 0 || len(e.text) < 2 {
		return
	}
	e.at = min(e.at, len(e.text)-1)
	text := slices.Clone(e.text)
	text[e.at-1], text[e.at] = text[e.at], text[e.at-1]
	e.text, e.at = text, e.at+1
}

func (e *editor) insert(s []rune) {
	e.text = slices.Concat(e.text[:e.at], s, e.text[e.at:])
	e.at += len(s)
}

func (e *editor) remove(from, to int) {
	e.text = slices.Concat(e.text[:from], e.text[to:])
	e.at = from
}

// take cuts a part out. Cuts by consecutive keys are joined.
func (e *editor) take(from, to, key int) {
	part := slices.Clone(e.text[from:to])
	switch {
	case len(part) == 0:
		return
	case e.cutKey < 0 || key != e.cutKey+1:
		e.cut = part
	case to == e.at:
		e.cut = append(part, e.cut...)
	default:
		e.cut = append(e.cut, part...)
	}
	e.cutKey = key
	e.remove(from, to)
}

func (e *editor) wordStart(is func(rune) bool) int {
	i := e.at
	for i > 0 && !is(e.text[i-1]) {
		i--
	}
	for i > 0 && is(e.text[i-1]) {
		i--
	}
	return i
}

func (e *editor) wordEnd() int {
	i := e.at
	for i < len(e.text) && !inWord(e.text[i]) {
		i++
	}
	for i < len(e.text) && inWord(e.text[i]) {
		i++
	}
	return i
}

func inWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '_'
}

func notSpace(r rune) bool { return !unicode.IsSpace(r) && r != lineBreak }
