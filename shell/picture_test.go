//go:build linux

package shell

import (
	"fmt"
	"html"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/hinshun/vt10x"
)

// This file draws what a terminal shows as an SVG picture. The same cells make the same picture, byte by byte.

const (
	cellWidth, cellHeight = 9, 18 // in pixels
	baseline              = 13    // of a text, below the top of its cell
	margin                = 12
	fontSize              = 15
)

// The bits of a vt10x.Glyph's mode that pictures show; a reversed glyph has its colours swapped already.
const (
	modeUnderline = 1 << 1
	modeBold      = 1 << 2
)

// terminalColors are the 16 colours of the pictures' theme.
var terminalColors = []string{
	"#21262d", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4",
	"#484f58", "#ffa198", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#f0f6fc",
}

const (
	foreground = "#e6edf3"
	background = "#0d1117"
	frameColor = "#6e7681"
)

// colorOf returns the SVG colour of a cell's colour.
func colorOf(c vt10x.Color) string {
	switch {
	case c == vt10x.DefaultFG:
		return foreground
	case c == vt10x.DefaultBG:
		return background
	case c < 16:
		return terminalColors[c]
	case c < 232: // the cube of 6 by 6 by 6
		steps := []int{0, 95, 135, 175, 215, 255}
		n := int(c) - 16
		return fmt.Sprintf("#%02x%02x%02x", steps[n/36], steps[n/6%6], steps[n%6])
	case c < 256:
		grey := 8 + 10*(int(c)-232)
		return fmt.Sprintf("#%02x%02x%02x", grey, grey, grey)
	}
	return fmt.Sprintf("#%06x", uint32(c))
}

// strokes are the lines of a box-drawing character, from the middle of its cell: up, right, down, left.
var strokes = map[rune]string{
	'─': "rl", '│': "ud", '┌': "rd", '┐': "dl", '└': "ur", '┘': "ul", '├': "urd", '┤': "udl", '┬': "rdl", '┴': "url",
	'┼': "urdl",
}

// A picture is an SVG document while it is drawn.
type picture struct {
	strings.Builder
	frames strokesOfFrames
}

// drawPicture draws all rows of the screen that are not empty, and those up to the cursor.
func drawPicture(vt vt10x.Terminal, title string) string {
	cols, rows := vt.Size()
	last := vt.Cursor().Y
	for y := range rows {
		for x := range cols {
			if g := vt.Cell(x, y); g.Char != ' ' && g.Char != 0 || g.BG != vt10x.DefaultBG {
				last = max(last, y)
			}
		}
	}
	p := picture{frames: strokesOfFrames{map[int][]bool{}, map[int][]bool{}}}
	width, height := 2*margin+cols*cellWidth, 2*margin+(last+1)*cellHeight
	fmt.Fprintf(
		&p, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img">`+"\n",
		width, height)
	fmt.Fprintf(&p, "<title>%s</title>\n", html.EscapeString(title))
	fmt.Fprintf(&p, `<rect width="%d" height="%d" rx="8" fill="%s"/>`+"\n", width, height, background)
	fmt.Fprintf(
		&p,
		`<g font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="%d" fill="%s">`+"\n",
		fontSize, foreground)
	for y := range last + 1 {
		p.row(vt, y, cols)
	}
	if cursor := vt.Cursor(); vt.CursorVisible() {
		fmt.Fprintf(&p, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s" opacity="0.6"/>`+"\n",
			margin+cursor.X*cellWidth, margin+cursor.Y*cellHeight, cellWidth, cellHeight, foreground)
	}
	if path := p.frames.path(); path != "" {
		fmt.Fprintf(&p, `<path d="%s" stroke="%s" fill="none"/>`+"\n", path, frameColor)
	}
	p.WriteString("</g>\n</svg>\n")
	return p.String()
}

