package line

import (
	"unicode/utf8"

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
	if text == " " && !with.reverse {
		with = ink{bg: with.bg} // all that is seen of a space
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
	return p.rows[y][:width(p.rows[y])]
}

// height returns the number of rows up to the last one that is not blank.
func (p *picture) height() int {
	rows := len(p.rows)
	for rows > 0 && len(p.row(rows-1)) == 0 {
		rows--
	}
	return rows
}

// narrow returns the number of cells at the beginning of a row that are one character of one column.
func narrow(row []cell) int {
	for x, c := range row {
		if len(c.text) == 1 {
			continue // of ASCII
		}
		if r, size := utf8.DecodeRuneInString(c.text); size == 0 || size < len(c.text) || runewidth.RuneWidth(r) != 1 {
			return x
		}
	}
	return len(row)
}

// filled returns a row with blank cells up to the last column.
func filled(row []cell, cols int) []cell {
	full := blanks(cols)
	copy(full, row)
	return full
}

// width returns the number of cells up to the last one that is not blank.
func width(row []cell) int {
	end := len(row)
	for end > 0 && row[end-1] == blank {
		end--
	}
	return end
}

func isBlank(row []cell) bool { return width(row) == 0 }

// differing returns the number of cells that differ.
func differing(a, b []cell) (n int) {
	for x := range a {
		if a[x] != b[x] {
			n++
		}
	}
	return n
}

// inksOf returns the inks to draw a row with: spaces are drawn with the cells beside them where they can.
func inksOf(row []cell) []ink {
	inks := make([]ink, len(row))
	for x, c := range row {
		inks[x] = c.ink
		if x > 0 && c.fits(inks[x-1]) {
			inks[x] = inks[x-1]
		}
	}
	for x := len(row) - 2; x >= 0; x-- {
		if inks[x] == row[x].ink && row[x].fits(inks[x+1]) {
			inks[x] = inks[x+1]
		}
	}
	return inks
}

// fits reports whether a cell looks the same in an ink.
func (c cell) fits(i ink) bool {
	return c.ink == i || c.text == " " && !c.ink.reverse && !i.reverse && c.ink.bg == i.bg
}
