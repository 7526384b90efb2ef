package render

// This file writes the table for people. It computes the widths; tablewriter draws it.

import (
	"bytes"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"crm/commands"
	"crm/repo"
)

const minRecordWidth = 16 // minimal width of a single record's values, enough for a date

// A tableColumn is a column with its layout.
type tableColumn struct {
	spec  commands.Column
	title string
	cells []string // safe text on one line
	text  bool     // free text, which may be cut; not a number, date or status
	right bool
	full  int // width that shows every value, with the title on several lines
	least int // minimal width
	width int // assigned width; 0 if it is not shown
}

// measure computes full and least.
func (c *tableColumn) measure() {
	title := longestWord(c.title)
	for _, cell := range c.cells {
		c.full = max(c.full, Width(cell))
	}
	c.full = max(c.full, title)
	switch {
	case !c.text:
		c.least = c.full
	case c.spec.Long:
		c.least = min(c.full, max(minLongWidth, title))
	default:
		c.least = min(c.full, max(minTextWidth, title))
	}
}

// need returns the width at which an optional column is shown.
func (c *tableColumn) need() int {
	if c.spec.Long {
		return c.least
	}
	return c.full
}

// fit returns the lines of a cell in the column's width.
func (c *tableColumn) fit(row int) []string {
	cell := c.cells[row]
	if !c.spec.Long {
		return []string{Cut(cell, c.width)}
	}
	lines := Wrap(cell, c.width)
	if len(lines) > longLines {
		last := strings.Join(lines[longLines-1:], " ")
		lines = append(lines[:longLines-1], Cut(last, c.width))
	}
	return lines
}

// table writes a list or a single record. If the terminal is too narrow, it writes vertically.
func (p painter) table(page *bytes.Buffer, out commands.Output) error {
	if len(out.Rows) == 0 {
		return nil
	}
	if out.Single {
		return p.recordTable(page, out)
	}
	out = withoutDetails(out)
	if columns, fits := fitColumns(p.tableColumns(out), p.Width); fits {
		return p.drawList(page, len(out.Rows), columns)
	}
	p.vertical(page, out)
	return nil
}

func withoutDetails(out commands.Output) commands.Output {
	return without(out, func(c commands.Column) bool { return c.Detail })
}

func (p painter) tableColumns(out commands.Output) []tableColumn {
	columns := make([]tableColumn, len(out.Columns))
	for i := range columns {
		columns[i] = p.tableColumn(out, i)
	}
	return columns
}

func (p painter) tableColumn(out commands.Output, index int) tableColumn {
	text, right := columnKind(out, index)
	c := tableColumn{spec: out.Columns[index], title: columnTitle(out.Columns[index].Name), text: text, right: right}
	c.cells = make([]string, len(out.Rows))
	for r, row := range out.Rows {
		c.cells[r] = strings.ReplaceAll(p.cell(row[index]), "\n", "↵")
	}
	return c
}

// columnKind reports whether the column holds text, and whether it holds only numbers and is right-aligned.
func columnKind(out commands.Output, index int) (text, right bool) {
	numbers, others := 0, 0
	for _, row := range out.Rows {
		switch row[index].(type) {
		case nil:
		case int, int64, repo.Money:
			numbers++
		case string:
			text = !out.Columns[index].Status && !out.Columns[index].Whole
			others++
		default:
			others++
		}
	}
	return text, numbers > 0 && others == 0
}

// columnTitle returns the title of a column: "COMPANY NAME".
func columnTitle(name string) string {
	return strings.ToUpper(strings.ReplaceAll(name, "_", " "))
}

func (p painter) drawList(page *bytes.Buffer, count int, columns []tableColumn) error {
	header := make([]string, len(columns))
	aligns := make(tw.Alignment, len(columns))
	rows := make([][]string, count)
	for r := range rows {
		rows[r] = make([]string, len(columns))
	}
	for i := range columns {
		c := &columns[i]
		header[i] = joinLines(Wrap(c.title, c.width), p.bold)
		aligns[i] = tw.AlignLeft
		if c.right {
			aligns[i] = tw.AlignRight
		}
		for r := range rows {
			rows[r][i] = joinLines(c.fit(r), func(line string) string { return p.highlight(c.spec, line) })
		}
	}
	return draw(page, header, rows, aligns)
}

// joinLines joins the lines of a cell, each coloured by paint.
func joinLines(lines []string, paint func(string) string) string {
	for i := range lines {
		lines[i] = paint(lines[i])
	}
	return strings.Join(lines, "\n")
}

// recordTable writes one record as a table of names and values. Long text is wrapped, not cut.
func (p painter) recordTable(page *bytes.Buffer, out commands.Output) error {
	names := 0
	for _, c := range out.Columns {
		names = max(names, Width(columnTitle(c.Name)))
	}
	room := 0
	if p.Width > 0 {
		room = p.Width - frameWidth(2) - names
		if room < minRecordWidth {
			p.vertical(page, out)
			return nil
		}
	}
	rows := make([][]string, len(out.Columns))
	for i, c := range out.Columns {
		value := joinLines(Wrap(p.cell(out.Rows[0][i]), room), func(line string) string { return p.highlight(c, line) })
		rows[i] = []string{p.bold(columnTitle(c.Name)), value}
	}
	return draw(page, nil, rows, tw.Alignment{tw.AlignLeft, tw.AlignLeft})
}

// draw calls tablewriter, which draws the frame around cells that already fit.
func draw(page *bytes.Buffer, header []string, rows [][]string, aligns tw.Alignment) error {
	table := tablewriter.NewTable(page,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{Symbols: tableSymbols()})),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithTrimLine(tw.Off),
		tablewriter.WithAlignment(aligns),
	)
	if header != nil {
		table.Header(header)
	}
	if err := table.Bulk(rows); err != nil {
		return err
	}
	return table.Render()
}

func tableSymbols() tw.Symbols { return tw.NewSymbols(tw.StyleLight) }
