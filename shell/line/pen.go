package line

import (
	"slices"
	"strconv"
	"strings"
)

// A pen writes into the window, each time by the shortest sequence. It uses those that xterm, tmux, Windows Terminal
// and the Linux console have in common: the VT102's, ICH and, where the terminal fills, ECH.
type pen struct {
	out   []byte
	rows  [][]cell // what the window shows, all of its columns
	x, y  int
	lost  bool // terminals differ in the column: behind the last one, or after a character that is not of one column
	ink   ink
	fills bool // the terminal erases with the ink's background
}

func (p *pen) raw(s string) { p.out = append(p.out, s...) }

// to moves the cursor. It moves down by line feeds or indexes, which scroll at the end of the window.
func (p *pen) to(y, x int) {
	if y == p.y && x == p.x {
		return
	}
	rows := moved(y-p.y, 'A', 'B')
	if y == p.y-1 {
		rows = "\x1bM"
	}
	best := rows + "\r" + moved(x, 'D', 'C')
	if y > p.y {
		rows = strings.Repeat("\x1bD", y-p.y)
		best = strings.Repeat("\n", y-p.y) + moved(x, 'D', 'C')
	}
	if !p.lost {
		columns := moved(x-p.x, 'D', 'C')
		if n := p.x - x; 0 < n && n < len(columns) {
			columns = strings.Repeat("\b", n)
		}
		if len(rows+columns) <= len(best) {
			best = rows + columns
		}
	}
	p.raw(best)
	p.x, p.y, p.lost = x, y, false
}

// use changes the ink.
func (p *pen) use(i ink) {
	if i != p.ink {
		p.raw(i.sgr(&p.ink))
		p.ink = i
	}
}

// useFor changes the ink as far as a cell needs it: of a space only the background is seen.
func (p *pen) useFor(c cell) {
	if c.text == " " && !c.ink.reverse && !p.ink.reverse {
		c.ink = ink{fg: p.ink.fg, bg: c.ink.bg, bold: p.ink.bold}
	}
	p.use(c.ink)
}

// write writes cells. After erased ones at the end the cursor stays before them.
func (p *pen) write(cells []cell) {
	copy(p.rows[p.y][p.x:], cells)
	for len(cells) > 0 {
		c, n := cells[0], 1
		for c.text == " " && n < len(cells) && cells[n] == c {
			n++
		}
		p.useFor(c)
		erase, jump := moved(n, 'X', 'X'), moved(n, 'D', 'C')
		cells = cells[n:]
		canErase := p.fills && c.text == " " && !c.ink.reverse
		edge := p.x+n == p.cols() // from which the way back is longer
		switch {
		case canErase && len(cells) == 0 && (len(erase) < n || edge):
			p.raw(erase)
			return
		case canErase && len(erase+jump) < n && !edge:
			p.raw(erase + jump)
		default:
			p.raw(strings.Repeat(c.text, n))
		}
		p.x += n
	}
	p.lost = p.lost || p.x == p.cols()
}

// eraseRow erases from the cursor to the end of the row.
func (p *pen) eraseRow() {
	p.useFor(blank)
	p.raw("\x1b[K")
	copy(p.rows[p.y][p.x:], blanks(p.cols()))
}

// eraseBelow erases from the cursor to the end of the window.
func (p *pen) eraseBelow() {
	p.useFor(blank)
	p.raw("\x1b[J")
	copy(p.rows[p.y][p.x:], blanks(p.cols()))
	for y := p.y + 1; y < len(p.rows); y++ {
		p.rows[y] = blanks(p.cols())
	}
}

// shift inserts n blank cells at the cursor, or deletes -n.
func (p *pen) shift(n int) {
	p.useFor(blank)
	p.raw(moved(n, 'P', '@'))
	p.rows[p.y] = shifted(p.rows[p.y], p.x, n)
}

// shiftRows inserts n blank rows at the cursor's, which is in its first column, or deletes -n.
func (p *pen) shiftRows(n int) {
	p.useFor(blank)
	p.raw(moved(n, 'M', 'L'))
	for ; n > 0; n-- {
		p.rows = slices.Insert(p.rows, p.y, blanks(p.cols()))[:len(p.rows)]
	}
	for ; n < 0; n++ {
		p.rows = append(slices.Delete(p.rows, p.y, p.y+1), blanks(p.cols()))
	}
}

func (p *pen) cols() int { return len(p.rows[0]) }

// blanks returns a row of blank cells.
func blanks(cols int) []cell { return slices.Repeat([]cell{blank}, cols) }

// shifted returns a row after n blank cells were inserted at a column, or -n deleted.
func shifted(row []cell, x, n int) []cell {
	if n > 0 {
		return slices.Concat(row[:x], blanks(n), row[x:])[:len(row)]
	}
	return slices.Concat(row[:x], row[x-n:], blanks(-n))
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
