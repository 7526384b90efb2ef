package intake

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
)

// This file scans the text of a workbook's sheet before it is read: it counts the rows, for the progress, and finds
// formulas without a result and merged cells, which would be read as empty ones. Programs that make workbooks without
// calculating write such formulas.

// Unsaved says how many formulas of a column have no result.
type Unsaved struct {
	First string // the first cell, such as B3
	Count int
}

const mostCell = 4 << 20 // bytes of a cell, and of the empty cells and rows before it

var (
	cellMark   = regexp.MustCompile(`<c r="([A-Z]{1,3}[0-9]{1,7})"([^>]*)>`)
	resultMark = regexp.MustCompile(`<v[^>]*>[^<]`)
)

// scan returns the number of rows of the first sheet, or -1 if it cannot be read: then reading it fails too. It fills
// f.Unsaved.
func (f *File) scan() (rows int64) {
	archive, err := zip.NewReader(f.file, f.began.Size())
	if err != nil {
		return -1
	}
	sheet, err := archive.Open(firstSheet(archive))
	if err != nil {
		return -1
	}
	defer sheet.Close()
	f.Unsaved = map[int]Unsaved{}
	cells := cellScanner(sheet)
	for cells.Scan() {
		text := cells.Bytes()
		rows += int64(bytes.Count(text, []byte("<row ")))
		if bytes.Contains(text, []byte("<f")) {
			f.noteFormula(text)
		}
		f.noteMerged(text)
	}
	if cells.Err() != nil {
		return -1
	}
	slices.SortFunc(f.merged, func(a, b area) int { return a.top - b.top })
	return rows
}

// noteFormula adds the last cell of the text to f.Unsaved if it is a formula without a result. An empty text is a
// result.
func (f *File) noteFormula(text []byte) {
	marks := cellMark.FindAllSubmatchIndex(text, -1)
	if marks == nil {
		return
	}
	at := marks[len(marks)-1]
	name, attributes, content := string(text[at[2]:at[3]]), text[at[4]:at[5]], text[at[1]:]
	isFormula := bytes.Contains(content, []byte("<f>")) || bytes.Contains(content, []byte("<f "))
	isEmptyText := bytes.Contains(attributes, []byte(`t="str"`)) && bytes.Contains(content, []byte("<v"))
	if !isFormula || isEmptyText || resultMark.Match(content) {
		return
	}
	column, _, err := excelize.CellNameToCoordinates(name)
	if err != nil {
		return
	}
	u := f.Unsaved[column-1]
	if u.Count == 0 {
		u.First = name
	}
	u.Count++
	f.Unsaved[column-1] = u
}

// firstSheet returns the name of the part of a workbook that holds its first visible sheet; see visible.
func firstSheet(archive *zip.Reader) string {
	var book struct {
		Sheets []struct {
			ID    string `xml:"http://schemas.openxmlformats.org/officeDocument/2006/relationships id,attr"`
			State string `xml:"state,attr"` // empty or "visible", or a hidden one
		} `xml:"sheets>sheet"`
	}
	var relations struct {
		All []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if decodePart(archive, "xl/workbook.xml", &book) && decodePart(archive, "xl/_rels/workbook.xml.rels", &relations) {
		first := 0
		for i, s := range slices.Backward(book.Sheets) {
			if s.State == "" || s.State == "visible" {
				first = i
			}
		}
		for _, r := range relations.All {
			if len(book.Sheets) > 0 && r.ID == book.Sheets[first].ID {
				if strings.HasPrefix(r.Target, "/") {
					return path.Clean(r.Target)[1:]
				}
				return path.Join("xl", r.Target)
			}
		}
	}
	return "xl/worksheets/sheet1.xml"
}

// decodePart decodes a part of an archive, and reports whether it can be.
func decodePart(archive *zip.Reader, name string, into any) bool {
	part, err := archive.Open(name)
	if err != nil {
		return false
	}
	defer part.Close()
	return xml.NewDecoder(part).Decode(into) == nil
}
