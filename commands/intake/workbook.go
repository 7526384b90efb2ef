package intake

import (
	"archive/zip"
	"errors"
	"io"
	"strings"

	"github.com/xuri/excelize/v2"
)

// This file reads XLSX: the first visible sheet, row by row. Formulas count as the values that were saved with them.

const (
	mostUnzipped = 2 << 30  // bytes of all parts of a workbook
	fewUnzipped  = 64 << 20 // up to so many any compression is believed
	mostPressed  = 200      // times that a large workbook is smaller than its parts
)

// readWorkbook reads the first visible sheet of an XLSX file that has cells.
func (f *File) readWorkbook() error {
	archive, err := f.isWorkbook()
	if err != nil {
		return err
	}
	parts, err := bookOf(archive)
	if err != nil {
		return unreadable()
	}
	f.OtherSheets = nil
	var chosen bookPart
	var known survey
	for _, sheet := range parts.sheets {
		if known.rows > 0 {
			f.OtherSheets = append(f.OtherSheets, sheet.name)
			continue
		}
		chosen = sheet
		if known, err = surveyed(archive, sheet.part); err != nil {
			return err
		}
	}
	if known.rows == 0 {
		return problem("", "has no sheet with values")
	}
	if texts, err := sharedTexts(archive); known.texts > 0 && (err != nil || texts < known.texts) {
		return problem("open it and save it again as .xlsx or CSV", "is damaged: texts of its cells are missing")
	}
	f.Sheet, f.Unsaved = chosen.name, known.unsaved
	return f.readSheet(archive, parts, chosen, known)
}

// unreadable returns the error of a workbook that other programs may be able to read.
func unreadable() error {
	return problem("open it and save it again as .xlsx or CSV", "cannot be read as a workbook")
}

// readSheet begins to read the rows of a sheet.
func (f *File) readSheet(archive *zip.Reader, parts book, chosen bookPart, known survey) error {
	types, err := newTypeReader(archive, parts, chosen.part)
	if err != nil {
		return unreadable()
	}
	content := io.NewSectionReader(f.file, 0, f.began.Size()) // not the file that has this name meanwhile
	book, err := excelize.OpenReader(content, excelize.Options{RawCellValue: true, UnzipSizeLimit: mostUnzipped})
	if err != nil {
		return errors.Join(unreadable(), types.Close())
	}
	rows, err := book.Rows(chosen.name)
	if err != nil {
		return errors.Join(unreadable(), types.Close(), book.Close())
	}
	f.close = func() error { return errors.Join(types.Close(), rows.Close(), book.Close()) }
	read := cellReader{rows, types, calendarOf(book)}
	f.Unit, f.Moment = "row", read.calendar.unformatted
	line, merges := 0, mergedRows{areas: known.merged}
	f.rows = func() (int64, int64) { return int64(line), known.rows }
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
		merges.note(&row, len(f.Header.Cells))
		return row, nil
	}
	if f.Header, err = f.nextRow(); errors.Is(err, io.EOF) {
		err = problem("", "has no sheet with values")
	}
	if err != nil {
		return errors.Join(err, f.close())
	}
	return nil
}

// A cellReader reads the cells of a sheet as a person sees them.
type cellReader struct {
	rows     *excelize.Rows
	types    *typeReader
	calendar calendar
}

// next returns the next row, which is on this line.
func (r cellReader) next(line int) (row Row, err error) {
	cells, err := r.rows.Columns()
	types, typesErr := r.types.of(line)
	row = Row{Line: line, Cells: cells}
	for at, t := range types[:min(len(types), len(cells))] {
		switch t.kind {
		case numberType:
			cells[at] = t.format.show(cells[at], r.calendar)
		case truthType:
			cells[at] = strings.NewReplacer("0", "FALSE", "1", "TRUE").Replace(cells[at])
		case errorType:
			row.note(at, "has the error "+cells[at]+" of the spreadsheet")
		}
	}
	return row, errors.Join(err, typesErr)
}

// isWorkbook returns the parts of a workbook, or the error of an archive that is none or that is far larger than it
// seems.
func (f *File) isWorkbook() (*zip.Reader, error) {
	archive, err := zip.NewReader(f.file, f.began.Size())
	if err != nil {
		return nil, problem("open it and save it again as .xlsx or CSV", "is damaged: it is no whole workbook")
	}
	size, isBook := uint64(0), false
	for _, part := range archive.File {
		size += min(part.UncompressedSize64, mostUnzipped+1) // a sum that cannot overflow
		isBook = isBook || part.Name == "xl/workbook.xml"
	}
	switch {
	case !isBook:
		return nil, problem("save it as .xlsx or CSV", "is an archive, and no workbook of Excel")
	case size > mostUnzipped, size > fewUnzipped && size/mostPressed > uint64(f.began.Size()):
		return nil, problem("save it as CSV if you trust it",
			"would unpack to %d MiB, which no workbook of this size does", size>>20)
	}
	return archive, nil
}
