package line

import (
	"slices"
	"strconv"
	"strings"

	runewidth "github.com/mattn/go-runewidth"
)

// A cell is one column of a row: a character with those that combine with it, or "" in the right half of a wide one.
type cell struct {
	text string
	ink  ink
}

var blank = cell{text: " "}

// A picture is what the window shows from the first cell of the line on, and where the cursor is.
type picture struct {
	rows [][]cell
	x, y int
}

// put writes a character of so many columns at the cursor.
func (p *picture) put(text string, width int, with ink) {
	for len(p.rows) <= p.y {
		p.rows = append(p.rows, nil)
	}
	row := p.rows[p.y]
	for len(row) < p.x+width {
		row = append(row, blank)
	}
	if row[p.x].text == "" && p.x > 0 {
		row[p.x-1] = blank
	}
	row[p.x] = cell{text, with}
	for i := 1; i < width; i++ {
		row[p.x+i] = cell{"", with}
	}
	if end := p.x + width; end < len(row) && row[end].text == "" {
		row[end] = blank
	}
	p.rows[p.y], p.x = row, p.x+width
}

// eraseDown erases from the cursor on.
func (p *picture) eraseDown() {
	if p.y < len(p.rows) {
		p.rows[p.y] = p.rows[p.y][:min(p.x, len(p.rows[p.y]))]
		p.rows = p.rows[:p.y+1]
	}
}

// row returns a row without blank cells at its end.
func (p *picture) row(y int) []cell {
	if y >= len(p.rows) {
		return nil
	}
	row := p.rows[y]
	for len(row) > 0 && row[len(row)-1] == blank {
		row = row[:len(row)-1]
	}
	return row
}

// height returns the number of rows up to the last one that is not blank.
func (p *picture) height() int {
	rows := len(p.rows)
	for rows > 0 && len(p.row(rows-1)) == 0 {
		rows--
	}
	return rows
}

// upTo returns the picture erased from a cell on.
func (p *picture) upTo(y, x int) *picture {
	left := picture{slices.Clone(p.rows), x, y}
	left.eraseDown()
	return &left
}

// A pen writes changes into the window.
type pen struct {
	out  []byte
	x, y int
	lost bool // terminals differ in the column: behind the last one, or after a character that is not of one column
	cols int
	ink  ink
}

// changes returns the bytes that make one picture of the other, after scroll.
func changes(was, now *picture, cols int, scroll string) []byte {
	p := pen{out: []byte(scroll), x: was.x, y: was.y, cols: cols}
	rows := max(1, now.height())
	end := len(now.row(rows - 1)) // what is behind it is erased with the rows below
	below := was.height() > rows
	if below && end < cols {
		was = was.upTo(rows-1, end)
	}
	for y := range rows {
		p.draw(y, was.row(y), now.row(y))
	}
	switch {
	case below && end < cols:
		p.erase(rows-1, end, "\x1b[J")
	case below:
		p.erase(rows, 0, "\x1b[J")
	}
	p.with(ink{})
	p.to(now.y, now.x)
	return p.out
}

// draw changes a row. One with characters that terminals draw differently wide is written whole.
func (p *pen) draw(y int, was, now []cell) {
	if slices.Equal(was, now) {
		return
	}
	whole := !narrow(was) || !narrow(now)
	for x, c := range now {
		old := blank
		if x < len(was) {
			old = was[x]
		}
		if c == old && (!whole || c == blank && p.y != y) {
			continue
		}
		p.over(y, x, now)
		p.with(c.ink)
		p.out = append(p.out, c.text...)
		p.x++
		p.lost = p.lost || whole && !narrow(now[x:x+1]) || p.x == p.cols
	}
	if len(was) > len(now) || whole && len(now) < p.cols {
		p.erase(y, len(now), "\x1b[K")
	}
}

// erase erases from a cell to the end of the row or of the window.
func (p *pen) erase(y, x int, how string) {
	p.to(y, x)
	p.with(ink{})
	p.out = append(p.out, how...)
}

// over moves to a cell. It writes a few cells again rather than jump over them.
func (p *pen) over(y, x int, row []cell) {
	other := func(c cell) bool { return c.ink != p.ink }
	if p.y == y && p.x < x && x < p.x+4 && !p.lost && !slices.ContainsFunc(row[p.x:x], other) {
		for _, c := range row[p.x:x] {
			p.out = append(p.out, c.text...)
		}
		p.x = x
	}
	p.to(y, x)
}

// to moves the cursor.
func (p *pen) to(y, x int) {
	if y == p.y && x == p.x {
		return
	}
	if p.lost || x < p.x && (y > p.y || x < 4) { // shorter than back by columns
		p.out = append(p.out, '\r')
		p.x, p.lost = 0, false
	}
	if p.x == 0 && y > p.y {
		p.out = append(p.out, strings.Repeat("\n", y-p.y)...)
	} else {
		p.out = append(p.out, moved(y-p.y, 'A', 'B')...)
	}
	p.out = append(p.out, moved(x-p.x, 'D', 'C')...)
	p.x, p.y = x, y
}

func (p *pen) with(i ink) {
	if p.ink != i {
		p.out = append(p.out, i.sgr(&p.ink)...)
		p.ink = i
	}
}

// narrow reports whether each cell is one character of one column.
func narrow(row []cell) bool {
	return !slices.ContainsFunc(row, func(c cell) bool {
		runes := []rune(c.text)
		return len(runes) != 1 || runewidth.RuneWidth(runes[0]) != 1
	})
}

// moved returns the sequence that moves the cursor by n, with one letter backwards and one forwards.
func moved(n int, back, on byte) string {
	switch {
	case n == 0:
		return ""
	case n < 0:
		n, on = -n, back
	}
	if n == 1 {
		return "\x1b[" + string(on)
	}
	return "\x1b[" + strconv.Itoa(n) + string(on)
}
