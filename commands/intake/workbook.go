package intake

import (
	"archive/zip"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
)

// This file reads XLSX: the first visible sheet, row by row. Formulas count as the values that were saved with them.

const (
	mostUnzipped = 2 << 30  // bytes of all parts of a workbook
	fewUnzipped  = 64 << 20 // up to so many any compression is believed
	mostPressed  = 200      // times that a large workbook is smaller than its parts
)

// readWorkbook reads the first visible sheet of an XLSX file.
func (f *File) readWorkbook(name string) error {
	if err := f.isWorkbook(); err != nil {
		return err
	}
	total := f.scan()
	book, err := excelize.OpenFile(name, excelize.Options{RawCellValue: true, UnzipSizeLimit: mostUnzipped})
	if err != nil {
		return problem("open it and save it again as .xlsx or CSV", "cannot be read as a workbook")
	}
	f.close = book.Close
	sheets := book.GetSheetList()
	if len(sheets) == 0 {
		return errors.Join(problem("", "has no sheet"), book.Close())
	}
	sheets = visible(book, sheets)
	f.Sheet, f.OtherSheets = sheets[0], sheets[1:]
	rows, err := book.Rows(sheets[0])
	if err != nil {
		return errors.Join(problem("", "has no rows in its first sheet"), book.Close())
	}
	shown, err := book.Rows(sheets[0])
	if err != nil {
		return errors.Join(problem("", "has no rows in its first sheet"), book.Close())
	}
	read := cellReader{rows, shown, newTypeReader(f), calendarOf(book)}
	f.close = func() error { return errors.Join(read.types.Close(), rows.Close(), shown.Close(), book.Close()) }
	f.Unit, f.Moment = "row", read.calendar.unformatted
	line, merges := 0, mergedRows{areas: f.merged}
	f.rows = func() (int64, int64) { return int64(line), total }
	f.next = func() (Row, error) {
		if !rows.Next() {
			if rows.Error() != nil {
				return Row{}, problem("open it and save it again", "cannot be read beyond row %d", line)
			}
			return Row{}, io.EOF
		}
		line++
		row, err := read.next(line)
		if err != nil {
			return Row{}, problem("open it and save it again", "cannot be read in row %d", line)
		}
		merges.note(&row)
		return row, nil
	}
	if f.Header, err = f.nextRow(); errors.Is(err, io.EOF) {
		err = problem("", "has no rows in its first sheet")
	}
	if err != nil {
		return errors.Join(err, f.close())
	}
	return nil
}

// visible returns the sheets that are not hidden, or all of them if none is visible.
func visible(book *excelize.File, sheets []string) []string {
	shown := slices.DeleteFunc(slices.Clone(sheets), func(name string) bool {
		is, err := book.GetSheetVisible(name)
		return err == nil && !is
	})
	if len(shown) == 0 {
		return sheets
	}
	return shown
}

// firstYear is the first year in which a number without a format is a day. The numbers of earlier days are small ones,
// which are something else in the wrong column.
const firstYear = 1950

// calendarOf returns the calendar of a workbook.
func calendarOf(book *excelize.File) calendar {
	props, err := book.GetWorkbookProps()
	return calendar{err == nil && props.Date1904 != nil && *props.Date1904}
}

// unformatted reads a number in a cell without a format as a day or time, if it can be one.
func (c calendar) unformatted(text string) string {
	moment, at, is := c.moment(text, false)
	if !is || at.Year() < firstYear && strings.Contains(moment, "-") {
		return text
	}
	return moment
}

// A cellReader reads the cells of a sheet as a person sees them.
type cellReader struct {
	rows, shown *excelize.Rows // the same rows, as they are stored and as they are shown
	types       *typeReader
	calendar    calendar
}

// next returns the next row, which is on this line.
func (r cellReader) next(line int) (row Row, err error) {
	row = Row{Line: line, types: r.types.of(line)}
	if row.Cells, err = r.rows.Columns(); err != nil || !r.shown.Next() {
		return row, err
	}
	var texts []string
	if row.types == nil || slices.ContainsFunc(row.types, func(f format) bool { return f.kind == ShownType }) {
		texts, err = r.shown.Columns(excelize.Options{RawCellValue: false})
	}
	texts = append(texts, make([]string, len(row.Cells))...) // rows end at their last cell with a text
	for at, text := range row.Cells {
		switch shown := texts[at]; {
		case row.isError(at):
			row.note(at, "has the error "+text+" of the spreadsheet")
		case row.types == nil:
			row.Cells[at] = r.guessed(text, shown)
		case at < len(row.types):
			row.Cells[at] = r.seen(text, shown, row.types[at])
		}
	}
	return row, err
}

// seen returns a cell as a person sees it.
func (r cellReader) seen(text, shown string, f format) string {
	switch f.kind {
	case NumberType:
		text = plainNumber(text)
		if f.unit != "" && text != "" {
			text += " " + f.unit
		}
	case DayType, TimeType:
		if moment, _, is := r.calendar.moment(text, f.kind == TimeType); is {
			return moment
		}
	case ShownType:
		if shown != "" {
			return shown
		}
	case TruthType:
		return strings.NewReplacer("0", "FALSE", "1", "TRUE").Replace(text)
	}
	return text
}

// guessed returns a cell of an unknown type as a person sees it: a midnight shows a time, and a number is written as
// workbooks write them.
func (r cellReader) guessed(text, shown string) string {
	number, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || !serial.MatchString(text):
	case strings.Contains(shown, ":"):
		if moment, _, is := r.calendar.moment(text, true); is {
			return moment
		}
	case strings.Contains(text, "E"),
		strings.Contains(text, ".") && text == strconv.FormatFloat(number, 'f', -1, 64):
		return plainNumber(text)
	}
	return text
}

// isWorkbook returns the error of an archive that is no workbook, or that is far larger than it seems.
func (f *File) isWorkbook() error {
	archive, err := zip.NewReader(f.file, f.began.Size())
	if err != nil {
		return problem("open it and save it again as .xlsx or CSV", "is damaged: it is no whole workbook")
	}
	size, isBook := uint64(0), false
	for _, part := range archive.File {
		size += min(part.UncompressedSize64, mostUnzipped+1) // a sum that cannot overflow
		isBook = isBook || part.Name == "xl/workbook.xml"
	}
	switch {
	case !isBook:
		return problem("save it as .xlsx or CSV", "is an archive, and no workbook of Excel")
	case size > mostUnzipped, size > fewUnzipped && size/mostPressed > uint64(f.began.Size()):
		return problem("save it as CSV if you trust it", "would unpack to %d MiB, which no workbook of this size does",
			size>>20)
	}
	return nil
}
