package intake

import (
	"regexp"
	"slices"

	"github.com/xuri/excelize/v2"
)

// This file finds merged cells of a workbook. Only the first cell of a merged area has a value; whether it stands for
// the others too, such as a status, or only once, such as an amount, the file does not say.

// An area is merged cells: rows from 1, columns from 0.
type area struct{ top, bottom, left, right int }

var mergeMark = regexp.MustCompile(`<mergeCell ref="([A-Z]{1,3}[0-9]{1,7}):([A-Z]{1,3}[0-9]{1,7})"`)

// noteMerged adds the merged areas that a part of a sheet's text names.
func (f *File) noteMerged(text []byte) {
	for _, m := range mergeMark.FindAllSubmatch(text, -1) {
		left, top, err := excelize.CellNameToCoordinates(string(m[1]))
		right, bottom, err2 := excelize.CellNameToCoordinates(string(m[2]))
		if err == nil && err2 == nil {
			f.merged = append(f.merged, area{top, bottom, left - 1, right - 1})
		}
	}
}

// mergedRows goes through the areas, which are sorted by their first row, with the rows of a sheet.
type mergedRows struct {
	areas  []area
	active []area // that reach into the row
}

// note describes the empty cells of the row that are inside a merged area. Rows come in their order.
func (m *mergedRows) note(row *Row) {
	for len(m.areas) > 0 && m.areas[0].top <= row.Line {
		m.active = append(m.active, m.areas[0])
		m.areas = m.areas[1:]
	}
	m.active = slices.DeleteFunc(m.active, func(a area) bool { return a.bottom < row.Line })
	for _, a := range m.active {
		first, err := excelize.CoordinatesToCellName(a.left+1, a.top)
		for at := a.left; err == nil && at <= a.right; at++ {
			isFirst := at == a.left && row.Line == a.top
			if isEmpty := at >= len(row.Cells) || row.Cells[at] == ""; isEmpty && !isFirst {
				row.note(at, "is merged with the cell "+first)
			}
		}
	}
}
