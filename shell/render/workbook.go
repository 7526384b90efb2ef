package render

// This file writes workbooks for spreadsheet programs (Office Open XML, ECMA-376), with typed cells. The rows go to the
// archive as they come, so memory does not grow with them.

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"time"
	"unicode/utf16"

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

// The styles of cells, by their place in cellXfs of stylesPart.
const (
	styleHeader = iota + 1
	styleTime
	styleDay
	styleAmount
)

// The parts of a workbook but for its sheet. workbookPart takes the range of the filter.
const (
	declaration = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	mainSpace   = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	relations   = `http://schemas.openxmlformats.org/officeDocument/2006/relationships`
	packages    = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`
	openTypes   = `application/vnd.openxmlformats-officedocument.spreadsheetml.`

	typesPart = declaration + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
		`<Default Extension="xml" ContentType="application/xml"/>` +
		`<Override PartName="/xl/workbook.xml" ContentType="` + openTypes + `sheet.main+xml"/>` +
		`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="` + openTypes + `worksheet+xml"/>` +
		`<Override PartName="/xl/styles.xml" ContentType="` + openTypes + `styles+xml"/></Types>`
	rootPart = declaration + packages +
		`<Relationship Id="rId1" Type="` + relations + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`
	relationsPart = declaration + packages +
		`<Relationship Id="rId1" Type="` + relations + `/worksheet" Target="worksheets/sheet1.xml"/>` +
		`<Relationship Id="rId2" Type="` + relations + `/styles" Target="styles.xml"/></Relationships>`
	workbookPart = declaration + `<workbook ` + mainSpace + ` xmlns:r="` + relations + `"><sheets><sheet name="` +
		sheetName + `" sheetId="1" r:id="rId1"/></sheets><definedNames><definedName name="_xlnm._FilterDatabase" ` +
		`localSheetId="0" hidden="1">` + sheetName + `!$A$1:$%s$%d</definedName></definedNames></workbook>`
	stylesPart = declaration + `<styleSheet ` + mainSpace + `><numFmts count="3">` +
		`<numFmt numFmtId="164" ` +
		`formatCode="yyyy\-mm\-dd hh:mm"/><numFmt numFmtId="165" formatCode="yyyy\-mm\-dd"/>` +
		`<numFmt numFmtId="166" formatCode="#,##0.00"/></numFmts>` +
		`<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>` +
		`<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>` +
		`<fills count="2"><fill><patternFill patternType="none"/></fill>` +
		`<fill><patternFill patternType="gray125"/></fill></fills>` +
		`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>` +
		`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
		`<cellXfs count="5"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>` +
		`<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>` +
		`<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
		`<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
		`<xf numFmtId="166" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>` +
		`<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`
	sheetBegin = declaration + `<worksheet ` + mainSpace + `><sheetViews><sheetView workbookViewId="0">` +
		`<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>`
)

// A workbook is a file of one sheet that is being written.
type workbook struct {
	painter
	archive *zip.Writer
	sheet   io.Writer
	page    bytes.Buffer // of rows that are not written yet
	names   []string     // of the columns: A, B, …
	rows    int          // the header too
}

// newWorkbook begins a workbook with the header of out.
func (p painter) newWorkbook(w io.Writer, out commands.Output) (b *workbook, err error) {
	b = &workbook{painter: p, archive: zip.NewWriter(w)}
	if b.sheet, err = b.archive.Create("xl/worksheets/sheet1.xml"); err != nil {
		return nil, commands.Unwritten(err)
	}
	b.page.WriteString(sheetBegin)
	header := make([]any, len(out.Columns))
	for i, c := range out.Columns {
		name, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return nil, err
		}
		b.names, header[i] = append(b.names, name), c.Name
		fmt.Fprintf(&b.page, `<col min="%d" max="%[1]d" width="%d" customWidth="1"/>`, i+1, b.width(out, i))
	}
	b.page.WriteString(`</cols><sheetData>`)
	return b, b.row(header)
}

// width returns the width of a column, from the kind of its first value.
func (b *workbook) width(out commands.Output, column int) int {
	for _, row := range out.Rows {
		switch row[column].(type) {
		case nil:
			continue
		case string:
			return widthText
		case time.Time:
			return widthTime
		}
		return max(len(out.Columns[column].Name)+2, 12)
	}
	return widthText
}

// row adds a row to the page.
func (b *workbook) row(cells []any) error {
	if b.rows++; b.rows > excelize.TotalRows {
		return commands.Explain(fmt.Sprintf("a workbook has at most %d rows", excelize.TotalRows),
			"write .csv, or narrow the list", commands.ErrOutput)
	}
	fmt.Fprintf(&b.page, `<row r="%d">`, b.rows)
	for i, cell := range cells {
		b.cell(i, cell)
	}
	b.page.WriteString(`</row>`)
	return nil
}

// add writes the rows of out.
func (b *workbook) add(out commands.Output) error {
	for _, row := range out.Rows {
		if err := b.row(row); err != nil {
			return err
		}
	}
	_, err := b.page.WriteTo(b.sheet)
	return commands.Unwritten(err)
}

// cell adds a cell to the page. Numbers, days and timestamps keep their types; a text is never a formula.
func (b *workbook) cell(column int, cell any) {
	style, number := 0, ""
	switch v := cell.(type) {
	case nil:
		return
	case int, int64:
		number = fmt.Sprint(v)
	case repo.Money:
		style, number = styleAmount, v.String()
	case commands.Date:
		if day, err := time.Parse(time.DateOnly, string(v)); err == nil {
			style, number = styleDay, serial(day)
		}
	case time.Time:
		local := v.In(b.zone)              // a cell has no time zone, so it holds the local time
		if !commands.HappensTwice(local) { // else it is a text with an offset, which an import reads without doubt
			style, number = styleTime, serial(local)
		}
	}
	fmt.Fprintf(&b.page, `<c r="%s%d"`, b.names[column], b.rows)
	truth, isBool := cell.(bool)
	switch {
	case number != "":
		if style > 0 {
			fmt.Fprintf(&b.page, ` s="%d"`, style)
		}
		b.page.WriteString(`><v>` + number + `</v></c>`)
	case isBool:
		b.page.WriteString(` t="b"><v>` + map[bool]string{false: "0", true: "1"}[truth] + `</v></c>`)
	default:
		if b.rows == 1 {
			fmt.Fprintf(&b.page, ` s="%d"`, styleHeader)
		}
		b.page.WriteString(` t="inlineStr"><is><t xml:space="preserve">`)
		_ = xml.EscapeText(&b.page, []byte(literal(b.bare(cell)))) // the buffer has no errors
		b.page.WriteString(`</t></is></c>`)
	}
}

// serial returns the number that stands for a wall time in a workbook: the days since the end of 1899; "" if it is
// before March 1900, where programs count differently.
func serial(at time.Time) string {
	const first = 61
	_, offset := at.Zone()
	from := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	days := float64(at.Unix()+int64(offset)-from.Unix()) / (24 * 60 * 60)
	if days < first {
		return ""
	}
	return strconv.FormatFloat(days, 'f', -1, 64)
}

// escape matches what a workbook's program would read as the number of a character: _x000D_.
var escape = regexp.MustCompile(`_x[0-9a-fA-F]{4}_`)

// literal returns a text as a cell holds it, which has at most 32,767 UTF-16 units: a longer one ends with "…".
func literal(text string) string {
	if units := utf16.Encode([]rune(text)); len(units) > excelize.TotalCellChars {
		text = string(utf16.Decode(slices.Concat(units[:excelize.TotalCellChars-1], []uint16{'…'})))
	}
	return escape.ReplaceAllString(text, "_x005F$0")
}

// end writes what follows the rows.
func (b *workbook) end() error {
	last := b.names[len(b.names)-1]
	fmt.Fprintf(&b.page, `</sheetData><autoFilter ref="A1:%s%d"/></worksheet>`, last, b.rows)
	if _, err := b.page.WriteTo(b.sheet); err != nil {
		return commands.Unwritten(err)
	}
	for _, part := range []struct{ name, text string }{
		{"[Content_Types].xml", typesPart},
		{"_rels/.rels", rootPart},
		{"xl/_rels/workbook.xml.rels", relationsPart},
		{"xl/workbook.xml", fmt.Sprintf(workbookPart, last, b.rows)},
		{"xl/styles.xml", stylesPart},
	} {
		to, err := b.archive.Create(part.name)
		if err == nil {
			_, err = io.WriteString(to, part.text)
		}
		if err != nil {
			return commands.Unwritten(err)
		}
	}
	return commands.Unwritten(b.archive.Close())
}

// xlsx writes the records as a workbook.
func (p painter) xlsx(page *bytes.Buffer, out commands.Output) error {
	b, err := p.newWorkbook(page, out)
	if err == nil {
		err = b.add(out)
	}
	if err != nil {
		return err
	}
	return b.end()
}

// streamWorkbook is Stream for workbooks.
func streamWorkbook(ctx context.Context, w io.Writer, out commands.Output, st Style,
	look func(commands.Output),
) (rows int, err error) {
	b, err := newPainter(st).newWorkbook(w, out)
	if err != nil {
		return 0, err
	}
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
	return rows, b.end()
}
