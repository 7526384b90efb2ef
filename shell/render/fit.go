package render

// How a table fits a terminal. Nothing gets less readable when the terminal grows: a column that is shown at one width
// is shown at every larger one, and no cell shows less there.

import (
	"cmp"
	"slices"
	"strings"
)

const (
	minTextWidth = 8  // of a column whose texts may be cut, unless all of them are narrower
	minLongWidth = 30 // the same for texts on several lines
	usualWidth   = 40 // texts of up to so many cells are shown whole before optional columns are shown
	longLines    = 4  // of a long text; the last one is cut
)

// frameWidth is what the lines and spaces around n columns take.
func frameWidth(n int) int {
	return 2*n + (n+1)*Width(tableSymbols().Column())
}

// fitColumns sets the widths of the columns and returns those that a table of the width shows. It reports false if the
// others do not fit. Width 0 means no limit.
func fitColumns(columns []tableColumn, width int) ([]tableColumn, bool) {
	for i := range columns {
		columns[i].measure()
	}
	if width == 0 {
		for i := range columns {
			columns[i].width = max(columns[i].full, Width(columns[i].title))
		}
		return columns, true
	}
	f := fitting{columns: columns, left: width - frameWidth(0)}
	for i := range columns {
		if columns[i].spec.Wide == 0 {
			f.show(i, columns[i].least)
		}
	}
	if f.left < 0 {
		return nil, false
	}
	f.grow()
	f.widenTitles()
	return slices.DeleteFunc(columns, func(c tableColumn) bool { return c.width == 0 }), true
}

// A fitting is columns that get their widths. left is the room that they have not taken.
type fitting struct {
	columns []tableColumn
	left    int
}

// show gives a column its first width.
func (f *fitting) show(i, width int) {
	f.columns[i].width = width
	f.left -= width + frameWidth(1) - frameWidth(0)
}

// grow takes steps in an order that does not depend on the room, and stops where a step does not fit: texts of usual
// width, the first column first; optional columns; the widest texts; the widest optional columns.
func (f *fitting) grow() {
	optional := f.optional()
	_ = f.widen(usualWidth) && f.showAll(optional, usualWidth) && f.widen(maxWidth) && f.showAll(optional, maxWidth)
}

const maxWidth = int(^uint(0) >> 1)

// widen gives the columns that are shown up to so many cells, and reports whether each has got what it needs of them.
func (f *fitting) widen(limit int) bool {
	for i := range f.columns {
		c := &f.columns[i]
		if c.width == 0 {
			continue
		}
		missing := max(min(c.full, limit)-c.width, 0)
		given := min(missing, f.left)
		c.width += given
		if f.left -= given; given < missing {
			return false
		}
	}
	return true
}

// optional returns the indexes of the columns that may be left out, in the order in which they are shown.
func (f *fitting) optional() []int {
	var optional []int
	for i, c := range f.columns {
		if c.spec.Wide > 0 {
			optional = append(optional, i)
		}
	}
	slices.SortStableFunc(optional, func(a, b int) int {
		return cmp.Compare(f.columns[a].spec.Wide, f.columns[b].spec.Wide)
	})
	return optional
}

// showAll shows those of the columns that need at most limit cells, each only if none of its texts must be cut, and
// reports whether all of them fit.
func (f *fitting) showAll(indexes []int, limit int) bool {
	for _, i := range indexes {
		c := &f.columns[i]
		need := c.full
		if c.spec.Long {
			need = c.least
		}
		if c.width > 0 || need > limit {
			continue
		}
		if need+frameWidth(1)-frameWidth(0) > f.left {
			return false
		}
		f.show(i, need)
	}
	return true
}

// widenTitles puts each title on one line if there is room for all of them.
func (f *fitting) widenTitles() {
	need := 0
	for _, c := range f.columns {
		if c.width > 0 {
			need += max(Width(c.title)-c.width, 0)
		}
	}
	if need > f.left {
		return
	}
	for i := range f.columns {
		if c := &f.columns[i]; c.width > 0 {
			c.width = max(c.width, Width(c.title))
		}
	}
}

func longestWord(s string) int {
	longest := 0
	for word := range strings.FieldsSeq(s) {
		longest = max(longest, Width(word))
	}
	return longest
}
