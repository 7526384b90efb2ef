package intake

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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

// An error of the spreadsheet is no text, and a text that looks like one, or like a number, is no error and no number,
// however the cells are written.
func TestTypes(t *testing.T) {
	const cells = `<row r="1"><c r="A1" t="inlineStr"><is><t>name</t></is></c><c r="B1" t="inlineStr"><is><t>amount</t>` +
		`</is></c></row><row r="3"><c r="A3" t="e"><v>#N/A</v></c><c r="B3" s="0"/></row><row r="4"><c r="A4" ` +
		`t="inlineStr"><is><t>#N/A</t></is></c><c r="B4"><v>1E5</v></c></row><row r="5"><c r="A5"/><c r="B5" ` +
		`t="inlineStr"><is><t> 1E5</t></is></c></row><row r="6"><c r="A6" t="str"><f>NA()</f><v>#N/A</v></c></row>`
	const wrong = `has the error #N/A of the spreadsheet`
	for _, sheet := range []string{
		cells, strings.ReplaceAll(cells, `"`, `'`), strings.ReplaceAll(cells, "<c ", "<c\n "),
		regexp.MustCompile(`<c (r="..") (t="[^"]*")`).ReplaceAllString(cells, "<c $2  $1"),
		regexp.MustCompile(`<(/?)(row|c|is|t|v|f)\b`).ReplaceAllString(cells, "<${1}x:$2"),
	} {
		rows, err := read(sheetBook(t, sheet))
		if err != nil || len(rows) != 5 {
			t.Errorf("%s: %v, %v", sheet, rows, err)
			continue
		}
		for n, want := range []map[int]string{nil, {0: wrong}, nil, nil, nil} {
			if !maps.Equal(rows[n].Odd, want) {
				t.Errorf("%s: row %d: %v, want %v", sheet, rows[n].Line, rows[n].Odd, want)
			}
		}
		if text, number := rows[3].Cells[1], rows[2].Cells[1]; text != " 1E5" || number != "100000" {
			t.Errorf("%s: the text 1E5 is %q, and the number %q", sheet, text, number)
		}
	}
	rows, err := read(sheetBook(t, `<row><c t="inlineStr"><is><t>name</t></is></c></row><row><c t="e"><v>#N/A</v></c></row>`))
	if err != nil || len(rows) != 2 || rows[1].Odd[0] != wrong {
		t.Errorf("without places: %v, %v", rows, err)
	}
}

