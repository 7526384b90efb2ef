package intake

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// readCards returns the cells of the cards of a file, and what the file says of them besides.
func readCards(t *testing.T, content string) (rows [][]string, cards Cards, err error) {
	t.Helper()
	f, err := Open(write(t, "a.vcf", content))
	if err != nil {
		return nil, Cards{}, err
	}
	defer f.Close()
	if f.Cards == nil {
		t.Fatalf("%.40q is not read as vCards", content)
	}
	f.Cards.IDs = "urn:crm:customer:"
	for {
		row, err := f.Next()
		if errors.Is(err, io.EOF) {
			return rows, *f.Cards, nil
		}
		if err != nil {
			return rows, *f.Cards, err
		}
		rows = append(rows, row.Cells)
	}
}

// Cards of phones and of address books have the same cells.
func TestCards(t *testing.T) {
	content := `BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Noyau;Zo=C3=
=A9;;;
TEL;CELL;PREF:06 12 34 56 01
EMAIL;HOME:zoe@noyau.example
END:VCARD
BEGIN:VCARD
VERSION:4.0
UID:urn:crm:customer:12
FN:Lou Bouzin
ORG:Bouzin SARL;Sales
TEL;VALUE=uri:tel:+33612345678
EMAIL;PREF=1:
EMAIL:old@bouzin.example
EMAIL;PREF=1:lou@bouzin.example
ADR:;;1 rue du Port;Nantes;;44000;France
LANG:fr
TITLE:Director
END:VCARD
`
	want := [][]string{
		{"", "", "Zoé Noyau", "zoe@noyau.example", "06 12 34 56 01", "", "", ""},
		{
			"12", "Bouzin SARL", "Lou Bouzin", "lou@bouzin.example", "+33612345678",
			"1 rue du Port, 44000, Nantes, France", "fr", "Director",
		},
	}
	encoded := func(e interface{ String(string) (string, error) }) string {
		text, err := e.String(content)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, text := range map[string]string{
		"utf-8":     content,
		"lines":     strings.ReplaceAll(content, "\n", "\r\n"),
		"macintosh": strings.ReplaceAll(content, "\n", "\r"),
		"bom":       "\ufeff" + content,
		"together":  strings.ReplaceAll(content, "BEGIN", "\ufeffBEGIN"),
		"utf-16le":  encoded(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder()),
		"utf-16be":  encoded(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder()),
		"no mark":   encoded(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder()),
	} {
		rows, cards, err := readCards(t, text)
		if err != nil || !slices.EqualFunc(rows, want, slices.Equal) {
			t.Errorf("%s: %q, %v", name, rows, err)
		}
		if unread := []string{"second EMAIL", "unit of ORG"}; !slices.Equal(cards.Unread, unread) {
			t.Errorf("%s: %q is not read, want %q", name, cards.Unread, unread)
		}
	}
}

// card returns a card with these lines.
func card(lines ...string) string {
	return "BEGIN:VCARD\nVERSION:3.0\n" + strings.Join(lines, "\n") + "\nEND:VCARD\n"
}

// Values are decoded with their charset, and so is a file without any that is not UTF-8.
func TestCardCharsets(t *testing.T) {
	latin := func(text string) string {
		encoded, err := charmap.Windows1252.NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	}
	for line, want := range map[string]string{
		"FN;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:Zo=E9":    "Zoé",
		"N;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:;Zo=E9;;;": "Zoé",
		"FN;CHARSET=ISO-8859-15;QUOTED-PRINTABLE:10 =A4":           "10 €",
		"FN;CHARSET=windows-1252;ENCODING=quoted-printable:10 =80": "10 €",
		"FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Zo=C3=A9":      "Zoé",
		"FN:;":                                                      ";",
		"FN;ENCODING=QUOTED-PRINTABLE:Zo=C3=A9":                     "Zoé",
		"FN;ENCODING=QUOTED-PRINTABLE:Zo=E9":                        "Zoé",
		"FN;CHARSET=KOI8-R;ENCODING=QUOTED-PRINTABLE:=E1":           "А",
		"FN;CHARSET=Shift_JIS;ENCODING=QUOTED-PRINTABLE:=93=FA=96{": "日本",
		"FN;ENCODING=B:Wm/DqQ==":                                    "Zoé",
		"FN;CHARSET=ISO-8859-1;BASE64:Wm/p":                         "Zoé",
		"FN;CHARSET=ISO-8859-1:" + latin("Zoé"):                     "Zoé",
		"FN;CHARSET=ISO-8859-15:10 \xa4":                            "10 €",
		"FN:" + latin("Zoé"):                                        "Zoé",
		"FN;CHARSET=ISO-8859-1:Zoé":                                 "Zoé", // a program has converted the file
		"FN;ENCODING=QUOTED-PRINTABLE:a\\;b=3Bc=3bd":                "a;b;c;d",
		"N;ENCODING=QUOTED-PRINTABLE:No=3By\\;au;Zo=C3=A9;;;":       "Zoé No;y;au",
		`FN:a\;b\,c\:d\\n\Ne;f`:                                     "a;b,c:d\\n\ne;f",
		"ORG;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:Caf=E9;x": "Café",
		"ADR;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:;;12=0D=0Arue =C9mile;Alen=E7on;;61000;": "12, rue Émile, 61000, Alençon",
	} {
		rows, _, err := readCards(t, card(line))
		if err != nil || len(rows) != 1 || !slices.Contains(rows[0], want) {
			t.Errorf("%s: %q, %v, want %q", line, rows, err, want)
		}
	}
	_, _, err := readCards(t, card("FN:A")+card("FN;CHARSET=X-1;ENCODING=QUOTED-PRINTABLE:=E9"))
	if err == nil || !strings.Contains(err.Error(), `has a vCard on line 5 in an unknown encoding, "X-1"`) {
		t.Error(err)
	}
}

// A card without an end is an error, and hides no other card. The card of an agent is no card of the file.
func TestCardEnds(t *testing.T) {
	agent := "AGENT:\n\n" + card("FN:B", "X-AGENT;TYPE=x:\nAGENT;X=y:", card("FN:C"), "TEL:1")
	for content, want := range map[string]string{
		card("FN:A") + "BEGIN:VCARD\nFN:B\n" + card("FN:C"):         "a vCard on line 5 without an end",
		card("FN:A") + "BEGIN:VCARD\nFN:B\n":                        "a vCard on line 5 without an end",
		card("FN:A", "AGENT:", "BEGIN:VCARD", "FN:B"):               "a vCard on line 1 without an end",
		card("FN:A", "AGENT:", "NOTE:x", card("FN:B")):              "a vCard on line 1 without an end",
		card("FN:A") + "FN:B\n":                                     "no vCard on line 5",
		"BEGIN:VCARD\nFN:A\n" + strings.Repeat("x", mostCard+1<<20): "a vCard on line 1 that is too large",
	} {
		var p *Problem
		if _, _, err := readCards(t, content); !errors.As(err, &p) || !strings.Contains(p.Text, want) {
			t.Errorf("%.40q: %v, want %q", content, err, want)
		}
	}
	for _, content := range []string{
		card("FN:A", agent, "TEL:2"), card("FN:A", "item1.agent:BEGIN:VCARD", "FN:B", "END:VCARD", "TEL:2"),
		card("FN:A", `AGENT:BEGIN:VCARD\nFN:B\nEND:VCARD\n`, "TEL:2"),
	} {
		rows, cards, err := readCards(t, content+card("FN:D"))
		want := [][]string{{"", "", "A", "", "2", "", "", ""}, {"", "", "D", "", "", "", "", ""}}
		if err != nil || !slices.EqualFunc(rows, want, slices.Equal) || !slices.Equal(cards.Unread, []string{"AGENT"}) {
			t.Errorf("%q: %q, %q, %v", content, rows, cards.Unread, err)
		}
	}
	folded := card("FN:A", "NOTE:first", " BEGIN:VCARD", "\tEND:VCARD", "TEL:2 ", "END:VCARD ", "begin:vcard ", "FN:B")
	if rows, _, err := readCards(t, folded); err != nil || len(rows) != 2 || rows[0][4] != "2 " {
		t.Errorf("%q, %v", rows, err)
	}
}

// A phone number loses the parameters of its URI, and a local one gets its context.
func TestCardPhones(t *testing.T) {
	for line, want := range map[string]string{
		"TEL;VALUE=uri:tel:+33-6-12-34-70-04;ext=5":         "+33-6-12-34-70-04",
		`TEL;VALUE=uri:TEL:+33-6-12-34-70-04\;EXT=5`:        "+33-6-12-34-70-04",
		"TEL;VALUE=uri:tel:612347004;phone-context=+33":     "+33612347004",
		"TEL;VALUE=uri:tel:612347004;phone-context=x.local": "612347004",
		"TEL;TYPE=\"voice,cell\":06 12":                     "06 12",
	} {
		rows, cards, err := readCards(t, card("FN:A", line))
		if err != nil || len(rows) != 1 || rows[0][4] != want {
			t.Errorf("%s: %q, %v, want %q", line, rows, err, want)
		}
		hasExtension := strings.Contains(strings.ToLower(line), ";ext=")
		if hasExtension != slices.Contains(cards.Unread, "extension of TEL") {
			t.Errorf("%s: %q is not read", line, cards.Unread)
		}
	}
}

// A person does not answer a fax.
func TestCardFax(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{[]string{"TEL;TYPE=WORK,FAX:1", "TEL;TYPE=CELL:2"}, "2"},
		{[]string{"TEL;WORK;FAX:1", "TEL;HOME:2"}, "2"},
		{[]string{`TEL;TYPE="fax,pref":1`, "TEL:2"}, "2"},
		{[]string{"TEL;TYPE=pager:1"}, ""},
	} {
		rows, cards, err := readCards(t, card(append([]string{"FN:A"}, c.lines...)...))
		if err != nil || len(rows) != 1 || rows[0][4] != c.want {
			t.Errorf("%q: %q, %v, want %q", c.lines, rows, err, c.want)
		}
		if !slices.Equal(cards.Unread, []string{"fax or pager of TEL"}) {
			t.Errorf("%q: %q is not read", c.lines, cards.Unread)
		}
	}
}

