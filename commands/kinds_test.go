package commands

import (
	"reflect"
	"strings"
	"testing"

	"crm/repo"
)

func TestKinds(t *testing.T) {
	s := farmSession(t)
	const (
		address = "want an address like ada@example.com"
		short   = "has too few digits for the region FR"
		phone   = "want a phone number, with + and the country code if it is abroad"
		id      = "want a number as printed, like 12"
		count   = "want a whole number from 0 to 1000000000"
		money   = "want an amount like 1200 or 1200.50, with at most two decimals"
	)
	family, e255 := "👩\u200d👩\u200d👧", strings.Repeat("é", 255)
	for _, test := range []struct {
		kind Kind
		text string
		want any
		err  string
	}{
		{Text(255), "", "", ""},
		{Text(255), " \u00a0 ", "", ""},
		{Text(255), " a  b\n", "a  b", ""},
		{Text(255), "e\u0301", "é", ""},
		{Text(255), family, family, ""},
		{Text(255), "می\u200cخواهم", "می\u200cخواهم", ""},
		{Text(255), "❤\ufe0f", "❤\ufe0f", ""},
		{Text(255), "'; drop table customer; --", "'; drop table customer; --", ""},
		{Text(255), `%_\`, `%_\`, ""},
		{Text(255), strings.Repeat("e\u0301", 255), e255, ""},
		{Text(255), e255 + "é", "", "has 256 characters: at most 255 are possible"},
		{Text(20), strings.Repeat("a", 1<<20), "", "has 1048576 characters: at most 20 are possible"},
		{Text(255), "a\x00b", "", "the character U+0000 is not possible: leave it out"},
		{Text(255), "a\nb", "", "the character U+000A is not possible: leave it out"},
		{Text(255), "a\tb", "", "the character U+0009 is not possible: leave it out"},
		{Text(255), "\x1b[2J", "", "the character U+001B is not possible: leave it out"},
		{Text(255), "a\u0085b", "", "the character U+0085 is not possible: leave it out"},
		{Text(255), "gpj.\u202egnp", "", "the character U+202E is not possible: leave it out"},
		{Text(255), "a\u2066b", "", "the character U+2066 is not possible: leave it out"},
		{Text(255), "a\u200eb", "", "the character U+200E is not possible: leave it out"},
		{Text(255), "a\u061cb", "", "the character U+061C is not possible: leave it out"},
		{Text(255), "a\u200bb", "", "the character U+200B is not possible: leave it out"},
		{Text(255), "a\u00adb", "", "the character U+00AD is not possible: leave it out"},
		{Text(255), "a\u2028b", "", "the character U+2028 is not possible: leave it out"},
		{Text(255), "a\U000e0041", "", "the character U+E0041 is not possible: leave it out"},
		{Text(255), "caf\xe9", "", "is not UTF-8 text"},
		{Required(Text(100)), "Dolly", "Dolly", ""},
		{Required(Text(100)), "", nil, "may not be empty"},
		{Required(Text(100)), " \u200d\u3164\u0301", nil, "may not be empty"},
		{Token("WORD"), " one ", "one", ""},
		{Token("WORD"), "one two", "one two", "want one word"},
		{Amount, "0", repo.Money(0), ""},
		{Amount, "1 200,50", repo.Money(120050), ""},
		{Amount, "-0.01", repo.Money(-1), "-0.01 is too little: at least 0.00 is possible"},
		{Amount, "NaN", repo.Money(0), money},
		{Amount, "1e309", repo.Money(0), money},
		{Payment, "0.01", repo.Money(1), ""},
		{Payment, "0", repo.Money(0), "0.00 is too little: at least 0.01 is possible"},
		{Count, "0", 0, ""},
		{Count, "1000000000", 1_000_000_000, ""},
		{Count, "1000000001", nil, count},
		{Count, "-1", nil, count},
		{Count, "9223372036854775808", nil, count},
		{Count, "1.5", nil, count},
		{Count, "0x10", nil, count},
		{Count, "", nil, count},
		{ID, "1", int64(1), ""},
		{ID, "9223372036854775807", int64(9223372036854775807), ""},
		{ID, "9223372036854775808", nil, id},
		{ID, "0", nil, id},
		{ID, "-1", nil, id},
		{ID, "+1", nil, id},
		{ID, "01", nil, id},
		{ID, "#1", nil, id},
		{ID, "", nil, id},
		{ID, "١", nil, id},
		{Enum("KIND", "cow", "sheep"), "cow", "cow", ""},
		{Enum("KIND", "cow", "sheep"), "shep", nil, "want cow or sheep: did you mean sheep?"},
		{Enum("KIND", "cow", "sheep"), "", nil, "want cow or sheep"},
		{Columns("id", "full_name"), "full-name, id", []string{"full_name", "id"}, ""},
		{Columns("id", "full_name"), "id,id", nil, "names id twice"},
		{Columns("id", "full_name"), "fullname", nil, `there is no column "fullname": did you mean full_name?`},
		{Columns("id", "full_name"), "id,", nil, `there is no column "": want some of id,full_name`},
		{Email, "", "", ""},
		{Email, " Ada.L+crm@Example.co.uk ", "Ada.L+crm@Example.co.uk", ""},
		{Email, "é@exämple.fr", "é@exämple.fr", ""},
		{Email, "admin@epic.example", "admin@epic.example", ""},
		{Email, "a", "", address},
		{Email, "a@b", "", address},
		{Email, "@b.fr", "", address},
		{Email, "a@b..fr", "", address},
		{Email, "a@-b.fr", "", address},
		{Email, "a@b_c.fr", "", address},
		{Email, "a@b.fr.", "", address},
		{Email, "a..b@c.fr", "", address},
		{Email, "a@1.2.3.4", "", address},
		{Email, "a@[1.2.3.4]", "", address},
		{Email, `"a b"@c.fr`, "", address},
		{Email, "Ada <a@b.fr>", "", address},
		{Email, "<a@b.fr>", "", address},
		{Email, "a@b.fr (Ada)", "", address},
		{Email, "a@b.fr,c@d.fr", "", address},
		{Email, "a@b.fr\r\nBcc: x@y.fr", "", "the character U+000D is not possible: leave it out"},
		{Email, strings.Repeat("a", 65) + "@b.fr", "", address},
		{Email, strings.Repeat("a", 255) + "@b.fr", "", "has 260 characters: at most 255 are possible"},
		{Phone, "", "", ""},
		{Phone, "06 12 34 56 78", "+33612345678", ""},
		{Phone, "+33 (0)6.12-34/56 78", "+33612345678", ""},
		{Phone, "0033 612345678", "+33612345678", ""},
		{Phone, "+1 212 555 2368", "+12125552368", ""},
		{Phone, "+678 123 456 78", "+67812345678", ""},
		{Phone, "+666 12345", "+66612345", ""},
		{Phone, "06 96 12 34 56", "+33696123456", ""},
		{Phone, "07 12 34 56 78", "+33712345678", ""},
		{Phone, "+33 6 12 34 56 7", "", short},
		{Phone, "06 12 34 56 7", "", short},
		{Phone, "0033 6 12 34 56 7", "", short},
		{Phone, "+1 202 555 01", "+120255501", ""},
		{Phone, "666 12345", "", short},
		{Phone, "+12", "", phone},
		{Phone, "+0123456", "", phone},
		{Phone, "+1234567890123456", "", phone},
		{Phone, "+33 6 12 34 56 78 ext 9", "", phone},
		{Phone, "call me", "", phone},
		{Phone, "++33612345678", "", phone},
		{Phone, "(+33) 612345678", "", phone},
		{Phone, "+", "", phone},
		{Phone, "((((", "", phone},
		{Path, " a\u202e.crm", " a\u202e.crm", ""},
		{Path, "", nil, "may not be empty"},
	} {
		got, err := test.kind.Parse(s, test.text)
		if !reflect.DeepEqual(got, test.want) || message(err) != test.err {
			t.Errorf("%s %.40q: %#v, %q; want %#v, %q", test.kind.Name, test.text, got, message(err), test.want,
				test.err)
		}
	}
}

// A number that is possible and not known is accepted with a warning, in whichever form it is written.
func TestPhoneDoubts(t *testing.T) {
	s := farmSession(t)
	for text, want := range map[string]string{
		"": "", "06 12 34 56 78": "", "+33612345678": "", "+1 212 555 2368": "",
		"06 96 12 34 56":    "no operator is known to use the number +33696123456: is it right?",
		"+33 6 96 12 34 56": "no operator is known to use the number +33696123456: is it right?",
		"0033696123456":     "no operator is known to use the number +33696123456: is it right?",
		"+666 12345":        "the number +66612345 is in no numbering plan: is it right?",
	} {
		value, err := Phone.Parse(s, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := Phone.Doubt(value); got != want {
			t.Errorf("%s: %q; want %q", text, got, want)
		}
	}
}

// What a kind gives back reads as itself, so that an answer can be pasted into a command.
func FuzzKinds(f *testing.F) {
	for _, seed := range hostile() {
		f.Add(seed)
	}
	s := farmSession(f)
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []Kind{Text(255), Required(Text(100)), Token("WORD"), Email, Phone} {
			value, err := kind.Parse(s, text)
			if err != nil {
				continue
			}
			again, err := kind.Parse(s, value.(string))
			if again != value || err != nil {
				t.Errorf("%s: %q is %q, which reads as %q, %v", kind.Name, text, value, again, err)
			}
		}
		for _, kind := range []Kind{Amount, Payment, Count, ID, Moment, Day, Columns("id", "name")} {
			_, _ = kind.Parse(s, text)
		}
	})
}
