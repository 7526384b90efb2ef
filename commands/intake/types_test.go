package intake

import (
	"archive/zip"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
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
		if !slices.Equal(rows[n].Types, want.types) || !maps.Equal(rows[n].Odd, want.odd) {
			t.Errorf("row %d: %v, %v, want %v, %v", rows[n].Line, rows[n].Types, rows[n].Odd, want.types, want.odd)
		}
	}
	if !rows[3].IsText("1E5", []int{0, 1}) || rows[2].IsText("1E5", []int{1}) {
		t.Error("a text is a number, or a number a text")
	}
	// without places the types are unknown
	rows, err = read(sheetBook(t, `<row><c t="inlineStr"><is><t>name</t></is></c></row><row><c t="e"><v>#N/A</v></c></row>`))
	if err != nil || len(rows) != 2 || rows[1].Types != nil || rows[1].Odd[0] != wrong {
		t.Errorf("%v, %v", rows, err)
	}
}
