package render

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-vcard"
	"github.com/xuri/excelize/v2"

	"crm/commands"
	"crm/repo"
)

// TestWorkbook reads a workbook back: values keep their types, and a text that looks like a formula stays a text.
func TestWorkbook(t *testing.T) {
	zone := time.FixedZone("", 2*3600)
	at := time.Date(2027, 6, 4, 11, 30, 0, 0, time.UTC)
	rows := [][]any{
		{int64(1), "=HYPERLINK(1)", repo.Money(845050), at, nil, commands.Date("2027-06-04"), true},
		{int64(2), "a\nb", repo.Money(-5), at, "x", commands.Date("1900-02-28"), false},
		{
			int64(3), " <_x0041_> & \"ü\" ", repo.Money(0), time.Date(1899, 1, 2, 3, 4, 0, 0, zone),
			strings.Repeat("🎉", 20_000), commands.Date("9999-12-31"), nil,
		},
	}
	out := commands.Output{
		Columns: []commands.Column{
			{Name: "id"},
			{Name: "name"},
			{Name: "total"},
			{Name: "at"},
			{Name: "note"},
			{Name: "day"},
			{Name: "first"},
		},
		Rows: rows[:1],
	}
	rest := rows[1:]
	out.Rest = func(context.Context) ([][]any, error) {
		next := rest
		rest = nil
		return next, nil
	}
	var file bytes.Buffer
	count, err := Stream(t.Context(), &file, out, Style{Format: "xlsx", Locale: commands.Locale{Zone: zone}},
		func(commands.Output) {})
	if err != nil || count != 3 {
		t.Fatal(count, err)
	}
	book, err := excelize.OpenReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = book.Close() }()
	want := map[string]string{
		"A1": "id", "A2": "1", "B2": "=HYPERLINK(1)", "C2": "8,450.50", "D2": "2027-06-04 13:30", "E2": "",
		"F2": "2027-06-04", "G2": "TRUE", "B3": "a\nb", "C3": "-0.05", "E3": "x", "F3": "1900-02-28", "G3": "FALSE",
		"B4": " <_x0041_> & \"ü\" ", "D4": "1899-01-02T03:04:00+02:00", "E4": strings.Repeat("🎉", 16_383) + "…",
		"F4": "9999-12-31", "G4": "",
	}
	for cell, text := range want {
		if got, err := book.GetCellValue(sheetName, cell); err != nil || got != text {
			t.Errorf("%s: got %q, %v, want %q", cell, got, err, text)
		}
		if formula, _ := book.GetCellFormula(sheetName, cell); formula != "" {
			t.Errorf("%s is a formula: %s", cell, formula)
		}
	}
	for cell, kind := range map[string]excelize.CellType{
		"B2": excelize.CellTypeInlineString,
		"C2": excelize.CellTypeUnset, "F2": excelize.CellTypeUnset, "G2": excelize.CellTypeBool,
	} {
		if got, err := book.GetCellType(sheetName, cell); err != nil || got != kind {
			t.Errorf("%s: got type %v, %v, want %v", cell, got, err, kind)
		}
	}
	if panes, err := book.GetPanes(sheetName); err != nil || !panes.Freeze || panes.YSplit != 1 {
		t.Errorf("the header is not frozen: %+v, %v", panes, err)
	}
	if names := book.GetDefinedName(); len(names) != 1 || !strings.HasSuffix(names[0].RefersTo, "$A$1:$G$4") {
		t.Errorf("the filter is on %+v", names)
	}
}

// TestVCards reads vCards back.
func TestVCards(t *testing.T) {
	names := []string{"id", "company_name", "full_name", "email", "phone", "address"}
	out := commands.Output{Noun: "customer", Rows: [][]any{
		{int64(1), "L'Oréal, SA", "Zoé D'Artagnan", "zoe@nova.example", "+33612345678", "1; rue X\n75001 Paris"},
		{int64(2), "Nova", "Lou", "", nil, nil},
	}}
	for _, n := range names {
		out.Columns = append(out.Columns, commands.Column{Name: n})
	}
	var file bytes.Buffer
	if err := Write(&file, out, Style{Format: "vcard"}); err != nil {
		t.Fatal(err)
	}
	decoder := vcard.NewDecoder(strings.NewReader(file.String()))
	card, err := decoder.Decode()
	if err != nil {
		t.Fatal(err)
	}
	for property, text := range map[string]string{
		vcard.FieldVersion: "4.0", vcard.FieldOrganization: "L'Oréal, SA", vcard.FieldFormattedName: "Zoé D'Artagnan",
		vcard.FieldEmail: "zoe@nova.example", vcard.FieldTelephone: "+33612345678",
		vcard.FieldUID:     "urn:crm:customer:1",
		vcard.FieldAddress: `;;1\; rue X` + "\n75001 Paris;;;;", // the decoder leaves the escape
	} {
		if got := card.Value(property); got != text {
			t.Errorf("%s: got %q, want %q", property, got, text)
		}
	}
	if card, err = decoder.Decode(); err != nil || card.Value(vcard.FieldFormattedName) != "Lou" ||
		card.Get(vcard.FieldEmail) != nil {
		t.Errorf("the second card: %v, %v", card, err)
	}
	out.Noun, out.Columns[1].Name = "contact", "customer"
	file.Reset()
	if err := Write(&file, out, Style{Format: "vcard"}); err != nil || !strings.Contains(file.String(),
		"ORG:Nova\r\n") || !strings.Contains(file.String(), "UID:urn:crm:contact:2\r\n") {
		t.Errorf("contacts: %s, %v", file.String(), err)
	}
	if err := Write(&file, commands.Output{Columns: out.Columns[:2], Rows: [][]any{{int64(1), "x"}}},
		Style{Format: "vcard"}); err == nil {
		t.Error("contracts are written as vCards")
	}
}
