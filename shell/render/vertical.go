package render

// This file writes one line per value, like psql's expanded display.

import (
	"bytes"
	"fmt"
	"strings"

	"crm/commands"
)

// headingWidth is the maximal width of the line above a record.
const headingWidth = 40

// vertical writes each record below a heading, as "name | value". Further lines of a value are aligned with its first.
// On a very narrow terminal the value is below its name.
func (p painter) vertical(page *bytes.Buffer, out commands.Output) {
	names := 0
	for _, c := range out.Columns {
		names = max(names, Width(c.Name))
	}
	room := 0
	stacked := false
	if p.Width > 0 {
		room = p.Width - names - len(" | ")
		stacked = room < minRecordWidth
	}
	for i, row := range out.Rows {
		page.WriteString(p.heading(i + 1))
		for j, c := range out.Columns {
			if stacked {
				p.verticalStacked(page, c, row[j])
				continue
			}
			pad := strings.Repeat(" ", names-Width(c.Name))
			name := p.bold(c.Name) + pad
			for _, line := range Wrap(p.cell(row[j]), room) {
				writeLine(page, name+" | "+p.highlight(c, line))
				name = strings.Repeat(" ", names)
			}
		}
	}
}

func (p painter) heading(number int) string {
	width := headingWidth
	if p.Width > 0 {
		width = min(width, p.Width)
	}
	title := fmt.Sprintf("-[ RECORD %d ]", number)
	return title + strings.Repeat("-", max(width-len(title), 0)) + "\n"
}

func (p painter) verticalStacked(page *bytes.Buffer, c commands.Column, cell any) {
	writeLine(page, p.bold(Cut(c.Name, p.Width)))
	for _, line := range Wrap(p.cell(cell), max(p.Width-2, minTextWidth)) {
		writeLine(page, "  "+p.highlight(c, line))
	}
}

func writeLine(page *bytes.Buffer, line string) {
	page.WriteString(strings.TrimRight(line, " "))
	page.WriteByte('\n')
}
