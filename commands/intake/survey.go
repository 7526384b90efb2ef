package intake

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// This file reads what is to be known of a workbook before its rows are read.

// Unsaved says how many formulas of a column have no result. Programs that make workbooks without calculating write
// such formulas.
type Unsaved struct {
	First string // the first cell, such as B3
	Count int
}

// A survey is what is known of a sheet before its rows are read.
type survey struct {
	rows    int64 // up to the last one with a value
	unsaved map[int]Unsaved
	merged  []area
	texts   int // the highest number of a shared text, from 1
}

// surveyed reads a whole sheet. It returns the error of one that cannot be read up to its end.
func surveyed(archive *zip.Reader, name string) (s survey, err error) {
	damaged := func(row int) error {
		if row == 0 {
			return unreadable()
		}
		return problem("open it and save it again as .xlsx or CSV", "cannot be read beyond row %d", row)
	}
	sheet, err := openSheet(archive, name)
	if err != nil {
		return s, damaged(0)
	}
	defer sheet.Close()
	s.unsaved = map[int]Unsaved{}
	for {
		cell, err := sheet.next()
		switch {
		case errors.Is(err, io.EOF):
			s.merged = sheet.merged
			slices.SortFunc(s.merged, func(a, b area) int { return a.top - b.top })
			return s, nil
		case err != nil:
			return s, damaged(max(sheet.row-1, 0))
		}
		if cell.isFilled {
			s.rows = int64(cell.row)
		}
		if cell.isFormula && !cell.isFilled {
			s.note(cell)
		}
		if number, err := strconv.Atoi(strings.TrimSpace(cell.text)); err == nil && cell.kind == "s" {
			s.texts = max(s.texts, number+1)
		}
	}
}

// note adds a formula without a result.
func (s *survey) note(cell sheetCell) {
	u := s.unsaved[cell.column]
	if u.Count == 0 {
		u.First = nameOf(cell.column, cell.row)
	}
	u.Count++
	s.unsaved[cell.column] = u
}

// A bookPart is a sheet of a workbook that has cells.
type bookPart struct{ name, part string }

// A book is what the parts of a workbook say about it.
type book struct {
	sheets []bookPart // that are visible; if none is, all
	styles string     // the part with the formats of cells
}

// bookOf reads which sheets a workbook has. Sheets that are a chart have no cells.
func bookOf(archive *zip.Reader) (b book, err error) {
	var whole struct {
		Sheets []struct {
			Name  string `xml:"name,attr"`
			ID    string `xml:"id,attr"`    // of the relation
			State string `xml:"state,attr"` // empty or "visible", or a hidden one
		} `xml:"sheets>sheet"`
	}
	var relations struct {
		All []struct {
			ID     string `xml:"Id,attr"`
			Type   string `xml:"Type,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	err = errors.Join(decodePart(archive, "xl/workbook.xml", &whole),
		decodePart(archive, "xl/_rels/workbook.xml.rels", &relations))
	worksheets := map[string]string{}
	for _, r := range relations.All {
		part := path.Join("xl", r.Target)
		if strings.HasPrefix(r.Target, "/") {
			part = path.Clean(r.Target)[1:]
		}
		switch path.Base(r.Type) {
		case "worksheet":
			worksheets[r.ID] = part
		case "styles":
			b.styles = part
		}
	}
	var hidden []bookPart
	for _, s := range whole.Sheets {
		part, isWorksheet := worksheets[s.ID]
		switch {
		case !isWorksheet:
		case s.State == "" || s.State == "visible":
			b.sheets = append(b.sheets, bookPart{s.Name, part})
		default:
			hidden = append(hidden, bookPart{s.Name, part})
		}
	}
	if b.sheets == nil {
		b.sheets = hidden
	}
	return b, err
}

// decodePart decodes a part of an archive.
func decodePart(archive *zip.Reader, name string, into any) error {
	part, err := archive.Open(name)
	if err != nil {
		return err
	}
	defer part.Close()
	return decoderOf(part).Decode(into)
}

// sharedTexts returns how many shared texts a workbook has.
func sharedTexts(archive *zip.Reader) (count int, err error) {
	part, err := archive.Open("xl/sharedStrings.xml")
	if err != nil {
		return 0, err
	}
	defer part.Close()
	limited := &limitedReader{r: part}
	for decoder := decoderOf(limited); ; {
		limited.left = mostCell
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return count, err
		}
		if t, begins := token.(xml.StartElement); begins && t.Name.Local == "si" {
			count++
		}
	}
}