// A workbook that cannot be read up to its end is refused, with the last row that can be read.
func TestDamagedWorkbook(t *testing.T) {
	const begin = `<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row><row r="2"><c r="A2"><v>1</v></c></row><row r="3">`
	for content, want := range map[string]string{
		"<c r=\"A3\" t=\"inlineStr\"><is><t>\x01</t></is></c></row>":      "beyond row 2",
		`<c r="A3" t="inlineStr"><is><t>a & b</t></is></c></row>`:         "beyond row 2",
		`<c r="A3" t="inlineStr"><is><t>a&nbsp;b</t></is></c></row>`:      "beyond row 2",
		"<c r=\"A3\" t=\"inlineStr\"><is><t>\xe9t\xe9</t></is></c></row>": "beyond row 2",
		`<c r="A3"><v>1</v></c>`: "beyond row 2",
		`<c r="A3"><v>1</v></c></row><row r="2"><c r="A2"><v>3</v></c></row>`: "beyond row 1",
		`<c r="B3"><v>1</v></c><c r="A3"><v>1</v></c></row>`:                  "beyond row 2",
		`<c r="A3" t="s"><v>0</v></c></row>`:                                  "texts of its cells are missing",
	} {
		var p *Problem
		if _, err := read(sheetBook(t, begin+content)); !errors.As(err, &p) || !strings.Contains(p.Text, want) {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
}

// A cell is what the workbook shows if its format says that it is no plain number.
func TestFormats(t *testing.T) {
	for _, c := range []struct{ code, number, want string }{
		{"General", "46000", "46000"},
		{"General", "1.1000000000000001", "1.1"},
		{"General", "33.333333333333336", "33.3333333333333"},
		{"0", "1234.5", "1234.5"},
		{"0.00", "33.333333333333336", "33.33"},
		{"0.00", "1234.5", "1234.5"},
		{"0.00", "75", "75"},
		{"0", "1234567890123456789", "1234567890123456789"},
		{"0.00", "1.005", "1.01"},
		{"0.00", "8.165", "8.17"},
		{"0.00", "-35.855", "-35.86"},
		{"0.00", "0.004", "0"},
		{"0%", "0.5", "50%"},
		{"0%", "0.125", "13%"},
		{"0%", "0.285", "29%"},
		{`"Remise "0%`, "0.125", "Remise 13%"},
		{`"Hall "0.0`, "2.5", "Hall 2.5"},
		{`[>=1000]#,##0.00" USD";0.00" EUR"`, "1500", "1500 USD"},
		{`[>=1000]#,##0.00" USD";0.00" EUR"`, "15", "15 EUR"},
		{`[Red][<0]0.00" $";0.00" $"`, "1500", "1500 $"},
		{"[>1]0%;0.00", "2", "200%"},
		{`"Table "@`, "42", "42"},
		{`0;-0;"x"@`, "0", "0"},
		{`[$-411]ggge"年"`, "46000", "2025-12-09"},
		{"aaaa", "46000", "2025-12-09"},
		{"h:mm", "46000.75", "18:00:00"},
		{"h:mm", "1", "00:00:00"},
		{"0.00%", "0.125", "12.5%"},
		{`0.00"%"`, "12.5", "12.5%"},
		{`0.00\%`, "12.5", "12.5%"},
		{"00000", "42", "00042"},
		{"000000", "1234.5", "1234.5"},
		{"[$-40C]00000", "42", "00042"},
		{"[$-40C]#,##0", "1234", "1234"},
		{`0#" "##" "##" "##" "##`, "612345678", "06 12 34 56 78"},
		{`000\-00\-0000`, "123456789", "123-45-6789"},
		{"(###) ###-####", "5551234567", "5551234567"},
		{`"INV-"0000`, "42", "INV-0042"},
		{`"INV-"0000`, "-42", "-INV-0042"},
		{`"K-"0`, "42", "K-42"},
		{`"K"General`, "42", "K42"},
		{`"Salle "0`, "0", "Salle 0"},
		{`"oui";;"non"`, "1", "oui"},
		{`"oui";;"non"`, "0", "non"},
		{`0000;-0000;"–"`, "0", "0"},
		{"#,##0.00 [$€-40C]", "1234.5", "1234.5 €"},
		{`[$-407]#,##0.00\ "€"`, "1234.5", "1234.5 €"},
		{`[$-407]#,##0.00\ "£"`, "1234.5", "1234.5 £"},
		{`#,##0.00\ "USD"`, "1234.5", "1234.5 USD"},
		{`_ "CHF"\ * #,##0.00_ `, "1234.5", "CHF 1234.5"},
		{`#,##0.00\ "kr"`, "1234.5", "1234.5 kr"},
		{`General" €"`, "1234.5", "1234.5 €"},
		{`_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)`, "1234.5", "$1234.5"},
		{`_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)`, "-1234.5", "-$1234.5"},
		{`_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)`, "0", "$0"},
		{`_-* #,##0.00\ _€_-;-* #,##0.00\ _€_-;_-* "-"??\ _€_-;_-@_-`, "1234.5", "1234.5"},
		{`_ * #,##0.00_)\ _$_ ;_ * (#,##0.00)\ _$_ ;_ * "-"??_)\ _$_ ;_ @_ `, "1234.5", "1234.5"},
		{"[$CHF-807] #,##0.00", "1234.5", "CHF 1234.5"},
		{"[Red]#,##0.00", "1234.5", "1234.5"},
		{"#,##0.00;[Red]-#,##0.00", "-1234.5", "-1234.5"},
		{`0" guests"`, "75", "75 guests"},
		{"0.00E+00", "46000", "46000"},
		{"# ?/?", "46000.5", "46000.5"},
		{"[<=9999999]###-####;(###) ###-####", "5551234567", "5551234567"},
		{"[$-40C]d mmmm yyyy;@", "46000", "2025-12-09"},
		{"dd/mm/yyyy", "46000.75", "2025-12-09"},
		{"dd/mm/yyyy", "0.5", "0.5"},
		{"dd/mm/yyyy hh:mm", "46000.75", "2025-12-09 18:00:00"},
		{"dd/mm/yyyy hh:mm", "46000", "2025-12-09 00:00:00"},
		{"mmm-yy", "46000", "2025-12-09"},
		{"[$-409]h:mm AM/PM;@", "0.75", "18:00:00"},
		{"hh:mm", "0", "00:00:00"},
		{"[h]:mm", "1.5", "1.5"},
		{"@", "1.5", "1.5"},
		{`0"`, "7", "7"},
		{`0\`, "7", "7"},
		{"[", "7", "7"},
		{"", "7", "7"},
	} {
		if got := formatOf(c.code).show(c.number, calendar{}); got != c.want {
			t.Errorf("%s as %s: %q, want %q", c.number, c.code, got, c.want)
		}
	}
}

// The formats of a workbook are those of its styles, wherever these are.
func TestFormatsOfCells(t *testing.T) {
	book := excelize.NewFile()
	day, code := 14, "00000"
	path := filepath.Join(t.TempDir(), "a.xlsx")
	for row, v := range []any{"value", 46000, 42, true} {
		if err := book.SetCellValue("Sheet1", fmt.Sprintf("A%d", row+1), v); err != nil {
			t.Fatal(err)
		}
	}
	days, err := book.NewStyle(&excelize.Style{NumFmt: day})
	codes, err2 := book.NewStyle(&excelize.Style{CustomNumFmt: &code})
	err = errors.Join(err, err2, book.SetCellStyle("Sheet1", "A2", "A2", days),
		book.SetCellStyle("Sheet1", "A3", "A3", codes), book.SaveAs(path))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := read(path)
	var got []string
	for _, r := range rows {
		got = append(got, r.Cells...)
	}
	if want := []string{"value", "2025-12-09", "00042", "TRUE"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}
