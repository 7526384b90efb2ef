package render

// How a table fits a terminal. Nothing gets less readable when the terminal grows: a column that is shown at one width
// is shown at every larger one, and no cell shows less there.

import (
	"cmp"
	"slices"
	"strings"

	"crm/commands"
)

const (
	minTextWidth = 6  // of a column whose texts may be cut, unless all of them are narrower
	minLongWidth = 30 // the same for texts on several lines
	longLines    = 4  // of a long text; the last one is cut
)

// textWidths are the widths that columns of texts get one after another, the first column first, before optional
// columns are shown.
var textWidths = []int{16, 24, usualWidth}

const (
	usualWidth = 32 // an optional column that needs more is shown after all others
	maxWidth   = int(^uint(0) >> 1)
)

// frameWidth is what the lines and spaces around n columns take.
func frameWidth(n int) int {
	return 2*n + (n+1)*Width(tableSymbols().Column())
}

// Hidden returns the names of the columns that a list's table of this style leaves out because they do not fit.
func Hidden(out commands.Output, st Style) []string {
	if st.Width == 0 || st.Format != "" && st.Format != "table" || out.Single || len(out.Rows) == 0 {
		return nil
	}
	out = withoutDetails(out)
	columns, fits := fitColumns(newPainter(st).tableColumns(out), st.Width)
	if !fits {
		return nil
	}
	var hidden []string
	for _, c := range out.Columns {
		if !slices.ContainsFunc(columns, func(shown tableColumn) bool { return shown.spec.Name == c.Name }) {
			hidden = append(hidden, c.Name)
		}
	}
	return hidden
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
// width; optional columns; the widest texts; the widest optional columns.
func (f *fitting) grow() {
	for _, width := range textWidths {
		if !f.widen(width) {
			return
		}
	}
	optional := f.optional()
	_ = f.showAll(optional, usualWidth) && f.widen(maxWidth) && f.showAll(optional, maxWidth)
}

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

// optional returns the indexes of the columns that may be left out, in the order in which they are shown: of two
// equally wanted ones, the narrower first.
func (f *fitting) optional() []int {
	var optional []int
	for i, c := range f.columns {
		if c.spec.Wide > 0 {
			optional = append(optional, i)
		}
	}
	slices.SortStableFunc(optional, func(a, b int) int {
		return cmp.Or(cmp.Compare(f.columns[a].spec.Wide, f.columns[b].spec.Wide),
			f.columns[a].need()-f.columns[b].need())
	})
	return optional
}

// showAll shows those of the columns that need at most limit cells, each only if none of its texts must be cut, and
// reports whether all of them fit.
func (f *fitting) showAll(indexes []int, limit int) bool {
	for _, i := range indexes {
		c := &f.columns[i]
		if c.width > 0 || c.need() > limit {
			continue
		}
		if c.need()+frameWidth(1)-frameWidth(0) > f.left {
			return false
		}
		f.show(i, c.need())
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
