package render

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"crm/commands"
	"crm/repo"
)

func TestFormatAmount(t *testing.T) {
	tests := []struct {
		language, currency string
		amount             repo.Money
		want               string
	}{
		{"fr", "EUR", 120050, "1 200,50 €"},
		{"fr-FR", "EUR", -123456789, "-1 234 567,89 €"},
		{"fr", "USD", 5, "0,05 $US"},
		{"en", "EUR", 120050, "€1,200.50"},
		{"en-GB", "GBP", -100, "-£1.00"},
		{"en", "CHF", 120050, "CHF 1,200.50"},
		{"de", "EUR", repo.MaxMoney, "9.999.999.999,99 €"},
		{"nl", "EUR", 120050, "€ 1.200,50"},
		{"ar", "EUR", -120050, "-١٬٢٠٠٫٥٠ €"},
		{"", "EUR", 120050, "€1,200.50"},
		{"no such language", "no such currency", 0, "no such currency 0.00"},
		{"fr", "", 120050, "1 200,50"},
		{"en", "EUR", math.MinInt64, "-€92,233,720,368,547,758.08"},
		{"en", "EUR", math.MaxInt64, "€92,233,720,368,547,758.07"}, // a float would say .00
	}
	for _, tt := range tests {
		f := commands.NewAmountFormat(commands.Locale{Language: tt.language, Currency: tt.currency})
		if got := f.Format(tt.amount); got != tt.want {
			t.Errorf("%q %q: got %q, want %q", tt.language, tt.currency, got, tt.want)
		}
	}
}

func TestEscapeControls(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain", "plain"},
		{"é 日本 👨\u200d👩\u200d👧 می\u200cخواهم", "é 日本 👨\u200d👩\u200d👧 می\u200cخواهم"},
		{"a\nb", "a\nb"},
		{"\x1b[2J\x1b]0;title\x07", `\x1b[2J\x1b]0;title\a`},
		{"\u009b31m", `\u009b31m`},
		{"\t\r\x00\x7f", `\t\r\x00\x7f`},
		{"txt\u202egpj.exe\u2066", `txt\u202egpj.exe\u2066`},
		{"\u200b\ufeff\u2028\u00ad", `\u200b\ufeff\u2028\u00ad`},
		{"\U000e0041", `\U000e0041`},
		{"bad \xff\xc3 and \ufffd", `bad \xff\xc3 and ` + "\ufffd"},
	}
	for _, tt := range tests {
		if got := Escape(tt.in); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestCutText(t *testing.T) {
	tests := []struct {
		in    string
		width int
		want  string
	}{
		{"Société", 7, "Société"},
		{"Société", 6, "Socié…"},
		{"Soc iete", 5, "Soc…"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
		{"株式会社", 7, "株式会…"},
		{"株式会社", 6, "株式…"},
		{"a👨‍👩‍👧b", 7, "a…"},
		{"abc", 1, "…"},
	}
	for _, tt := range tests {
		if got := Cut(tt.in, tt.width); got != tt.want {
			t.Errorf("%q at %d: got %q, want %q", tt.in, tt.width, got, tt.want)
		}
	}
}

func TestWrapText(t *testing.T) {
	tests := []struct {
		in    string
		width int
		want  string // lines joined by |
	}{
		{"", 10, ""},
		{"one two three", 0, "one two three"},
		{"one\n\ntwo", 0, "one||two"},
		{"one two three", 7, "one two|three"},
		{"one two three", 8, "one two|three"},
		{"one  two", 4, "one|two"},
		{"abcdefghijkl", 5, "abcde|fghij|kl"},
		{"a abcdefgh b", 5, "a|abcde|fgh b"},
		{"日本語日本語", 5, "日本|語日|本語"},
		{"ab 日本", 4, "ab|日本"},
		{"👩🏽‍❤‍💋‍👨🏿", 8, "👩🏽‍❤‍💋‍|👨🏿"}, // eleven cells where sequences are not joined
		{"  indented text", 10, "  indented|text"},
		{`use "login EMAIL" first`, 15, `use|"login EMAIL"|first`},
		{`use "login EMAIL" first`, 11, `use "login|EMAIL"|first`}, // the quote is wider
		{"event list [--from DATE [OR]] [-x]", 20, "event list|[--from DATE [OR]]|[-x]"},
		{"« à bientôt » et “deux mots”", 14, "« à bientôt »|et “deux mots”"},
		{"go to event 12, or 13", 12, "go to|event 12,|or 13"},
		{"a 6\" pipe [open", 7, "a 6\"|pipe|[open"},
		{"[a b] 12 34", 6, "[a b]|12 34"},
		{"1 2 3 4 5 6", 5, "1 2 3|4 5 6"},
	}
	for _, tt := range tests {
		if got := Wrap(tt.in, tt.width); !reflect.DeepEqual(got, strings.Split(tt.want, "|")) {
			t.Errorf("%q at %d: got %q, want %q", tt.in, tt.width, got, tt.want)
		}
	}
}

// TestNarrowest writes characters of every width in the narrowest windows. Only spaces at line breaks are lost.
func TestNarrowest(t *testing.T) {
	for width := 1; width <= 20; width++ {
		for _, format := range []string{"table", "vertical"} {
			render(t, contracts(), Style{Format: format, Width: width})
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{
		"a", " ", "日", "e\u0301", "👩🏽\u200d❤\u200d💋", "🇫🇷", "\u0301", "\u200d", "\u3000", "\n", "ﷺ",
		"\x1b", "\xff", "\"", "[", "]", "7",
	}
	for range 3000 {
		var b strings.Builder
		for range random.IntN(12) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		text := Escape(b.String())
		for width := 1; width <= 5; width++ {
			lines := Wrap(text, width)
			for _, line := range lines {
				if Width(line) > width && Width(firstRune(line)) <= width {
					t.Fatalf("%q at %d has the line %q", text, width, line)
				}
			}
			squeeze := strings.NewReplacer(" ", "", "\n", "").Replace
			if got := strings.Join(lines, ""); squeeze(got) != squeeze(text) {
				t.Fatalf("%q at %d: got %q", text, width, lines)
			}
			Cut(text, width)
		}
	}
}

func firstRune(s string) string {
	_, size := utf8.DecodeRuneInString(s)
	return s[:size]
}
