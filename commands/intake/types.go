package intake

import (
	"archive/zip"
	"errors"
	"io"
)

// This file reads the types of a workbook's cells beside their texts: "#N/A" and "1E5" may be texts, an error and a
// number, and 46000 may be a day.

// A cellType is what a cell of a workbook is.
type cellType byte

const (
	textType cellType = iota // or the cell is empty
	numberType
	errorType
	truthType
)

var typesOf = map[string]cellType{"": numberType, "n": numberType, "e": errorType, "b": truthType}

// A typedCell is the type of a cell, and of a number its format.
type typedCell struct {
	kind   cellType
	format format
}

// A typeReader reads the types of the cells of a sheet row by row.
type typeReader struct {
	sheet   *sheetReader
	formats []format // by the style of a cell
	next    sheetCell
	ended   bool
}

func newTypeReader(archive *zip.Reader, b book, part string) (*typeReader, error) {
	sheet, err := openSheet(archive, part)
	if err != nil {
		return nil, err
	}
	formats, err := formatsOf(archive, b.styles)
	if err != nil {
		return nil, errors.Join(err, sheet.Close())
	}
	return &typeReader{sheet: sheet, formats: formats}, nil
}

// of returns the types of the cells of a row, up to the last one with a value. Rows come in their order.
func (r *typeReader) of(row int) (types []typedCell, err error) {
	for !r.ended && r.next.row <= row {
		if c := r.next; c.row == row && c.isFilled {
			for len(types) <= c.column {
				types = append(types, typedCell{})
			}
			types[c.column].kind = typesOf[c.kind]
			if c.style >= 0 && c.style < len(r.formats) {
				types[c.column].format = r.formats[c.style]
			}
		}
		if r.next, err = r.sheet.next(); errors.Is(err, io.EOF) {
			r.ended = true
		} else if err != nil {
			return nil, err
		}
	}
	return types, nil
}

func (r *typeReader) Close() error { return r.sheet.Close() }

// note adds a description of a cell to Odd.
func (row *Row) note(at int, why string) {
	if row.Odd == nil {
		row.Odd = map[int]string{}
	}
	row.Odd[at] = why
}