// row draws runs of cells with the same attributes. Of a space only the background is seen, so that it joins any run.
func (p *picture) row(vt vt10x.Terminal, y, cols int) {
	alike := func(a, b vt10x.Glyph) bool { return a.FG == b.FG && a.BG == b.BG && a.Mode == b.Mode }
	for x := 0; x < cols; {
		look, end := vt.Cell(x, y), x
		var text strings.Builder
		for empty := true; end < cols; end++ {
			g := vt.Cell(end, y)
			if isSpace := g.Char == ' ' || g.Char == 0; isSpace && g.BG == look.BG {
				text.WriteRune(' ')
				continue
			} else if empty && g.BG == look.BG {
				look, empty = g, false
			}
			if !alike(look, g) {
				break
			}
			c := g.Char
			if lines, isFrame := strokes[c]; isFrame {
				p.frames.add(lines, end, y)
				c = ' '
			}
			text.WriteRune(c)
		}
		p.run(text.String(), look, x, y)
		x = end
	}
}

// run draws a text with the same attributes, without the spaces around it. Words that are far apart are drawn one by
// one, so that they keep their columns in any font.
func (p *picture) run(text string, look vt10x.Glyph, x, y int) {
	left, top := margin+x*cellWidth, margin+y*cellHeight
	if cells := len([]rune(text)); look.BG != vt10x.DefaultBG {
		fmt.Fprintf(p, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n",
			left, top, cells*cellWidth, cellHeight, colorOf(look.BG))
	}
	style := ""
	if look.FG != vt10x.DefaultFG {
		style += fmt.Sprintf(` fill="%s"`, colorOf(look.FG))
	}
	if look.Mode&modeBold != 0 {
		style += ` font-weight="bold"`
	}
	if look.Mode&modeUnderline != 0 {
		style += ` text-decoration="underline"`
	}
	at := x
	for i, part := range strings.Split(text, "  ") {
		if i > 0 {
			at += 2
		}
		cells := len([]rune(part))
		if word := strings.TrimSpace(part); word != "" {
			indent := len(part) - len(strings.TrimLeft(part, " "))
			fmt.Fprintf(p, `<text x="%d" y="%d" textLength="%d"%s>%s</text>`+"\n", margin+(at+indent)*cellWidth, top+
				baseline,
				len([]rune(word))*cellWidth, style, html.EscapeString(word))
		}
		at += cells
	}
}

// strokesOfFrames are the halves of cells that a line crosses: horizontally in each row, vertically in each column.
type strokesOfFrames struct{ across, down map[int][]bool }

// add adds the lines of one character.
func (f strokesOfFrames) add(lines string, x, y int) {
	for _, line := range lines {
		switch line {
		case 'l':
			f.across[y] = withStroke(f.across[y], 2*x)
		case 'r':
			f.across[y] = withStroke(f.across[y], 2*x+1)
		case 'u':
			f.down[x] = withStroke(f.down[x], 2*y)
		case 'd':
			f.down[x] = withStroke(f.down[x], 2*y+1)
		}
	}
}

func withStroke(halves []bool, i int) []bool {
	for len(halves) <= i {
		halves = append(halves, false)
	}
	halves[i] = true
	return halves
}

// path returns an SVG path of all lines, each as long as possible.
func (f strokesOfFrames) path() string {
	var b strings.Builder
	for _, y := range slices.Sorted(maps.Keys(f.across)) {
		for from, to := range runs(f.across[y]) {
			fmt.Fprintf(&b, "M%g %gH%g", margin+from*cellWidth/2, margin+(float64(y)+0.5)*cellHeight, margin+
				to*cellWidth/2)
		}
	}
	for _, x := range slices.Sorted(maps.Keys(f.down)) {
		for from, to := range runs(f.down[x]) {
			fmt.Fprintf(&b, "M%g %gV%g", margin+(float64(x)+0.5)*cellWidth, margin+from*cellHeight/2, margin+
				to*cellHeight/2)
		}
	}
	return b.String()
}

// runs returns the start and the end of each run of true.
func runs(halves []bool) iter.Seq2[float64, float64] {
	return func(yield func(float64, float64) bool) {
		for from := 0; from < len(halves); from++ {
			to := from
			for to < len(halves) && halves[to] {
				to++
			}
			if to > from && !yield(float64(from), float64(to)) {
				return
			}
			from = to
		}
	}
}
