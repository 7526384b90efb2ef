package intake

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// write writes a file and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// read returns the rows of a file, the header first, and the error that ends it.
func read(path string) (rows []Row, err error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows = []Row{f.Header}
	for {
		row, err := f.Next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
}

// TestText reads the same rows in every encoding and with every delimiter.
func TestText(t *testing.T) {
	const text = "Société,Contact\r\n\"Café, \"\"Été\"\"\",Zoé\r\n\r\n\"two\nlines\",x\r\n"
	want := [][]string{{"Société", "Contact"}, {`Café, "Été"`, "Zoé"}, {"two\nlines", "x"}}
	encoded := func(s string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, content := range map[string]string{
		"utf-8":        text,
		"bom":          "\ufeff" + text,
		"macintosh":    strings.NewReplacer("\r\n", "\r", "\n", "\r").Replace(text),
		"windows-1252": encoded(charmap.Windows1252.NewEncoder().String(text)),
		"utf-16le":     encoded(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(text)),
		"utf-16be":     encoded(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String(text)),
		"no mark":      encoded(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().String(text)),
		"semicolons":   strings.NewReplacer("é,C", "é;C", `""",Z`, `""";Z`, `",x`, `";x`).Replace(text),
		"tabs":         strings.NewReplacer("é,C", "é\tC", `""",Z`, "\"\"\"\tZ", `",x`, "\"\tx").Replace(text),
		"bars":         strings.NewReplacer("é,C", "é|C", `""",Z`, `"""|Z`, `",x`, `"|x`).Replace(text),
		"sep":          "sep=;\r\n" + strings.NewReplacer("é,C", "é;C", `""",Z`, `""";Z`, `",x`, `";x`).Replace(text),
	} {
		rows, err := read(write(t, "a.csv", content))
		var got [][]string
		for _, r := range rows {
			got = append(got, r.Cells)
		}
		if err != nil || !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if line := 4 + strings.Count(content, "sep="); err == nil && len(rows) == 3 && rows[2].Line != line {
			t.Errorf("%s: the last row is on line %d, want %d", name, rows[2].Line, line)
		}
	}
}

// UTF-16 without a mark is recognised where few characters are Latin letters too, and a text with a NUL is none.
func TestUnmarked(t *testing.T) {
	const text = "会社名,担当者\r\n株式会社《春》,山田太郎\r\n"
	for _, order := range []unicode.Endianness{unicode.LittleEndian, unicode.BigEndian} {
		content, err := unicode.UTF16(order, unicode.IgnoreBOM).NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := read(write(t, "a.csv", content))
		if err != nil || len(rows) != 2 || !slices.Equal(rows[1].Cells, []string{"株式会社《春》", "山田太郎"}) {
			t.Errorf("%v: %v, %v", order, rows, err)
		}
	}
	for _, content := range []string{"ab,c\nx\x00,y\n", "a,b\nx,y\x00\n"} {
		var p *Problem
		if _, err := read(write(t, "a.csv", content)); !errors.As(err, &p) || !strings.Contains(p.Text, "has NUL") {
			t.Errorf("%q: %v", content, err)
		}
	}
}

// A file that cannot be read is refused with a text that names the place.
func TestMalformed(t *testing.T) {
	keys := make([]string, mostKeys+1)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"k%d":1`, i)
	}
	long := "a,b\n1,2\n\"open,2\n" + strings.Repeat("3,4\n", 1<<19)
	for content, want := range map[string]string{
		"":                                    "is empty",
		"  \n\n":                              "is empty",
		"a,b\n1,\"open\n2,3\n":                "a quote that opens on line 2 and is not closed",
		"a,b\n1,2\n\"x\"y,2\n":                "a quote that opens on line 3 and is not closed",
		long:                                  "begins on line 3: is a quote open there?",
		"a,b\n1,\x00\n":                       "NUL characters",
		"\xd0\xcf\x11\xe0\xa1\xb1\x1a":        "an old or protected kind",
		"<html><table><tr>":                   "is HTML or XML",
		"\ufeff<?xml version='1.0'?>":         "is HTML or XML",
		"PK\x03\x04 and no more":              "is damaged",
		`[{"a":1},{"a":`:                      "is not JSON from record 2 on",
		`[{"a":1}] x`:                         "something else than an object behind record 1",
		`[{"a":1},2]`:                         "something else than an object behind record 1",
		"{\"a\":1}\n[]":                       "something else than an object behind record 1",
		"[]":                                  "has no records",
		`{"a":"` + strings.Repeat("x", 2<<20): "has a record of more than 1024 KiB, number 1",
		"{" + strings.Join(keys, ",") + "}":   "more than 1000 different keys",
		"BEGIN:VCARD\nFN:A\n":                 "without an end",
		"BEGIN:VCARD\n" + strings.Repeat("x", mostCard+1<<20): "a vCard on line 1 that is too large",
		"BEGIN:VCARD\nEND:VCARD\nFN:A":                        "no vCard on line 3",
	} {
		_, err := read(write(t, "a.xlsx", content))
		var p *Problem
		if !errors.As(err, &p) || !strings.Contains(p.Text, want) {
			t.Errorf("%.20q: %v, want %q", content, err, want)
		}
	}
	for _, path := range []string{t.TempDir(), os.DevNull} {
		if _, err := read(path); err == nil || !strings.Contains(err.Error(), "is no file") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A quote in a value without quotes is a character. Where it may open a value the file is refused, see TestMalformed.
func TestBareQuotes(t *testing.T) {
	two := "a;b\nLe \"Grand\" Hôtel;\"x; \"\"y\"\"\nz\"\n1;2\n"
	if rows, err := read(write(t, "a.csv", two)); err == nil {
		t.Errorf("a quote before a value in quotes of two lines is read: %+v", rows)
	}
	one := "a;b\nLe \"Grand\" Hôtel;\"x; \"\"y\"\"\"\n5\" rail;=\"06 12\"\n1;2\n"
	want := []Row{
		{Line: 1, Cells: []string{"a", "b"}},
		{Line: 2, Cells: []string{`Le "Grand" Hôtel`, `x; "y"`}},
		{Line: 3, Cells: []string{`5" rail`, `="06 12"`}},
		{Line: 4, Cells: []string{"1", "2"}},
	}
	if rows, err := read(write(t, "a.csv", one)); err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("%+v, %v, want %+v", rows, err, want)
	}
}

// Objects in an array or on a line each have the same cells, whatever keys they have.
func TestObjects(t *testing.T) {
	first, second := `{"name":"A \"x\"","n":12,"off":null}`, `{"b":true,"name":"é\n","n":1.50,"list":[1, 2]}`
	want := [][]string{
		{"name", "n", "off", "b", "list"}, {`A "x"`, "12", "", "", ""}, {"é\n", "1.50", "", "true", "[1, 2]"},
	}
	for _, content := range []string{
		"[" + first + "," + second + "]\n", first + "\n" + second + "\n", "\ufeff[\n  " + first + ",\n  " + second + "\n]",
	} {
		rows, err := read(write(t, "a.csv", content))
		if err != nil || len(rows) != len(want) {
			t.Errorf("%q: %v, %v", content, rows, err)
			continue
		}
		for i, row := range rows {
			if !slices.Equal(row.Cells, want[i]) || row.Line != i {
				t.Errorf("%q: %d: %q, want %d: %q", content, row.Line, row.Cells, i, want[i])
			}
		}
	}
}

// The kind of a file is recognised in UTF-16 too.
func TestKindsInUTF16(t *testing.T) {
	for content, want := range map[string]string{
		`{"a":1}`: "record", "BEGIN:VCARD\nEND:VCARD\n": "line", "<html>": "is HTML or XML", "BEGIN:VCALENDAR": "is a calendar",
		" \n": "is empty",
	} {
		for _, order := range []unicode.Endianness{unicode.LittleEndian, unicode.BigEndian} {
			text, err := unicode.UTF16(order, unicode.UseBOM).NewEncoder().String(content)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Open(write(t, "a.csv", text))
			if err == nil {
				defer f.Close()
			}
			if err == nil && f.Unit != want || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %q", content, err, want)
			}
		}
	}
}

// A quote that opens in the middle of 200 MB is found without reading them into memory.
func TestOpenQuote(t *testing.T) {
	to, err := os.Create(filepath.Join(t.TempDir(), "a.csv"))
	if err != nil {
		t.Fatal(err)
	}
	part := []byte(strings.Repeat("Bouzin SARL,Lou Bouzin,Nantes,44000,\n", 1<<20/36))
	for i := range 200 {
		if i == 100 {
			_, err = to.WriteString("Durand,\"Al Durand,Nantes,44000,\n")
		}
		if _, wrote := to.Write(part); err != nil || wrote != nil {
			t.Fatal(err, wrote)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := Open(to.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows := 1
	for ; err == nil; rows++ {
		_, err = f.Next()
	}
	runtime.ReadMemStats(&after)
	line := 100*(1<<20/36) + 1
	if want := fmt.Sprintf("begins on line %d: is a quote open there?", line); rows != line ||
		!strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), to.Name()) {
		t.Errorf("%d rows, %v, want %q", rows, err, want)
	}
	if used := after.HeapSys - min(before.HeapSys, after.HeapSys); used > 64<<20 {
		t.Errorf("the heap grew by %d MiB", used>>20)
	}
}

// A file has changed that grows while it is read, or that another one replaces, as programs save files. The one that was
// opened is read to its own end.
func TestChanged(t *testing.T) {
	for what, change := range map[string]func(path string) error{
		"grows": func(path string) error { return os.WriteFile(path, []byte("a,b\n1,2\n3,4\n"), 0o600) },
		"is replaced": func(path string) error {
			return os.Rename(write(t, "b.csv", "a,b\n3,4\n"), path)
		},
	} {
		path := write(t, "a.csv", "a,b\n1,2\n")
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.Changed() {
			t.Errorf("%s: it has changed before", what)
		}
		if err := change(path); err != nil {
			t.Fatal(err)
		}
		if row, err := f.Next(); err != nil || row.Cells[0] != "1" || !f.Changed() {
			t.Errorf("%s: %v, %v, changed %t", what, row, err, f.Changed())
		}
	}
}

// The header is the first row with several values if the rows above it have one each.
func TestTitles(t *testing.T) {
	for content, want := range map[string][]string{
		"Clients;;\n\nof 2031;;\nname;city;\nA;B;\n": {"name", "city", ""},
		"name,\nA,\nB,\n": {"name", ""},
		"name\nA\nB,C\n":  {"name"},
		"Clients, of 2031\n\nname;city\nA;B\nC;D\n":                        {"name", "city"},
		"name;person, role\nA;B\nC;D\n":                                    {"name", "person, role"},
		"name;total (€, net, VAT)\nA;1,50\nB;2,50\n":                       {"name", "total (€, net, VAT)"},
		"name;date;total;notes\nA;1.1.;100,10\nB;2.1.;5,5\nC;3.1.;7,5;x\n": {"name", "date", "total", "notes"},
		"name,notes\nA,\"x; y; z\"\nB,u;v\nC,w\n":                          {"name", "notes"},
		"name\tnotes, and more\nA\tb, c, d\nB\te\n":                        {"name", "notes, and more"},
		"name,city\nA\nB,C\n":                                              {"name", "city"},
	} {
		rows, err := read(write(t, "a.csv", content))
		if err != nil || !slices.Equal(rows[0].Cells, want) {
			t.Errorf("%q: %v, %v", content, rows, err)
		}
		last := rows[len(rows)-1]
		if lines := strings.Count(content, "\n"); last.Line != lines || rows[0].Cells[0] == last.Cells[0] {
			t.Errorf("%q: the last row is %v", content, last)
		}
	}
}

// A workbook's dates are numbers from 1900 or 1904, and formulas their last values.
func TestWorkbook(t *testing.T) {
	for _, in1904 := range []bool{false, true} {
		book := excelize.NewFile()
		if err := book.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &in1904}); err != nil {
			t.Fatal(err)
		}
		day := time.Date(2031, 6, 4, 18, 30, 0, 0, time.UTC)
		for cell, v := range map[string]any{"A2": "name", "B2": "start", "A4": "Gala", "B4": day, "A5": "Merged"} {
			if err := book.SetCellValue("Sheet1", cell, v); err != nil {
				t.Fatal(err)
			}
		}
		if err := book.MergeCell("Sheet1", "A5", "B5"); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "a.dat")
		if err := book.SaveAs(path + ".xlsx"); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path + ".xlsx")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		row, err := f.Next()
		if err != nil || row.Line != 4 || f.Header.Cells[1] != "start" || row.Cells[0] != "Gala" {
			t.Errorf("%v: %v, %v", f.Header, row, err)
			continue
		}
		if row.Cells[1] != "2031-06-04 18:30:00" {
			t.Errorf("1904 %v: %s, want %v", in1904, row.Cells[1], day)
		}
	}
}

// An archive that unpacks to far more than a workbook does is refused before it is unpacked.
func TestBomb(t *testing.T) {
	var zeros bytes.Buffer
	pressed, err := flate.NewWriter(&zeros, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	sum, part := crc32.NewIEEE(), make([]byte, 1<<20)
	for range 100 {
		_, _ = sum.Write(part)
		if _, err := pressed.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := pressed.Close(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"xl/workbook.xml": "would unpack to",
		"readme.txt":      "no workbook of Excel",
	} {
		path := filepath.Join(t.TempDir(), "a.xlsx")
		to, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		archive := zip.NewWriter(to)
		entry, err := archive.CreateRaw(&zip.FileHeader{
			Name: name, Method: zip.Deflate, CRC32: sum.Sum32(),
			CompressedSize64: uint64(zeros.Len()), UncompressedSize64: 100 << 20,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write(zeros.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(archive.Close(), to.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

// An archive that says less than it unpacks to is not read beyond what it says.
func TestLyingBomb(t *testing.T) {
	book := excelize.NewFile()
	if err := book.SetCellValue("Sheet1", "A1", strings.Repeat("long ", 5000)); err != nil {
		t.Fatal(err)
	}
	content, err := book.WriteToBuffer()
	if err != nil {
		t.Fatal(err)
	}
	honest, err := zip.NewReader(bytes.NewReader(content.Bytes()), int64(content.Len()))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.xlsx")
	to, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(to)
	for _, part := range honest.File {
		header := part.FileHeader
		if strings.HasSuffix(part.Name, "sharedStrings.xml") || strings.HasSuffix(part.Name, "sheet1.xml") {
			header.UncompressedSize64 = 10
		}
		raw, err := part.OpenRaw()
		if err != nil {
			t.Fatal(err)
		}
		entry, err := archive.CreateRaw(&header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(entry, raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), to.Close()); err != nil {
		t.Fatal(err)
	}
	var p *Problem
	if _, err := read(path); !errors.As(err, &p) {
		t.Error(err)
	}
}

// Formulas without a result are found in the first sheet, as several programs write them, and its rows are counted.
func TestUnsaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.xlsx")
	to, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(to)
	const names = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	const parts = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	for name, text := range map[string]string{
		"xl/workbook.xml": `<workbook ` + names + ` xmlns:r="` + parts + `"><sheets><sheet name="Two" sheetId="2" r:id="rId2"/>` +
			`<sheet name="One" sheetId="1" r:id="rId1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships>` +
			`<Relationship Id="rId1" Type="` + parts + `/worksheet" Target="worksheets/sheet1.xml"/>` +
			`<Relationship Id="rId2" Type="` + parts + `/worksheet" Target="/xl/worksheets/sheet2.xml"/></Relationships>`,
		"xl/worksheets/sheet1.xml": `<worksheet><row r="1"><c r="A1"><f>1</f></c></row></worksheet>`,
		"xl/worksheets/sheet2.xml": `<worksheet><row r="1"><c r="A1"/><c r="B1"><f>1</f></c><c r="C1"><f>1</f><v>1</v></c></row>` +
			`<row r="2"><c r="A2" t="str"><f>""</f><v></v></c><c r="B2"><f>1</f><v/></c><c r="C2"><f/><v>2</v></c></row>` +
			`<row r="3"><c r="D3"><f t="shared" si="0"/></c></row><row r="4"><c r="E4"><f>1</f><v></v></c></row></worksheet>`,
	} {
		part, err := archive.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), to.Close()); err != nil {
		t.Fatal(err)
	}
	content, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	b, err := bookOf(&content.Reader)
	if err != nil || len(b.sheets) != 2 || b.sheets[0].name != "Two" {
		t.Fatalf("%v, %v", b, err)
	}
	known, err := surveyed(&content.Reader, b.sheets[0].part)
	want := map[int]Unsaved{1: {"B1", 2}, 3: {"D3", 1}, 4: {"E4", 1}}
	if err != nil || known.rows != 2 || !maps.Equal(known.unsaved, want) {
		t.Errorf("%v, %v, want 2 rows and %v", known, err, want)
	}
}

// A cell inside a merged area is no empty one.
func TestMergedCells(t *testing.T) {
	book := excelize.NewFile()
	for cell, value := range map[string]any{
		"A1": "total", "B1": "status", "A2": 1, "B2": "signed", "A3": 2, "A4": 3, "C4": "x",
	} {
		if err := book.SetCellValue("Sheet1", cell, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(book.MergeCell("Sheet1", "B2", "B3"), book.MergeCell("Sheet1", "A4", "B4")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "merged.xlsx")
	if err := book.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	rows, err := read(path)
	if err != nil || len(rows) != 4 {
		t.Fatalf("%v, %v", rows, err)
	}
	for n, want := range []map[int]string{
		nil, nil, {1: "is merged with the cell B2"}, {1: "is merged with the cell A4"},
	} {
		if !maps.Equal(rows[n].Odd, want) {
			t.Errorf("row %d: %v, want %v", n+1, rows[n].Odd, want)
		}
	}
}
