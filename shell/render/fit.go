package render

// This file fits a table into a terminal's width. A wider terminal never shows less: a column shown at one width is
// shown at every larger width, and its cells show at least as much.

import (
	"cmp"
	"slices"
	"strings"

	"crm/commands"
)

const (
	minTextWidth = 6  // minimal width of a column whose texts may be cut, unless all are narrower
	minLongWidth = 30 // the same for columns with texts on several lines
	longLines    = 4  // lines of a long text; the last one is cut
)

// textWidths are the widths to which text columns grow in turn, from left to right, before optional columns are shown.
var textWidths = []int{16, 24, usualWidth}

// longWidths are the widths to which columns with texts on several lines grow in turn after that.
var longWidths = []int{48, 64, 96}

const (
	usualWidth = 32 // optional columns that need more are shown last
	maxWidth   = int(^uint(0) >> 1)
)

// frameWidth returns the width of the lines and spaces around n columns.
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

// A fitting distributes the width among columns. left is the rest of the width.
type fitting struct {
	columns []tableColumn
	left    int
}

// show shows a column at a width.
func (f *fitting) show(i, width int) {
	f.columns[i].width = width
	f.left -= width + frameWidth(1) - frameWidth(0)
}

// grow distributes the width in a fixed order of steps and stops at the first step that does not fit: texts of usual
// width, optional columns, texts on several lines, the widest texts, the widest optional columns.
func (f *fitting) grow() {
	for _, width := range textWidths {
		if !f.widen(width) {
			return
		}
	}
	optional := f.optional()
	_ = f.showAll(optional, usualWidth) && f.widenLong() && f.widen(maxWidth) && f.showAll(optional, maxWidth)
}

// widenLong widens the columns with texts on several lines in steps, so that the first does not take the width of the
// others.
func (f *fitting) widenLong() bool {
	for _, width := range longWidths {
		for i := range f.columns {
			if c := &f.columns[i]; c.spec.Long && !f.widenOne(c, width) {
				return false
			}
		}
	}
	return true
}

// widen widens the shown columns up to limit cells, and reports whether the width was enough.
func (f *fitting) widen(limit int) bool {
	for i := range f.columns {
		if !f.widenOne(&f.columns[i], limit) {
			return false
		}
	}
	return true
}

func (f *fitting) widenOne(c *tableColumn, limit int) bool {
	if c.width == 0 {
		return true
	}
	missing := max(min(c.full, limit)-c.width, 0)
	given := min(missing, f.left)
	c.width += given
	f.left -= given
	return given == missing
}

// optional returns the indexes of the columns that may be left out, in the order in which they are shown; of equal
// ones the narrower first.
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

// showAll shows the columns that need at most limit cells, each only with uncut texts. It reports whether all of them
// fit.
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

// widenTitles puts each title on one line if the width is enough for all.
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
