package line

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"unicode/utf8"

	prompt "github.com/c-bata/go-prompt"
	runewidth "github.com/mattn/go-runewidth"
)

// This is the only file that imports go-prompt. It uses go-prompt's buffer, box, history and drawing, but never its
// loops: Prompt.Run can deadlock on a resize and swallows SIGTERM, and Prompt.Input polls, so that a key waits up to
// 10 ms. It replaces go-prompt's input and output, which have most of its other defects.

// A widget edits a line with the parts of a prompt.Prompt, three of which its options cannot set.
type widget struct {
	*prompt.Prompt
	renderer   *prompt.Render
	completion *prompt.CompletionManager
	history    *prompt.History
	buffer     *prompt.Buffer
	screen     *screen
	shown      []prompt.Suggest  // the rows of the box
	actions    map[string]func() // by their codes
	l          *Reader
}

func newWidget(l *Reader) (*widget, error) {
	out := prompt.NewStdoutWriter()
	if l.c.Out.Fd() == os.Stderr.Fd() {
		out = prompt.NewStderrWriter()
	}
	w := &widget{l: l, screen: &screen{ConsoleWriter: out, l: l}, actions: map[string]func(){}}
	w.screen.fills = fills(os.Getenv("TERM"))
	for name, do := range l.actions() {
		w.actions[code(name)] = do
	}
	w.Prompt = prompt.New(func(string) {}, func(prompt.Document) []prompt.Suggest { return w.shown },
		prompt.OptionWriter(w.screen),
		prompt.OptionLivePrefix(func() (string, bool) { return l.prefix(), true }),
		prompt.OptionPrefixTextColor(prompt.Turquoise),
		prompt.OptionPreviewSuggestionTextColor(prompt.Turquoise),
		prompt.OptionSuggestionTextColor(prompt.White),
		prompt.OptionSuggestionBGColor(prompt.DarkGray),
		prompt.OptionDescriptionTextColor(prompt.LightGray),
		prompt.OptionDescriptionBGColor(prompt.DarkGray),
		prompt.OptionSelectedSuggestionTextColor(prompt.Black),
		prompt.OptionSelectedSuggestionBGColor(prompt.Turquoise),
		prompt.OptionSelectedDescriptionTextColor(prompt.Black),
		prompt.OptionSelectedDescriptionBGColor(prompt.Turquoise),
		prompt.OptionScrollbarBGColor(prompt.DarkGray),
		prompt.OptionScrollbarThumbColor(prompt.LightGray),
	)
	fields := reflect.ValueOf(w.Prompt).Elem()
	renderer, completion, history := fields.FieldByName("renderer"), fields.FieldByName("completion"),
		fields.FieldByName("history")
	if !renderer.IsValid() || !completion.IsValid() || !history.IsValid() {
		return nil, errors.New("this version of go-prompt is not known")
	}
	w.renderer = (*prompt.Render)(renderer.UnsafePointer())
	w.completion = (*prompt.CompletionManager)(completion.UnsafePointer())
	w.history = (*prompt.History)(history.UnsafePointer())
	return w, nil
}

// remember replaces the history for Up and Down.
func (w *widget) remember(lines []string) { _ = prompt.OptionHistory(lines)(w.Prompt) }

// input draws and edits a line until nextKey ends it, and returns the line. At the end the box is erased.
func (w *widget) input() string {
	w.buffer = prompt.NewBuffer()
	w.l.look()
	w.screen.forget()
	w.renderer.UpdateWinSize(window(w.l))
	defer w.renderer.TearDown()
	for {
		key := w.l.nextKey()
		if key == keyEnter {
			w.accept()
			w.renderer.BreakLine(w.buffer)
			return w.buffer.Text()
		}
		w.press(key)
		if !w.completion.Completing() { // a shorter list would make go-prompt panic (go-prompt #151, #204)
			w.suggest()
		}
		w.completion.Update(*w.buffer.Document())
		w.renderer.Render(w.buffer, w.completion)
	}
}

// press applies a key, other than Enter, to the line, the box or the history.
func (w *widget) press(key string) {
	selecting := w.completion.Completing()
	switch {
	case key == keyTab, key == keyDown && selecting:
		w.completion.Next()
		w.moved()
	case key == keyBackTab, key == keyUp && selecting:
		w.completion.Previous()
		w.moved()
	case key == keyUp:
		w.buffer, _ = w.history.Older(w.buffer)
	case key == keyDown:
		w.buffer, _ = w.history.Newer(w.buffer)
	default:
		w.accept()
		if do := w.actions[key]; do != nil {
			w.l.ed.line = load(w.buffer)
			do()
			store(w.buffer, w.l.ed.line)
			return
		}
		w.buffer.InsertText(key, false, true)
	}
}

// accept inserts the selected row, if any. The word that it replaces was removed when it was selected.
func (w *widget) accept() {
	if row, ok := w.completion.GetSelectedSuggestion(); ok {
		w.buffer.InsertText(row.Text, false, true)
	}
	w.completion.Reset()
}

// suggest records the line and finds the rows of the box.
func (w *widget) suggest() {
	// The window may change before the signal is delivered.
	cols, rows := w.l.cols, w.l.rows
	if w.l.look() {
		w.l.clear() // it is unknown how the terminal has wrapped the old rows
	}
	if w.l.cols != cols || w.l.rows != rows || w.l.given == "resize" {
		w.screen.forget()
	}
	w.renderer.UpdateWinSize(window(w.l))
	w.l.observe(load(w.buffer))
	rows = w.l.boxRows()
	// More rows than the window's would erase the whole screen (steampipe#712).
	_ = prompt.OptionMaxSuggestion(uint16(rows))(w.Prompt)
	w.shown = nil
	if rows > 0 {
		for _, s := range w.l.suggestions() {
			w.shown = append(w.shown, prompt.Suggest(s))
		}
	}
}

