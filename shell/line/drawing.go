package line

import (
	"cmp"
	"runtime"
	"strconv"
	"strings"

	"github.com/clipperhouse/displaywidth"
	runewidth "github.com/mattn/go-runewidth"
)

// go-prompt draws the line and its box again at each key, which over a slow connection is seen. This file writes only
// what has changed since the last drawing, if the line is one row: of most keys that is the character itself. A line of
// more rows, and what the terminal shows after another program wrote to it, is drawn as go-prompt asks.

// An ink is the colours of what is drawn, as parameters of SGR (ECMA-48, 8.3.117); 0 is the terminal's own colour.
type ink struct {
	fg, bg        uint8
	bold, reverse bool
}

// sgr returns the sequence that changes the ink; nil is an unknown one.
func (i ink) sgr(was *ink) string {
	if i == (ink{}) {
		return "\x1b[m"
	}
	var p []string
	if was == nil {
		p, was = append(p, "0"), &ink{}
	}
	for _, c := range []struct {
		changed bool
		code    uint8
	}{
		{was.bold && !i.bold, 22},
		{!was.bold && i.bold, 1},
		{was.reverse && !i.reverse, 27},
		{!was.reverse && i.reverse, 7},
		{i.fg != was.fg, cmp.Or(i.fg, 39)},
		{i.bg != was.bg, cmp.Or(i.bg, 49)},
	} {
		if c.changed {
			p = append(p, strconv.Itoa(int(c.code)))
		}
	}
	return "\x1b[" + strings.Join(p, ";") + "m"
}

// A drawing collects what go-prompt draws until it is flushed: as the bytes that draw all of it, and as the picture
// that they give.
type drawing struct {
	cols   int
	ink    ink    // of what is drawn next
	last   *ink   // of the bytes; nil: unknown
	bytes  []byte // draw everything
	scroll int    // rows that make room for the box
	next   picture
	exact  bool     // next is what bytes give
	fills  bool     // the terminal erases with the ink's background
	shown  *picture // the last drawing; nil: unknown
}

// fills reports whether a terminal, by its name in TERM, knows ECH and erases with the background of the ink. GNU
// screen, whose name tmux may have too, does not. Windows Terminal sets no TERM.
func fills(terminal string) bool {
	family, _, _ := strings.Cut(terminal, "-")
	switch family {
	case "xterm", "tmux", "linux", "alacritty", "foot":
		return true
	}
	return terminal == "" && runtime.GOOS == "windows"
}

// forget is called when something else may have changed the window.
func (d *drawing) forget() { d.shown, d.last = nil, nil }

// begin is called with the cursor in the first cell of the line. whole means that this cell is in the window.
func (d *drawing) begin(cols int, whole bool) {
	d.cols, d.exact, d.next = cols, whole, picture{}
}

func (d *drawing) raw(s string) { d.bytes = append(d.bytes, s...) }

func (d *drawing) color() {
	if d.last == nil || *d.last != d.ink {
		d.raw(d.ink.sgr(d.last))
		now := d.ink
		d.last = &now
	}
}

func (d *drawing) write(text string) {
	d.color()
	d.raw(text)
	for g := displaywidth.StringGraphemes(text); g.Next(); { // as go-prompt counts columns
		switch width := runewidth.StringWidth(g.Value()); {
		case width == 0, d.next.x+width > d.cols: // unknown, or wrapped by the terminal
			d.exact = false
		default:
			d.next.put(g.Value(), width, d.ink)
		}
	}
}

// move moves the cursor by so many rows and columns.
func (d *drawing) move(rows, columns int) {
	d.raw(moved(rows, 'A', 'B') + moved(columns, 'D', 'C'))
	d.next.y += rows
	d.next.x += columns
	if d.next.x < 0 || d.next.y < 0 {
		d.next.x, d.next.y, d.exact = max(d.next.x, 0), max(d.next.y, 0), false
	}
}

// newLine moves to the first column of the next row.
func (d *drawing) newLine() {
	d.raw("\n")
	d.next.x, d.next.y = 0, d.next.y+1
}

// eraseDown erases what is behind the cursor and below.
func (d *drawing) eraseDown() {
	d.color()
	d.raw("\x1b[J")
	d.exact = d.exact && d.ink == ink{}
	d.next.eraseDown()
}

// makeRoom scrolls the window until so many rows are below the cursor's.
func (d *drawing) makeRoom(rows int) {
	d.color()
	d.scroll = rows
	d.raw(strings.Repeat("\x1bD", rows) + moved(-rows, 'A', 'B'))
}

// flush returns the bytes that make the window show the drawing, and begins the next one.
func (d *drawing) flush() []byte {
	d.color()
	d.exact = d.exact && d.next.y == 0 && d.ink == ink{}
	out := d.bytes
	if d.exact && d.shown != nil {
		out = changes(d.shown, &d.next, d.cols, d.scroll, d.fills)
	}
	d.shown = nil
	if d.exact {
		next := d.next
		d.shown = &next
	}
	d.bytes, d.scroll, d.exact = nil, 0, false
	return out
}
