package render

import (
	"bytes"
	"context"
	"io"

	"crm/commands"
)

// Stream writes the records of a list like Write, and then its Rest in batches, in json, csv, tsv or markdown. It
// calls look with each batch before it is written, and returns the number of written rows. After an error it leaves a
// JSON array open, so that a reader sees that it is incomplete.
func Stream(ctx context.Context, w io.Writer, out commands.Output, st Style, look func(commands.Output)) (rows int,
	err error,
) {
	if st.Format == "xlsx" {
		return streamWorkbook(ctx, w, out, st, look)
	}
	p := newPainter(st)
	var page bytes.Buffer
	for first := true; ; first = false {
		if err := checkRecords(out); err != nil {
			return rows, err
		}
		if err := p.batch(&page, out, rows, first); err != nil {
			return rows, err
		}
		if _, err := w.Write(page.Bytes()); err != nil {
			return rows, commands.Unwritten(err)
		}
		look(out)
		rows += len(out.Rows)
		page.Reset()
		if out.Rows, err = out.Rest(ctx); err != nil {
			return rows, err
		}
		if len(out.Rows) == 0 {
			break
		}
	}
	switch st.Format {
	case "json":
		p.jsonEnd(&page, rows)
	case "ics":
		page.WriteString(calendarEnd)
	}
	_, err = w.Write(page.Bytes())
	return rows, commands.Unwritten(err)
}

// batch writes rows of a list. The first batch begins with the header.
func (p painter) batch(page *bytes.Buffer, out commands.Output, before int, first bool) error {
	switch {
	case p.Format == "json":
		if first {
			page.WriteByte('[')
		}
		p.jsonRows(page, out, before)
	case p.Format == "ics":
		if first {
			page.WriteString(calendarBegin)
		}
		return p.calendarEntries(page, out)
	case first:
		return p.paint(page, out)
	case p.Format == "ndjson":
		p.ndjson(page, out)
	case p.Format == "vcard":
		return p.vcards(page, out)
	case p.Format == "csv":
		return p.csvRows(page, out)
	case p.Format == "tsv":
		p.tsvRows(page, out)
	default:
		p.markdownRows(page, out)
	}
	return nil
}
