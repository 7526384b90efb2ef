package render

// The table for people. Its widths are decided here; tablewriter draws it.

import (
	"bytes"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"crm/commands"
	"crm/repo"
)

const (
	minTextWidth   = 8  // a text column never gets narrower, unless its text is
	minRecordWidth = 16 // of the values of a single record: a date fits
)

// A tableColumn is what the layout knows about one column.
type tableColumn struct {
	title string
	cells []string // safe text on one line
	text  bool     // may be cut: words of people, not a number, date or status
	right bool
	width int
}

// table writes a list or a single record; vertically if the terminal is too narrow.
func (p painter) table(page *bytes.Buffer, out commands.Output) error {
	if len(out.Rows) == 0 {
		return nil
	}
	if out.Single {
		return p.recordTable(page, out)
	}
	out = without(out, func(c commands.Column) bool { return c.Detail })
	narrow := without(out, func(c commands.Column) bool { return c.Wide })
	for _, candidate := range []commands.Output{out, narrow} {
		if columns := p.tableColumns(candidate); fitColumns(columns, p.Width) {
			return p.drawList(page, candidate, columns)
		}
	}
	p.vertical(page, out)
	return nil
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
	c := tableColumn{title: columnTitle(out.Columns[index].Name), text: text, right: right}
	c.cells = make([]string, len(out.Rows))
	for r, row := range out.Rows {
		c.cells[r] = strings.ReplaceAll(p.cell(row[index]), "\n", "↵")
	}
	return c
}

// columnKind says whether the column holds text, and whether it holds nothing but numbers and
// so stands on the right.
func columnKind(out commands.Output, index int) (text, right bool) {
	numbers, others := 0, 0
	for _, row := range out.Rows {
		switch row[index].(type) {
		case nil:
		case int, int64, repo.Money:
			numbers++
		case string:
			text = !out.Columns[index].Status
			others++
		default:
			others++
		}
	}
	return text, numbers > 0 && others == 0
}

// columnTitle is the name of a column above a table: "COMPANY NAME".
func columnTitle(name string) string {
	return strings.ToUpper(strings.ReplaceAll(name, "_", " "))
}

func (p painter) drawList(page *bytes.Buffer, out commands.Output, columns []tableColumn) error {
	header := make([]string, len(columns))
	aligns := make(tw.Alignment, len(columns))
	for i, c := range columns {
		lines := Wrap(c.title, max(c.width, longestWord(c.title)))
		for l := range lines {
			lines[l] = p.bold(Cut(lines[l], c.width))
		}
		header[i] = strings.Join(lines, "\n")
		aligns[i] = tw.AlignLeft
		if c.right {
			aligns[i] = tw.AlignRight
		}
	}
	rows := make([][]string, len(out.Rows))
	for r := range rows {
		rows[r] = make([]string, len(columns))
		for i, c := range columns {
			rows[r][i] = p.highlight(out.Columns[i], Cut(c.cells[r], c.width))
		}
	}
	return draw(page, header, rows, aligns)
}

// recordTable writes one record as names and values, all of it, long text on several lines.
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
		lines := Wrap(p.cell(out.Rows[0][i]), room)
		for l := range lines {
			lines[l] = p.highlight(c, lines[l])
		}
		rows[i] = []string{p.bold(columnTitle(c.Name)), strings.Join(lines, "\n")}
	}
	return draw(page, nil, rows, tw.Alignment{tw.AlignLeft, tw.AlignLeft})
}

// draw lets tablewriter put the frame and the spaces around cells that fit already.
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
