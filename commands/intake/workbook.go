package intake

import (
	"archive/zip"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

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
	types := newTypeReader(f)
	f.close = func() error { return errors.Join(types.Close(), rows.Close(), shown.Close(), book.Close()) }
	f.Unit, f.Date = "row", datesOf(book)
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
		cells, err := rows.Columns()
		if err == nil && shown.Next() {
			err = markMidnights(cells, shown)
		}
		if err != nil {
			return Row{}, problem("open it and save it again", "cannot be read in row %d", line)
		}
		row := Row{Line: line, Cells: cells, Types: types.of(line)}
		row.Odd = merges.inside(row)
		row.noteErrors()
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

// datesOf returns the conversion of a workbook's serial numbers to dates; the result is nil for a number that is none.
func datesOf(book *excelize.File) func(serial float64) *time.Time {
	props, err := book.GetWorkbookProps()
	in1904 := err == nil && props.Date1904 != nil && *props.Date1904
	return func(serial float64) *time.Time {
		at, err := excelize.ExcelDateToTime(serial, in1904)
		if err != nil || serial > 2_958_466 { // the end of 9999
			return nil
		}
		at = at.Round(time.Second)
		return &at
	}
}

// wholeNumber is a day, or midnight of one, as workbooks keep it.
var wholeNumber = regexp.MustCompile(`^[0-9]{1,7}$`)

// markMidnights writes ".0" behind the whole numbers of cells that show a time of day: a serial number without a
// fraction stands for a day and for its midnight alike, and only the format of the cell tells them apart. shown is at
// the same row.
func markMidnights(cells []string, shown *excelize.Rows) error {
	if !slices.ContainsFunc(cells, wholeNumber.MatchString) {
		return nil
	}
	texts, err := shown.Columns(excelize.Options{RawCellValue: false})
	for i, text := range texts[:min(len(texts), len(cells))] {
		if wholeNumber.MatchString(cells[i]) && strings.Contains(text, ":") {
			cells[i] += ".0"
		}
	}
	return err
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
