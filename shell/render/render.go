// Package render formats records. Formats for programs (json, csv, tsv) preserve every value, except cells of csv and
// tsv that a spreadsheet would run: see inert. Formats for people (table, vertical, markdown) use the locale and
// escape control characters. The package writes only to the caller's writer and reads no input.
package render

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"crm/commands"
	"crm/repo"
)

// A Style describes how records are formatted.
type Style struct {
	Format string // table (also when empty), vertical, json, csv, tsv, markdown, ndjson, xlsx, vcard or ics
	Color  bool
	Excel  bool            // csv: in the form that Excel expects in the locale
	Raw    bool            // csv and tsv: cells that a spreadsheet would run are not changed
	Width  int             // of the terminal in columns; 0: no limit
	Locale commands.Locale // zone, currency, language
}

// Write writes the records of out to w, without messages, warnings and row counts. It writes nothing for an output
// without columns, for a Quiet one in a format for people, and for an empty list as table or vertical. It returns an
// error and writes nothing if out is malformed: a cell of an unknown type, a row of another length, a Single without
// exactly one row.
func Write(w io.Writer, out commands.Output, st Style) error {
	if err := checkRecords(out); err != nil {
		return err
	}
	if out.Columns == nil {
		return nil
	}
	var page bytes.Buffer
	if err := newPainter(st).paint(&page, out); err != nil {
		return err
	}
	_, err := w.Write(page.Bytes())
	return err
}

// paint writes the records to page in the painter's format.
func (p painter) paint(page *bytes.Buffer, out commands.Output) error {
	switch p.Format {
	case "json":
		p.json(page, out)
		return nil
	case "ndjson":
		p.ndjson(page, out)
		return nil
	case "xlsx":
		return p.xlsx(page, out)
	case "vcard":
		return p.vcards(page, out)
	case "ics":
		page.WriteString(calendarBegin)
		err := p.calendarEntries(page, out)
		page.WriteString(calendarEnd)
		return err
	case "csv":
		return p.csv(page, out)
	case "tsv":
		p.tsv(page, out)
		return nil
	case "", "table", "vertical", "markdown":
		if out.Quiet {
			return nil
		}
		return p.paintForPeople(page, out)
	}
	return fmt.Errorf("render: unknown format %q", p.Format)
}

func (p painter) paintForPeople(page *bytes.Buffer, out commands.Output) error {
	if out.Single && p.Format != "markdown" {
		empty := map[string]bool{}
		for i, c := range out.Columns {
			nested, _ := out.Rows[0][i].(commands.Nested)
			empty[c.Name] = out.Rows[0][i] == nil || nested.IsEmpty()
		}
		out = without(out, func(c commands.Column) bool { return c.Absent && empty[c.Name] })
	}
	switch p.Format {
	case "vertical":
		p.vertical(page, out)
		return nil
	case "markdown":
		p.markdown(page, out)
		return nil
	}
	return p.table(page, out)
}

// checkRecords returns an error if the output is malformed.
func checkRecords(out commands.Output) error {
	if out.Single && len(out.Rows) != 1 {
		return fmt.Errorf("render: a single record with %d rows", len(out.Rows))
	}
	for i, row := range out.Rows {
		if len(row) != len(out.Columns) {
			return fmt.Errorf("render: row %d has %d cells for %d columns", i+1, len(row), len(out.Columns))
		}
		for j, cell := range row {
			switch cell.(type) {
			case nil, int64, int, bool, string, commands.Date, time.Time, repo.Money, commands.Nested:
			default:
				return fmt.Errorf("render: row %d, column %s: a cell of type %T", i+1, out.Columns[j].Name, cell)
			}
		}
	}
	return nil
}

// without returns the records without some columns; all columns if none would remain.
func without(out commands.Output, some func(commands.Column) bool) commands.Output {
	var keep []int
	for i, c := range out.Columns {
		if !some(c) {
			keep = append(keep, i)
		}
	}
	if len(keep) == 0 || len(keep) == len(out.Columns) {
		return out
	}
	narrow := out
	narrow.Columns, narrow.Rows = make([]commands.Column, len(keep)), make([][]any, len(out.Rows))
	for k, i := range keep {
		narrow.Columns[k] = out.Columns[i]
	}
	for r, row := range out.Rows {
		narrow.Rows[r] = make([]any, len(keep))
		for k, i := range keep {
			narrow.Rows[r][k] = row[i]
		}
	}
	return narrow
}
