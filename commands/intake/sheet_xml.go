package intake

import (
	"archive/zip"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/transform"
)

// This file reads the XML of a sheet beside the library, which returns the texts of cells alone and ends silently where
// the XML is broken.

const mostCell = 4 << 20 // bytes of a cell's text, and of what is between two cells

// A sheetReader reads the cells of a sheet in their order.
type sheetReader struct {
	decoder *xml.Decoder
	limited *limitedReader
	part    io.Closer
	row     int // of the last cell, from 1
	column  int // of the last cell, from 0
	merged  []area
}

// A sheetCell is what a cell of a sheet is; not its text.
type sheetCell struct {
	row, column int // from 1, and from 0
	kind        string
	style       int
	text        string // of its value: for a shared text the number of that
	isFormula   bool
	isFilled    bool // it has a value; an empty text is one
}

// openSheet opens a part of a workbook that is a sheet.
func openSheet(archive *zip.Reader, name string) (*sheetReader, error) {
	part, err := archive.Open(name)
	if err != nil {
		return nil, err
	}
	limited := &limitedReader{r: part}
	return &sheetReader{decoder: decoderOf(limited), limited: limited, part: part, column: -1}, nil
}

// decoderOf returns a decoder of XML in any encoding that its first line names.
func decoderOf(part io.Reader) *xml.Decoder {
	d := xml.NewDecoder(part)
	d.CharsetReader = func(label string, text io.Reader) (io.Reader, error) {
		from, err := htmlindex.Get(label)
		if err != nil {
			return nil, err
		}
		return transform.NewReader(text, from.NewDecoder()), nil
	}
	return d
}

// errOrder is the error of a sheet whose rows or cells are not in their order.
var errOrder = errors.New("rows or cells are not in their order")

// next returns the next cell; io.EOF after the last one.
func (r *sheetReader) next() (cell sheetCell, err error) {
	within := "" // the element of the cell whose text is read
	for {
		r.limited.left = mostCell
		token, err := r.decoder.Token()
		if err != nil {
			return sheetCell{}, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch within = t.Name.Local; within {
			case "row":
				err = r.beginRow(attribute(t, "r"))
			case "c":
				cell, err = r.begin(t)
			case "f":
				cell.isFormula = true
			case "v":
				cell.isFilled = cell.kind == "str"
			case "is":
				cell.isFilled = true
			case "mergeCell":
				r.merged = append(r.merged, areaOf(attribute(t, "ref"))...)
			}
		case xml.CharData:
			if within == "v" {
				cell.text += string(t)
				cell.isFilled = true
			}
		case xml.EndElement:
			if within = ""; t.Name.Local == "c" {
				return cell, nil
			}
		}
		if err != nil {
			return sheetCell{}, err
		}
	}
}

// beginRow goes to the row with the number, or to the next one if it is empty.
func (r *sheetReader) beginRow(number string) error {
	before := r.row
	r.row, r.column = before+1, -1
	if number != "" {
		r.row, _ = strconv.Atoi(number)
	}
	if r.row <= before {
		return errOrder
	}
	return nil
}

// begin returns a cell with its place, which its name says, such as B3, or the cell before it.
func (r *sheetReader) begin(t xml.StartElement) (sheetCell, error) {
	before := r.column
	r.column++
	if name := attribute(t, "r"); name != "" {
		var is bool
		if r.column, _, is = placeOf(name); !is {
			return sheetCell{}, errOrder
		}
	}
	style, err := strconv.Atoi(cmp.Or(attribute(t, "s"), "0"))
	if r.column <= before || r.row == 0 || err != nil { // the library leaves out a cell without a valid style
		return sheetCell{}, errOrder
	}
	return sheetCell{row: r.row, column: r.column, kind: attribute(t, "t"), style: style}, nil
}

func attribute(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// placeOf returns the column, from 0, and the row, from 1, of a cell such as B3 or $B$3.
func placeOf(name string) (column, row int, is bool) {
	const mostColumns, mostRows = 1 << 14, 1 << 20
	name = strings.ReplaceAll(name, "$", "")
	letters := strings.TrimRight(name, "0123456789")
	for _, letter := range letters {
		if letter < 'A' || letter > 'Z' || column > mostColumns {
			return 0, 0, false
		}
		column = column*26 + int(letter-'A') + 1
	}
	row, err := strconv.Atoi(name[len(letters):])
	is = err == nil && letters != "" && column <= mostColumns && row >= 1 && row <= mostRows
	return column - 1, row, is
}

// nameOf returns the name of a cell, such as B3.
func nameOf(column, row int) string {
	letters := ""
	for column++; column > 0; column = (column - 1) / 26 {
		letters = string(rune('A'+(column-1)%26)) + letters
	}
	return fmt.Sprintf("%s%d", letters, row)
}

// areaOf returns the area with a name such as B3:C5; none if it is no name.
func areaOf(name string) []area {
	first, last, _ := strings.Cut(name, ":")
	left, top, is := placeOf(first)
	right, bottom, isToo := placeOf(last)
	if !is || !isToo {
		return nil
	}
	return []area{{top, bottom, left, right}}
}

func (r *sheetReader) Close() error { return r.part.Close() }