// moved runs after a key that selects a row, even if there are no rows.
//
// go-prompt replaces the text between its last separator and the cursor, which is wrong for words with spaces,
// whatever the separator. Therefore the word is removed from the line while a row is selected, and the character
// before it is the separator. Then go-prompt has nothing to replace.
func (w *widget) moved() {
	l, b, selecting := w.l, w.buffer, w.completion.Completing()
	switch now := load(b); {
	case selecting && l.held == nil:
		l.held = &now
		rest := l.withoutWord(now)
		store(b, rest)
		separator := "\x00"
		if rest.at > 0 {
			separator = string(rest.text[rest.at-1])
		}
		_ = prompt.OptionCompletionWordSeparator(separator)(w.Prompt)
	case !selecting && l.held != nil:
		store(b, *l.held)
		l.held = nil
	case !selecting && len(w.shown) == 0:
		l.openBox(now)
	}
}

func load(b *prompt.Buffer) line {
	d := b.Document()
	return newLine(d.Text, len([]rune(d.TextBeforeCursor())))
}

// store sets the buffer to the line. It calls Buffer.Delete only for the whole rest, because Delete counts bytes as
// characters.
func store(b *prompt.Buffer, to line) {
	if now := load(b); string(now.text) != string(to.text) {
		b.DeleteBeforeCursor(now.at)
		if after := len(now.text) - now.at; after > 0 {
			b.Delete(after)
		}
		b.InsertText(string(to.text), false, true)
	}
	b.CursorLeft(len(load(b).before()))
	if to.at > 0 {
		b.CursorRight(to.at)
	}
}

// window returns the real width and a very large height, because go-prompt erases the screen if the height is too
// small. The Reader sizes the box.
func window(l *Reader) *prompt.WinSize {
	return &prompt.WinSize{Row: 1<<16 - 1, Col: uint16(l.cols)}
}

// A screen is the prompt.ConsoleWriter: it hands to its drawing what go-prompt draws. Rows below the line are scrolled
// into the window once. The cursor is not hidden, because a drawing is one write.
type screen struct {
	prompt.ConsoleWriter
	drawing
	l    *Reader
	skip int // columns of a too long line that are not written
	room int // rows that the window has below the first one of the line
	down int // rows that go-prompt scrolls
}

// forget is called when something else may have changed the window.
func (s *screen) forget() {
	s.drawing.forget()
	s.room = 0
}

// HideCursor is go-prompt's first call to draw the line.
func (s *screen) HideCursor() {
	s.skip = s.l.columnsAbove()
	s.begin(s.l.cols, s.skip == 0)
}

// ShowCursor is go-prompt's last call to draw the line.
func (s *screen) ShowCursor() { s.skip = 0 }

// Flush leaves the terminal in the colour that go-prompt has set.
func (s *screen) Flush() error {
	s.ConsoleWriter.WriteRaw(s.flush())
	return s.ConsoleWriter.Flush()
}

func (s *screen) WriteStr(text string) {
	if body, last := strings.CutSuffix(text, "\n"); last { // the final line, which stays on the screen
		s.write(body + s.l.why.mark())
		s.newLine()
		return
	}
	for s.skip > 0 && text != "" {
		r, size := utf8.DecodeRuneInString(text)
		s.skip -= runewidth.RuneWidth(r)
		text = text[size:]
	}
	s.write(text)
}

// WriteRaw is called with a line feed where a row is full.
func (s *screen) WriteRaw(data []byte) {
	for range data {
		s.newLine()
	}
}

func (s *screen) EraseDown()           { s.eraseDown() }
func (s *screen) CursorUp(n int)       { s.move(-n, 0) }
func (s *screen) CursorDown(n int)     { s.move(n, 0) }
func (s *screen) CursorForward(n int)  { s.move(0, n) }
func (s *screen) CursorBackward(n int) { s.move(0, -n) }

// ScrollDown is called once for each row of the box, and then ScrollUp as often.
func (s *screen) ScrollDown() { s.down++ }

func (s *screen) ScrollUp() {
	if s.down == 0 {
		return
	}
	rows, row := s.down, (runewidth.StringWidth(s.l.prefix())+runewidth.StringWidth(string(s.l.now.before())))/s.l.cols
	s.down = 0
	if row+rows <= s.room {
		return
	}
	s.room = row + rows
	s.makeRoom(rows)
}

// SetColor sets the ink. Without colours, the selected row, the only bold one, is in reverse video.
func (s *screen) SetColor(fg, bg prompt.Color, bold bool) {
	s.ink = ink{reverse: bold}
	if s.l.c.Color {
		s.ink = ink{fg: parameter(fg, 30, 90), bg: parameter(bg, 40, 100), bold: bold}
	}
}

// parameter returns the parameter of SGR for a colour: that of the first dark or the first bright one, and the colour's
// distance from it.
func parameter(c prompt.Color, dark, bright uint8) uint8 {
	switch {
	case c == prompt.DefaultColor:
		return 0
	case c < prompt.DarkGray:
		return dark + uint8(c-prompt.Black)
	}
	return bright + uint8(c-prompt.DarkGray)
}

// ClearTitle does nothing, so that the window keeps its title.
func (s *screen) ClearTitle() {}
