package render

// How a table fits a terminal: first all in full, then titles on several lines, then text cut.

import "strings"

// frameWidth is what the lines and spaces around n columns take.
func frameWidth(n int) int {
	return 2*n + (n+1)*Width(tableSymbols().Column())
}

// fitColumns gives every column its width; no limit if width is 0. It reports false if the table
// cannot fit, since only text is ever cut.
func fitColumns(columns []tableColumn, width int) bool {
	total, broken := 0, 0
	narrow := make([]int, len(columns))
	for i := range columns {
		c := &columns[i]
		widest := 0
		for _, cell := range c.cells {
			widest = max(widest, Width(cell))
		}
		c.width = max(widest, Width(c.title))
		narrow[i] = max(widest, longestWord(c.title))
		total += c.width
		broken += narrow[i]
	}
	room := width - frameWidth(len(columns))
	if width == 0 || total <= room {
		return true
	}
	for i := range columns {
		columns[i].width = narrow[i]
	}
	return broken <= room || cutColumns(columns, room)
}

// cutColumns lowers the widest text columns to one common width, as large as the room allows.
func cutColumns(columns []tableColumn, room int) bool {
	limit, total := room, 0
	for ; limit >= minTextWidth; limit-- {
		if total = totalWidth(columns, limit); total <= room {
			break
		}
	}
	if limit < minTextWidth {
		return false
	}
	for i := range columns {
		c := &columns[i]
		if !c.text || c.width <= limit {
			continue
		}
		c.width = limit
		if total < room { // what is left over goes to the first ones
			c.width++
			total++
		}
	}
	return true
}

// totalWidth is the width of all columns with text cut at limit.
func totalWidth(columns []tableColumn, limit int) int {
	total := 0
	for _, c := range columns {
		if c.text {
			total += min(c.width, limit)
		} else {
			total += c.width
		}
	}
	return total
}

func longestWord(s string) int {
	longest := 0
	for word := range strings.FieldsSeq(s) {
		longest = max(longest, Width(word))
	}
	return longest
}
