package intake

import "slices"

// This file finds merged cells of a workbook. Only the first cell of a merged area has a value; whether it stands for
// the others too, such as a status, or only once, such as an amount, the file does not say.

// An area is merged cells: rows from 1, columns from 0.
type area struct{ top, bottom, left, right int }

// mergedRows goes through the areas, which are sorted by their first row, with the rows of a sheet.
type mergedRows struct {
	areas  []area
	active []area // that reach into the row
}

// note describes the empty cells of the row that are inside a merged area, up to the width of the header. Rows come in
// their order.
func (m *mergedRows) note(row *Row, width int) {
	for len(m.areas) > 0 && m.areas[0].top <= row.Line {
		m.active = append(m.active, m.areas[0])
		m.areas = m.areas[1:]
	}
	m.active = slices.DeleteFunc(m.active, func(a area) bool { return a.bottom < row.Line })
	for _, a := range m.active {
		for at := a.left; at <= min(a.right, max(width, len(row.Cells))-1); at++ {
			isFirst := at == a.left && row.Line == a.top
			if isEmpty := at >= len(row.Cells) || row.Cells[at] == ""; isEmpty && !isFirst {
				row.note(at, "is merged with the cell "+nameOf(a.left, a.top))
			}
		}
	}
}
