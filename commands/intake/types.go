package intake

import (
	"archive/zip"
	"bufio"
	"bytes"
	"io"
	"regexp"
	"strconv"
)

// This file reads the types of a workbook's cells beside their values: "#N/A" and "1E5" may be texts, an error and a
// number, and 46000 may be a day.

// A CellType is what a cell of a workbook is.
type CellType byte

const (
	UnknownType CellType = iota // or the cell is empty
	NumberType
	DayType
	TimeType  // also of a day
	ShownType // a number that is read as the workbook shows it, such as 50% or 00042
	TextType
	ErrorType
	TruthType
)

var typesOf = map[string]CellType{
	"": NumberType, "n": NumberType, "s": TextType, "str": TextType, "inlineStr": TextType, "e": ErrorType,
	"b": TruthType,
}

// faulty matches the value of a formula that fails.
var faulty = regexp.MustCompile(`^#(REF!|N/A|VALUE!|NAME\?|DIV/0!|NUM!|NULL!)$`)

// A typeReader reads the types of the cells of a sheet row by row. If the sheet is not written as usual, with a place
// in every cell, the types are unknown.
type typeReader struct {
	sheet   io.Closer
	cells   *bufio.Scanner
	formats []format   // by the style of a cell
	next    placedType // the cell that was read last
	lost    bool
}

// A placedType is a cell's row, from 1, its column, from 0, and its type.
type placedType struct {
	row, column int
	format
}

// newTypeReader reads the first visible sheet.
func newTypeReader(f *File) *typeReader {
	archive, err := zip.NewReader(f.file, f.began.Size())
	if err != nil {
		return &typeReader{lost: true}
	}
	sheet, err := archive.Open(firstSheet(archive))
	if err != nil {
		return &typeReader{lost: true}
	}
	return &typeReader{sheet: sheet, cells: cellScanner(sheet), formats: formatsOf(archive)}
}

// cellScanner splits the text of a sheet after each cell with a value.
func cellScanner(sheet io.Reader) *bufio.Scanner {
	cells := bufio.NewScanner(sheet)
	cells.Buffer(make([]byte, most), mostCell)
	cells.Split(func(data []byte, ended bool) (int, []byte, error) {
		const mark = "</c>"
		if i := bytes.Index(data, []byte(mark)); i >= 0 {
			return i + len(mark), data[:i], nil
		}
		if ended && len(data) > 0 {
			return len(data), data, nil
		}
		return 0, nil, nil
	})
	return cells
}

// of returns the types of the cells of a row; nil if they are unknown. Rows come in their order.
func (r *typeReader) of(row int) (types []format) {
	for !r.lost {
		if r.next.row > row {
			return types
		}
		if r.next.row == row && r.next.kind != UnknownType {
			if missing := r.next.column + 1 - len(types); missing > 0 {
				types = append(types, make([]format, missing)...)
			}
			types[r.next.column] = r.next.format
		}
		if !r.cells.Scan() {
			r.lost = r.cells.Err() != nil
			r.next = placedType{row: row + 1} // nothing follows
			continue
		}
		r.read(r.cells.Bytes())
	}
	return nil
}

// read takes the last cell of a text, which is the one whose end was found.
func (r *typeReader) read(text []byte) {
	at := bytes.LastIndex(text, []byte("<c "))
	if at < 0 { // what follows the cells
		r.lost = bytes.Contains(text, []byte("<c>")) || r.next.row == 0
		r.next.kind = UnknownType
		return
	}
	tag, _, _ := bytes.Cut(text[at:], []byte(">"))
	column, row := placeOf(attribute(tag, ` r="`))
	before := r.next
	r.next = placedType{row, column, format{kind: typesOf[string(attribute(tag, ` t="`))]}}
	style, err := strconv.Atoi(string(attribute(tag, ` s="`)))
	if r.next.kind == NumberType && err == nil && style >= 0 && style < len(r.formats) {
		r.next.format = r.formats[style]
	}
	r.lost = row < 1 || row < before.row
}

func attribute(tag []byte, mark string) []byte {
	_, value, _ := bytes.Cut(tag, []byte(mark))
	value, _, _ = bytes.Cut(value, []byte(`"`))
	return value
}

// placeOf returns the column, from 0, and the row of a cell such as B3; the row is 0 if the name is none.
func placeOf(name []byte) (column, row int) {
	const mostColumns = 1 << 14
	letters := 0
	for letters < len(name) && name[letters] >= 'A' && name[letters] <= 'Z' && column < mostColumns {
		column = column*26 + int(name[letters]-'A') + 1
		letters++
	}
	for _, b := range name[letters:] {
		if b < '0' || b > '9' || row > 1<<20 {
			return 0, 0
		}
		row = row*10 + int(b-'0')
	}
	if letters == 0 || column > mostColumns {
		return 0, 0
	}
	return column - 1, row
}

func (r *typeReader) Close() error {
	if r.sheet == nil {
		return nil
	}
	return r.sheet.Close()
}

// isError reports whether a cell holds an error of the spreadsheet.
func (row *Row) isError(at int) bool {
	if row.types == nil {
		return faulty.MatchString(row.Cells[at])
	}
	return at < len(row.types) && row.types[at].kind == ErrorType
}

// note adds a description of a cell to Odd.
func (row *Row) note(at int, why string) {
	if row.Odd == nil {
		row.Odd = map[int]string{}
	}
	row.Odd[at] = why
}