// Groups are skipped, and what no cell has is named once. Only the UIDs of records are IDs.
func TestCardsUnread(t *testing.T) {
	rows, cards, err := readCards(t, card("FN:A", "N:A;;;;", "UID:x-12", "PRODID:x", "TEL:1", "TEL;CELL:1", "NOTE:", "REV:1")+
		card("FN:Family", "X-ADDRESSBOOKSERVER-KIND:group", "NICKNAME:us")+
		card("FN:Family", "KIND:GROUP", "MEMBER:urn:uuid:1")+
		card("FN:B", "KIND:org", "NOTE:x", "NOTE:y", "TEL:1", "TEL:2", "ADR:;;x;;;;", "LABEL:x", "UID:urn:crm:contact:3")+
		card("FN:C", "NOTE:x", "BDAY:2001-01-01", "LABEL:x", "UID:urn:crm:customer:4"))
	want := [][]string{
		{"", "", "A", "", "1", "", "", ""}, {"", "", "B", "", "1", "x", "", ""}, {"4", "", "C", "", "", "", "", ""},
	}
	if err != nil || !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("%q, %v", rows, err)
	}
	if cards.Skipped != 2 || cards.SkippedAt != 12 {
		t.Errorf("%d cards are skipped from line %d on", cards.Skipped, cards.SkippedAt)
	}
	if unread := []string{"second TEL", "NOTE", "BDAY", "LABEL"}; !slices.Equal(cards.Unread, unread) {
		t.Errorf("%q is not read, want %q", cards.Unread, unread)
	}
}
