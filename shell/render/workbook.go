package render

// This file writes workbooks for spreadsheet programs (Office Open XML, ECMA-376), with typed cells.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/xuri/excelize/v2"

	"crm/commands"
	"crm/repo"
)

// sheetName is the only sheet of a workbook.
const sheetName = "Sheet1"

// The widths of the columns of a workbook, in characters.
const (
	widthText = 24
	widthTime = 18
)

// A workbook is a file of one sheet, written row by row. Rows beyond 16 MB are stored in a temporary file of mode
// 0600.
type workbook struct {
	painter
	file    *excelize.File
	sheet   *excelize.StreamWriter
	columns int
	rows    int // the header too
	styles  struct{ header, time, amount int }
}

// newWorkbook returns a workbook with the header of out. The caller must close it.
func (p painter) newWorkbook(out commands.Output) (*workbook, error) {
	b := &workbook{painter: p, file: excelize.NewFile(), columns: len(out.Columns)}
	return b, b.begin(out)
}

func (b *workbook) begin(out commands.Output) (err error) {
	timeFormat, amountFormat := "yyyy-mm-dd hh:mm", "#,##0.00"
	for style, spec := range map[*int]*excelize.Style{
		&b.styles.header: {Font: &excelize.Font{Bold: true}},
		&b.styles.time:   {CustomNumFmt: &timeFormat},
		&b.styles.amount: {CustomNumFmt: &amountFormat},
	} {
		if *style, err = b.file.NewStyle(spec); err != nil {
			return err
		}
	}
	if b.sheet, err = b.file.NewStreamWriter(sheetName); err != nil {
		return err
	}
	header := make([]any, len(out.Columns))
	for i, c := range out.Columns {
		header[i] = excelize.Cell{StyleID: b.styles.header, Value: c.Name}
		if err := b.sheet.SetColWidth(i+1, i+1, b.width(out, i)); err != nil {
			return err
		}
	}
	frozen := &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}
	if err := b.sheet.SetPanes(frozen); err != nil {
		return err
	}
	return b.row(header)
}

// width returns the width of a column, from the kind of its first value.
func (b *workbook) width(out commands.Output, column int) float64 {
	for _, row := range out.Rows {
		switch row[column].(type) {
		case nil:
			continue
		case string:
			return widthText
		case time.Time:
			return widthTime
		}
		return float64(max(len(out.Columns[column].Name)+2, 12))
	}
	return widthText
}

func (b *workbook) row(cells []any) error {
	b.rows++
	at, err := excelize.CoordinatesToCellName(1, b.rows)
	if err != nil {
		return tooLong(err)
	}
	return b.sheet.SetRow(at, cells)
}

// tooLong returns the error of a list with more rows than a sheet has.
func tooLong(err error) error {
	if errors.Is(err, excelize.ErrMaxRows) {
		return commands.Explain(fmt.Sprintf("a workbook has at most %d rows", excelize.TotalRows),
			"write .csv, or narrow the list", commands.ErrOutput)
	}
	return err
}

// add writes the rows of out.
func (b *workbook) add(out commands.Output) error {
	for _, row := range out.Rows {
		cells := make([]any, len(row))
		for i, cell := range row {
			cells[i] = b.cellOf(cell)
		}
		if err := b.row(cells); err != nil {
			return err
		}
	}
	return nil
}

// cellOf converts a value to a cell. Numbers and timestamps keep their types; a text is never a formula.
func (b *workbook) cellOf(cell any) any {
	switch v := cell.(type) {
	case nil:
		return nil
	case int, int64, bool, string:
		return v
	case repo.Money:
		return excelize.Cell{StyleID: b.styles.amount, Value: float64(v) / 100}
	case time.Time:
		local := v.In(b.zone) // a cell has no time zone, so it holds the local time
		if commands.HappensTwice(local) {
			return local.Format(time.RFC3339) // as a text, which an import reads without doubt
		}
		shown := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), 0,
			time.UTC)
		return excelize.Cell{StyleID: b.styles.time, Value: shown}
	}
	return b.bare(cell)
}

// end writes the file to w.
func (b *workbook) end(w io.Writer) error {
	last, err := excelize.CoordinatesToCellName(b.columns, b.rows)
	if err != nil {
		return err
	}
	// before Flush: afterwards it would read the whole sheet into memory
	if err := b.file.AutoFilter(sheetName, "A1:"+last, nil); err != nil {
		return err
	}
	if err := b.sheet.Flush(); err != nil {
		return err
	}
	return b.file.Write(w)
}

// xlsx writes the records as a workbook.
func (p painter) xlsx(page *bytes.Buffer, out commands.Output) error {
	b, err := p.newWorkbook(out)
	if err != nil {
		return err
	}
	defer func() { _ = b.file.Close() }()
	if err := b.add(out); err != nil {
		return err
	}
	return b.end(page)
}

// streamWorkbook is Stream for workbooks: nothing is written before all rows are read.
func streamWorkbook(ctx context.Context, w io.Writer, out commands.Output, st Style,
	look func(commands.Output),
) (rows int, err error) {
	b, err := newPainter(st).newWorkbook(out)
	if err != nil {
		return 0, err
	}
	defer func() { _ = b.file.Close() }()
	for len(out.Rows) > 0 {
		if err := checkRecords(out); err != nil {
			return rows, err
		}
		if err := b.add(out); err != nil {
			return rows, err
		}
		look(out)
		rows += len(out.Rows)
		if out.Rows, err = out.Rest(ctx); err != nil {
			return rows, err
		}
	}
	return rows, commands.Unwritten(b.end(w))
}
