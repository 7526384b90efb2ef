package commands

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestSplit(t *testing.T) {
	for _, test := range []struct {
		text string
		want []Word
	}{
		{"", nil},
		{" \t\r\n", nil},
		{"# a comment with ' and \\", nil},
		{"customer list", []Word{{"customer", "customer", false, 0, 8}, {"list", "list", false, 9, 13}}},
		{"a 'b c' d", []Word{{"a", "a", false, 0, 1}, {"b c", "'b c'", true, 2, 7}, {"d", "d", false, 8, 9}}},
		{`"a \"b\" \\ \n $x"`, []Word{{`a "b" \ \n $x`, `"a \"b\" \\ \n $x"`, true, 0, 18}}},
		{`'a\'`, []Word{{`a\`, `'a\'`, true, 0, 4}}},
		{`a\ b\'\é`, []Word{{"a b'é", `a\ b\'\é`, false, 0, 9}}},
		{`''`, []Word{{"", "''", true, 0, 2}}},
		{`--email='a b'`, []Word{{"--email=a b", "--email='a b'", false, 0, 13}}},
		{`'--email'`, []Word{{"--email", "'--email'", true, 0, 9}}},
		{`\--email`, []Word{{"--email", `\--email`, true, 0, 8}}},
		{`L'Oréal O'Brien 5"x 'a` + "'", []Word{
			{"L'Oréal", "L'Oréal", false, 0, 8},
			{"O'Brien", "O'Brien", false, 9, 16},
			{`5"x`, `5"x`, false, 17, 20},
			{"a", "'a'", true, 21, 24},
		}},
		{`'it'\''s' "a"'b'c`, []Word{{"it's", `'it'\''s'`, true, 0, 9}, {"abc", `"a"'b'c`, true, 10, 17}}},
		{`--name='O'\''Brien' --name=a'b' --x"=y'`, []Word{
			{"--name=O'Brien", `--name='O'\''Brien'`, false, 0, 19},
			{"--name=a'b'", "--name=a'b'", false, 20, 31},
			{`--x"=y'`, `--x"=y'`, false, 32, 39},
		}},
		{"“a b” « c » „d e“ „f g” ‘L’Oréal SA’", []Word{
			{"a b", "“a b”", true, 0, 9},
			{" c ", "« c »", true, 10, 17},
			{"d e", "„d e“", true, 18, 27},
			{"f g", "„f g”", true, 28, 37},
			{"L’Oréal SA", "‘L’Oréal SA’", true, 38, 57},
		}},
		{
			"--name=“a b” x“y z”", []Word{
				{"--name=a b", "--name=“a b”", false, 0, 16},
				{"x“y", "x“y", false, 17, 22},
				{"z”", "z”", false, 23, 27},
			},
		},
		{"a\u00a0b\u202fc", []Word{{"a", "a", false, 0, 1}, {"b", "b", false, 3, 4}, {"c", "c", false, 7, 8}}},
		{"8\u202f450,50\u00a0€ 46\u00a012", []Word{
			{"8\u202f450,50\u00a0€", "8\u202f450,50\u00a0€", false, 0, 15},
			{"46", "46", false, 16, 18},
			{"12", "12", false, 20, 22},
		}},
		{"get 12;", []Word{{"get", "get", false, 0, 3}, {"12", "12", false, 4, 6}}},
		{"a ;; # all", []Word{{"a", "a", false, 0, 1}}},
		{`a;b 'c;' \;`, []Word{{"a;b", "a;b", false, 0, 3}, {"c;", "'c;'", true, 4, 8}, {";", `\;`, true, 9, 11}}},
		{"a#b #c\nd", []Word{{"a#b", "a#b", false, 0, 3}, {"d", "d", false, 7, 8}}},
		{"a \\\n b\\\r\nc", []Word{{"a", "a", false, 0, 1}, {"bc", "b\\\r\nc", false, 5, 10}}},
		{"\"a\\\nb\nc\"", []Word{{"ab\nc", "\"a\\\nb\nc\"", true, 0, 8}}},
		{"\ufeffa", []Word{{"a", "a", false, 3, 4}}},
		{"1\u00a0200,50", []Word{{"1\u00a0200,50", "1\u00a0200,50", false, 0, 9}}},
		{
			"$HOME `id` *;|&", []Word{
				{"$HOME", "$HOME", false, 0, 5},
				{"`id`", "`id`", false, 6, 10},
				{"*;|&", "*;|&", false, 11, 15},
			},
		},
	} {
		got, err := Split(test.text)
		if !reflect.DeepEqual(got, test.want) || err != nil {
			t.Errorf("Split(%q) = %+v, %v; want %+v", test.text, got, err, test.want)
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"a\x00b":                     "the line has the control character U+0000 at byte 2: leave it out",
		"'\x1b[2J'":                  "the line has the control character U+001B at byte 2: leave it out",
		"\x7f":                       "the line has the control character U+007F at byte 1: leave it out",
		"\u0085":                     "the line has the control character U+0085 at byte 1: leave it out",
		"caf\xe9":                    "the line is not UTF-8 text: byte 4 is 0xe9",
		"# \xff":                     "the line is not UTF-8 text: byte 3 is 0xff",
		"customer add 'a":            "the quote ' is not closed",
		"a\nb \"c\nd":                `the quote " is not closed`,
		"customer add “a":            "the quote “ is not closed",
		"‘L’Oréal":                   "the quote ‘ is not closed",
		`a\`:                         `a \ at the end joins the next line, and there is none`,
		`a \`:                        `a \ at the end joins the next line, and there is none`,
		`"a\`:                        `the quote " is not closed`,
		strings.Repeat("'", 1<<20+1): "the quote ' is not closed",
	} {
		words, err := Split(text)
		if words != nil || err == nil || err.Error() != want || !errors.Is(err, ErrUsage) {
			t.Errorf("Split(%.40q) = %v, %v; want the usage error %q", text, words, err, want)
		}
	}
}

func TestOpen(t *testing.T) {
	for text, want := range map[string]error{
		"a":           nil,
		"# ' \\":      nil,
		"a \\\n":      nil,
		"'a\x00":      nil,
		"'a":          Incomplete{'\'', 1},
		"a\n\n\"b\nc": Incomplete{'"', 3},
		"a\nb \\":     Incomplete{'\\', 2},
	} {
		_, err := Split(text)
		if Open(text) != (want != nil) || want != nil && !errors.Is(err, want) {
			t.Errorf("Open(%q) = %v, Split's error is %#v; want %#v", text, Open(text), err, want)
		}
	}
}

func TestQuote(t *testing.T) {
	for value, want := range map[string]string{
		"":            `''`,
		"plain":       "plain",
		"-1":          "-1",
		"a#b":         "a#b",
		"é€😀":         "é€😀",
		"#a":          "'#a'",
		"--yes":       "'--yes'",
		"Kevin Casey": "'Kevin Casey'",
		`a"b`:         `a"b`,
		"O'Brien":     "O'Brien",
		`it's "\"`:    `"it's \"\\\""`,
		"L'Oréal":     "L'Oréal",
		"12;":         "'12;'",
		"a\u00a0b":    "'a\u00a0b'",
		"“a”":         "'“a”'",
		"|sh":         "'|sh'",
		">x":          "'>x'",
		"'a":          `"'a"`,
		"\ufeffa":     "'\ufeffa'",
	} {
		if got := Quote(value); got != want {
			t.Errorf("Quote(%q) = %s; want %s", value, got, want)
		}
	}
}

// acceptable tells whether Split takes the text's characters.
func acceptable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r'
	})
}

func FuzzSplit(f *testing.F) {
	for _, seed := range hostile() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := Split(text)
		if err != nil && !errors.Is(err, ErrUsage) {
			t.Errorf("Split(%q): %v is no usage error", text, err)
		}
		for _, w := range words {
			if text[w.Start:w.End] != w.Raw {
				t.Errorf("Split(%q): %+v is not where it says", text, w)
			}
		}
		back, err := Split("a " + Quote(text) + " b")
		if acceptable(text) && (err != nil || len(back) != 3 || back[1].Value != text || back[1].IsFlag() ||
			back[1].begins("|") || back[1].begins(">")) {
			t.Errorf("%q quoted is %s, which is %+v, %v", text, Quote(text), back, err)
		}
	})
}

// hostile returns texts that break careless programs.
func hostile() []string {
	return []string{
		"", "'", `"`, `\`, "“", "«a", "„a“b", "‘a’b", "a;", ";", "1\u00a0200;", "#", "--", "--=", "--help=", "-", "=", "|", ">x",
		"''", "';drop table customer;--", `\'; select 1 --`,
		"%", "%s%n", "_", "$1", "`id`", "\x00", "\x1b]0;x\a", "\u202egnp", "\u2066", "\u200b", "\ufeff", "\xff\xfe",
		"é", "e\u0301", "😀", "👩\u200d👩\u200d👧", "٣", "9223372036854775808", "-9223372036854775809", "-1", "1e309",
		"NaN", "2026-02-30",
		"+99999999d", "0000-01-01", "a@b", "a@b.c,d@e.f", "+666 12345", "((((", strings.Repeat("a", 5000),
		strings.Repeat("e\u0301", 500),
		"\n", "\r\n", "a\\\nb", "\u2028", "null", "--mine --mine", "watch watch watch",
	}
}
