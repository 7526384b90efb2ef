package line

import "slices"

// A change is the way from one picture to another. The line is drawn first, then the box below it. As a key mostly
// moves, cuts or scrolls the box, what the window shows may first be moved there; then the cells that still differ are
// drawn ink by ink, so that each colour is set once and not in each row.
type change struct {
	pen
	now    *picture
	want   [][]cell // what the window shows at last, as the rows of the pen
	inks   [][]ink  // of each cell of want
	height int      // rows of want that are not blank, at least the line
}

// changes returns the bytes that make one picture of the other: the shortest of several ways to begin.
// scroll is the number of rows below the line that the window must have.
func changes(was, now *picture, cols, scroll int, fills bool) []byte {
	c := change{now: now, height: max(1, now.height())}
	c.pen = pen{x: was.x, y: was.y, fills: fills}
	for y := range max(c.height, was.height()) {
		if y == 1 && sameBox(was, now) {
			break
		}
		c.rows = append(c.rows, filled(was.row(y), cols))
		c.want = append(c.want, filled(now.row(y), cols))
		c.inks = append(c.inks, inksOf(c.want[y]))
	}
	c.lost = narrow(c.rows[was.y]) < was.x
	c.paint(0, 1)
	if scroll > 0 {
		c.use(ink{}) // with another one the terminal would colour the new rows
		c.to(scroll, now.x)
		c.to(now.y, now.x)
	}
	if slices.EqualFunc(c.rows, c.want, slices.Equal[[]cell]) {
		c.use(ink{})
		c.to(now.y, now.x)
		return c.out
	}
	var best []byte
	for _, begin := range c.beginnings() {
		if out := c.drawBox(begin); best == nil || len(out) < len(best) {
			best = out
		}
	}
	return best
}

// sameBox reports whether all rows below the line are the same.
func sameBox(was, now *picture) bool {
	for y := 1; y < max(len(was.rows), len(now.rows)); y++ {
		if !slices.Equal(was.row(y), now.row(y)) {
			return false
		}
	}
	return true
}

// beginnings returns what may be done before the rest of the box is drawn: nothing, erasing all of it, and moving rows
// of it up or down to where they are wanted.
func (c *change) beginnings() []func(*change) {
	list := []func(*change){func(*change) {}, (*change).erase}
	top := 1
	for top < len(c.want) && slices.Equal(c.rows[top], c.want[top]) {
		top++
	}
	for n := 1; top+n < c.height; n++ {
		if alike(c.rows[top:], c.want[top+n:]) {
			list = append(list, func(c *change) {
				if below := c.height - n; !isBlank(c.rows[below]) {
					c.to(below, 0) // the window may end before they are moved
					c.eraseBelow()
				}
				c.to(top, 0)
				c.shiftRows(n)
			})
		}
	}
	for n := 1; top+n < len(c.rows); n++ {
		if alike(c.rows[top+n:], c.want[top:]) {
			list = append(list, func(c *change) {
				c.to(top, 0)
				c.shiftRows(-n)
			})
		}
	}
	return list
}

// alike reports whether a row that is not blank is the same in both.
func alike(a, b [][]cell) bool {
	for y := range min(len(a), len(b)) {
		if slices.Equal(a[y], b[y]) && !isBlank(a[y]) {
			return true
		}
	}
	return false
}

// drawBox returns the bytes that draw the rows below the line, and move the cursor to its place.
func (c change) drawBox(begin func(*change)) []byte {
	c.out, c.rows = slices.Clone(c.out), slices.Clone(c.rows)
	for y, row := range c.rows {
		c.rows[y] = slices.Clone(row)
	}
	c.use(ink{})
	c.to(c.now.y, c.now.x)
	start := len(c.out)
	begin(&c)
	if c.height == 1 && !isBlank(c.rows[1]) {
		c.erase()
	}
	c.paint(1, c.height)
	if c.height < len(c.rows) && !isBlank(c.rows[c.height]) {
		c.to(c.height, 0)
		c.eraseBelow()
	}
	drawn := len(c.out)
	c.use(ink{})
	c.to(c.now.y, c.now.x)
	if save, restore := "\x1b7", "\x1b8"; len(c.out)-drawn > len(save+restore) {
		return slices.Concat(c.out[:start], []byte(save), c.out[start:drawn], []byte(restore))
	}
	return c.out
}

// erase erases all that is behind the line.
func (c *change) erase() {
	if end := width(c.want[0]); end < c.cols() {
		c.to(0, end)
	} else {
		c.to(1, 0)
	}
	c.eraseBelow()
}

// paint draws the cells of some rows that differ from those that are wanted.
func (c *change) paint(top, end int) {
	for y := top; y < end; y++ {
		c.shiftRow(y)
		c.paintWide(y)
	}
	for with, left := c.ink, true; left; with, left = c.next(top, end) {
		for y := top; y < end; y++ {
			c.paintRow(y, with)
		}
	}
}

// next returns the ink of the first cell that is left to draw, if any.
func (c *change) next(top, end int) (with ink, left bool) {
	for y := top; y < end; y++ {
		for x, cell := range c.want[y] {
			if cell != c.rows[y][x] {
				return c.inks[y][x], true
			}
		}
	}
	return ink{}, false
}

// shiftRow moves the part of a row that is behind the first change, if this leaves less to draw.
func (c *change) shiftRow(y int) {
	const cost = 4 // bytes of the sequence
	was, want := c.rows[y], c.want[y]
	n := width(want) - width(was)
	if n == 0 || narrow(was) < len(was) || narrow(want) < len(want) {
		return
	}
	x := 0
	for was[x] == want[x] {
		x++
	}
	if x < width(want) && x+max(n, -n) <= len(was) && differing(was, want) > differing(shifted(was, x, n), want)+cost {
		c.to(y, x)
		c.shift(n)
	}
}

// paintWide draws a row from its first character on that terminals may draw differently wide.
func (c *change) paintWide(y int) {
	want := c.want[y]
	x := min(narrow(want), narrow(c.rows[y]))
	if slices.Equal(want[x:], c.rows[y][x:]) {
		return
	}
	end := max(x, width(want))
	c.to(y, x)
	c.write(want[x:end])
	c.lost = c.lost || narrow(want) < end
	if end < len(want) {
		c.eraseRow()
	}
}

// paintRow draws the cells of a row that have an ink.
func (c *change) paintRow(y int, with ink) {
	want, was := c.want[y], c.rows[y]
	for x := 0; x < len(want); x++ {
		if want[x] == was[x] || c.inks[y][x] != with {
			continue
		}
		c.over(y, x, with)
		if x >= width(want) && width(was) > x+1 {
			c.eraseRow()
			return
		}
		end := x
		for end < len(want) && want[end] != was[end] && c.inks[y][end] == with {
			end++
		}
		if slices.ContainsFunc(want[x:end], func(c cell) bool { return c.text != " " }) {
			c.use(with)
		}
		c.write(want[x:end])
		x = end - 1
	}
}

// over moves to a cell. It writes a few cells again if that is not longer than to jump over them.
func (c *change) over(y, x int, with ink) {
	if y == c.y && c.x < x && !c.lost {
		length := 0
		for i := c.x; i < x; i++ {
			length += len(c.want[y][i].text)
			if c.inks[y][i] != c.ink && !c.want[y][i].fits(c.ink) {
				length += len(c.want[y])
			}
		}
		if length <= len(moved(x-c.x, 'D', 'C')) {
			c.write(c.want[y][c.x:x])
		}
	}
	c.to(y, x)
}
