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

// This is the only file that imports go-prompt. It calls Prompt.Input, never Run, which can deadlock on a resize and
// swallows SIGTERM. It replaces go-prompt's input and output, which have most of its defects.

// A widget is go-prompt's Prompt with two parts that its options cannot set.
type widget struct {
	*prompt.Prompt
	renderer   *prompt.Render
	completion *prompt.CompletionManager
	shown      []prompt.Suggest // the rows of the box
	l          *Reader
}

func newWidget(l *Reader) (*widget, error) {
	out := prompt.NewStdoutWriter()
	if l.c.Out.Fd() == os.Stderr.Fd() {
		out = prompt.NewStderrWriter()
	}
	w := &widget{l: l}
	options := []prompt.Option{
		prompt.OptionParser(keyboard{l}),
		prompt.OptionWriter(&screen{ConsoleWriter: out, l: l}),
		prompt.OptionLivePrefix(func() (string, bool) { return l.prefix(), true }),
		prompt.OptionSwitchKeyBindMode(prompt.CommonKeyBind), // the editor has its own key bindings, with undo and yank
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
	}
	for name, do := range l.actions() {
		options = append(options, prompt.OptionAddASCIICodeBind(prompt.ASCIICodeBind{
			ASCIICode: []byte(code(name)),
			Fn: func(b *prompt.Buffer) {
				l.ed.line = load(b)
				do()
				store(b, l.ed.line)
			},
		}))
	}
	for _, key := range []prompt.Key{prompt.Tab, prompt.BackTab, prompt.Up, prompt.Down} {
		options = append(options, prompt.OptionAddKeyBind(prompt.KeyBind{Key: key, Fn: w.moved}))
	}
	w.Prompt = prompt.New(func(string) {}, w.suggest, options...)
	fields := reflect.ValueOf(w.Prompt).Elem()
	renderer, completion := fields.FieldByName("renderer"), fields.FieldByName("completion")
	if !renderer.IsValid() || !completion.IsValid() {
		return nil, errors.New("this version of go-prompt is not known")
	}
	w.renderer = (*prompt.Render)(renderer.UnsafePointer())
	w.completion = (*prompt.CompletionManager)(completion.UnsafePointer())
	return w, nil
}

// remember replaces the history for Up and Down.
func (w *widget) remember(lines []string) { _ = prompt.OptionHistory(lines)(w.Prompt) }

// suggest returns the rows of the box. go-prompt calls it after every key, before it draws.
func (w *widget) suggest(d prompt.Document) []prompt.Suggest {
	if d.Text == "" && d.LastKeyStroke() == prompt.Escape && !w.l.walked() {
		return nil // CompletionManager.Reset asks for an empty line before each key; no key is passed on as Escape
	}
	if w.completion.Completing() {
		return w.shown // go-prompt panics if the list shrinks below the selected row (go-prompt #151, #204)
	}
	// Input ignores SIGWINCH, and the window may change before the signal is delivered.
	if w.l.look() {
		w.l.clear() // it is unknown how the terminal has wrapped the old rows
	}
	w.renderer.UpdateWinSize(window(w.l))
	w.l.observe(newLine(d.Text, len([]rune(d.TextBeforeCursor()))))
	rows := w.l.boxRows()
	// More rows than the window's would erase the whole screen (steampipe#712).
	_ = prompt.OptionMaxSuggestion(uint16(rows))(w.Prompt)
	w.shown = nil
	if rows > 0 {
		for _, s := range w.l.suggestions() {
			w.shown = append(w.shown, prompt.Suggest(s))
		}
	}
	return w.shown
}

// moved runs after a key that selects a row, even if there are no rows.
//
// go-prompt replaces the text between its last separator and the cursor, which is wrong for words with spaces,
// whatever the separator. Therefore the word is removed from the line while a row is selected, and the character
// before it is the separator. Then go-prompt has nothing to replace.
func (w *widget) moved(b *prompt.Buffer) {
	l, selecting := w.l, w.completion.Completing()
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

// A keyboard is the prompt.ConsoleParser. Each Read returns one key.
type keyboard struct{ l *Reader }

// Setup and TearDown do nothing, because Reader sets the terminal's mode around Input.
func (keyboard) Setup() error    { return nil }
func (keyboard) TearDown() error { return nil }

func (k keyboard) GetWinSize() *prompt.WinSize {
	k.l.look()
	return window(k.l)
}

// window returns the real width and a very large height, because go-prompt erases the screen if the height is too
// small. The Reader sizes the box.
func window(l *Reader) *prompt.WinSize {
	return &prompt.WinSize{Row: 1<<16 - 1, Col: uint16(l.cols)}
}

var errOver = errors.New("the line is over")

// Read waits until the last key is drawn, so that each key is applied to the current line, and then for a key. After
// the key that ends the line it returns at once, as go-prompt needs to end its reader.
func (k keyboard) Read() ([]byte, error) {
	if !k.l.gate.drawn() {
		return nil, errOver
	}
	key := k.l.nextKey()
	k.l.gate.give(k.l.why != 0)
	return []byte(key), nil
}

// A screen is the prompt.ConsoleWriter. It also blocks go-prompt between a drawing and the next key, where go-prompt
// would poll a hundred times a second (go-prompt #200).
type screen struct {
	prompt.ConsoleWriter
	l     *Reader
	drawn bool
	skip  int // columns of a too long line that are not written
}

// HideCursor is go-prompt's first call to draw the line.
func (s *screen) HideCursor() {
	s.skip = s.l.columnsAbove()
	s.ConsoleWriter.HideCursor()
}

// ShowCursor is go-prompt's last call to draw the line.
func (s *screen) ShowCursor() {
	s.drawn, s.skip = true, 0
	s.ConsoleWriter.ShowCursor()
}

func (s *screen) Flush() error {
	err := s.ConsoleWriter.Flush()
	if s.drawn {
		s.drawn = false
		s.l.gate.park()
	}
	return err
}

func (s *screen) WriteStr(text string) {
	if body, last := strings.CutSuffix(text, "\n"); last { // the final line, which stays on the screen
		s.ConsoleWriter.WriteStr(body + s.l.why.mark() + "\n")
		return
	}
	for s.skip > 0 && text != "" {
		r, size := utf8.DecodeRuneInString(text)
		s.skip -= runewidth.RuneWidth(r)
		text = text[size:]
	}
	s.ConsoleWriter.WriteStr(text)
}

// SetColor without colours shows the selected row, the only bold one, in reverse video.
func (s *screen) SetColor(fg, bg prompt.Color, bold bool) {
	switch {
	case s.l.c.Color:
		s.ConsoleWriter.SetColor(fg, bg, bold)
	case bold:
		s.WriteRawStr("\x1b[7m")
	default:
		s.WriteRawStr("\x1b[0m")
	}
}

// ClearTitle does nothing, so that the window keeps its title.
func (s *screen) ClearTitle() {}
