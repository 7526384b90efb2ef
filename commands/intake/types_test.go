package intake

import (
	"archive/zip"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xuri/excelize/v2"
)

// sheetBook writes a workbook whose sheet has this text, and returns its path.
func sheetBook(t *testing.T, sheet string) string {
	t.Helper()
	const space = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	const relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	const packages = "http://schemas.openxmlformats.org/package/2006/"
	path := filepath.Join(t.TempDir(), "a.xlsx")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(file)
	for name, text := range map[string]string{
		"[Content_Types].xml": `<Types xmlns="` + packages + `content-types"></Types>`,
		"_rels/.rels": `<Relationships xmlns="` + packages + `relationships"><Relationship Id="a" Type="` + relations +
			`/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml": `<workbook ` + space + ` xmlns:r="` + relations +
			`"><sheets><sheet name="S" sheetId="1" r:id="b"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships xmlns="` + packages + `relationships"><Relationship Id="b" Type="` +
			relations + `/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
		"xl/worksheets/sheet1.xml": `<worksheet ` + space + `><sheetData>` + sheet + `</sheetData></worksheet>`,
	} {
		part, err := archive.Create(name)
		if err == nil {
			_, err = io.WriteString(part, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// An error of the spreadsheet is no text, and a text that looks like one, or like a number, is no error and no number.
func TestTypes(t *testing.T) {
	text := func(place, text string) string {
		return `<c r="` + place + `" t="inlineStr"><is><t>` + text + `</t></is></c>`
	}
	const wrong = `has the error #N/A of the spreadsheet`
	rows, err := read(sheetBook(t, `<row r="1">`+text("A1", "name")+text("B1", "amount")+`</row><row r="3">`+
		`<c r="A3" t="e"><v>#N/A</v></c><c r="B3" s="0"/></row><row r="4">`+text("A4", "#N/A")+`<c r="B4"><v>1E5</v></c></row>`+
		`<row r="5"><c r="A5"/>`+text("B5", " 1E5")+`</row><row r="6"><c r="A6" t="str"><f>NA()</f><v>#N/A</v></c></row>`))
	if err != nil || len(rows) != 5 {
		t.Fatalf("%v, %v", rows, err)
	}
	for n, want := range []struct {
		types []CellType
		odd   map[int]string
	}{
		{[]CellType{TextType, TextType}, nil},
		{[]CellType{ErrorType}, map[int]string{0: wrong}},
		{[]CellType{TextType, NumberType}, nil},
		{[]CellType{UnknownType, TextType}, nil},
		{[]CellType{TextType}, nil},
	} {
		var types []CellType
		for _, f := range rows[n].types {
			types = append(types, f.kind)
		}
		if !slices.Equal(types, want.types) || !maps.Equal(rows[n].Odd, want.odd) {
			t.Errorf("row %d: %v, %v, want %v, %v", rows[n].Line, types, rows[n].Odd, want.types, want.odd)
		}
	}
	if text, number := rows[3].Cells[1], rows[2].Cells[1]; text != " 1E5" || number != "100000" {
		t.Errorf("the text 1E5 is %q, and the number %q", text, number)
	}
	// without places the types are unknown
	rows, err = read(sheetBook(t, `<row><c t="inlineStr"><is><t>name</t></is></c></row><row><c t="e"><v>#N/A</v></c></row>`))
	if err != nil || len(rows) != 2 || rows[1].types != nil || rows[1].Odd[0] != wrong {
		t.Errorf("%v, %v", rows, err)
	}
}

// A cell is what the workbook shows if its format says that it is no plain number.
func TestFormats(t *testing.T) {
	book := excelize.NewFile()
	for _, c := range []struct {
		format string
		value  any
		want   string
	}{
		{"General", 46000, "46000"},
		{"General", 1.1000000000000001, "1.1"},
		{"General", true, "TRUE"},
		{"0%", 0.5, "50%"},
		{"0.00%", 0.125, "12.50%"},
		{"00000", 42, "00042"},
		{`0#" "##" "##" "##" "##`, 612345678, "06 12 34 56 78"},
		{`000\-00\-0000`, 123456789, "123-45-6789"},
		{`"INV-"0000`, 42, "INV-0042"},
		{"#,##0.00 [$€-40C]", 1234.5, "1234.5 €"},
		{`_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)`, 1234.5, "1234.5 $"},
		{"[$CHF-807] #,##0.00", 1234.5, "1234.5 CHF"},
		{"[Red]#,##0.00", 1234.5, "1234.5"},
		{`0" guests"`, 75, "75"},
		{"0.00E+00", 46000, "46000"},
		{"[$-40C]d mmmm yyyy;@", 46000, "2025-12-09"},
		{"dd/mm/yyyy hh:mm", 46000.75, "2025-12-09 18:00:00"},
		{"dd/mm/yyyy hh:mm", 46000, "2025-12-09 00:00:00"},
		{"mmm-yy", 46000, "2025-12-09"},
		{"hh:mm", 0.75, "18:00:00"},
		{"hh:mm", 0, "00:00:00"},
		{"[h]:mm", 1.5, "1.5"},
	} {
		path := filepath.Join(t.TempDir(), "a.xlsx")
		style, err := book.NewStyle(&excelize.Style{CustomNumFmt: &c.format})
		err = errors.Join(err, book.SetCellValue("Sheet1", "A1", "value"), book.SetCellValue("Sheet1", "A2", c.value),
			book.SetCellStyle("Sheet1", "A2", "A2", style), book.SaveAs(path))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := read(path)
		if err != nil || len(rows) != 2 || rows[1].Cells[0] != c.want {
			t.Errorf("%v as %s: %v, %v, want %q", c.value, c.format, rows, err, c.want)
		}
	}
}
