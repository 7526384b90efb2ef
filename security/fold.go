package security

// This file says what is the same to somebody who searches: case, accents, ligatures and
// punctuation do not matter. What is indexed and what is compared goes through here.

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// spelled are the letters that Unicode does not take apart, as people type them without.
func spelled(r rune) string {
	switch r {
	case 'ß':
		return "ss"
	case 'ø':
		return "o"
	case 'æ':
		return "ae"
	case 'œ':
		return "oe"
	case 'ł':
		return "l"
	case 'đ', 'ð':
		return "d"
	case 'þ':
		return "th"
	case 'ħ':
		return "h"
	case 'ŧ':
		return "t"
	case 'ı':
		return "i"
	case 'ς':
		return "σ"
	}
	return ""
}

// words are the folded words of a text: runs of letters, digits and pictures.
func words(text string) []string {
	if !isASCII(text) {
		text = norm.NFKD.String(text)
	}
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range text {
		if r < utf8.RuneSelf {
			b.WriteByte(foldASCII(byte(r)))
			continue
		}
		r = unicode.ToLower(r)
		switch s := spelled(r); {
		case s != "":
			b.WriteString(s)
		case unicode.IsMark(r), unicode.Is(unicode.Cf, r): // accents and joiners
		case unicode.IsLetter(r), unicode.IsNumber(r), unicode.Is(unicode.So, r):
			b.WriteRune(r)
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Fields(b.String())
}

// foldASCII is the lower-case letter or the digit, or a blank for anything else.
func foldASCII(c byte) byte {
	switch {
	case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		return c
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	}
	return ' '
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// dense tells whether a character means as much as a word: scripts without spaces, and pictures.
func dense(r rune) bool {
	return r >= 0x1100 && (unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) || unicode.Is(unicode.So, r))
}

// isDense tells whether every character of a word is dense.
func isDense(word string) bool {
	for _, r := range word {
		if !dense(r) {
			return false
		}
	}
	return true
}

// phoneForms are the digits of a number in E.164 and as it is dialled in its own country; ok is false
// for anything that is not + and at least four digits.
func phoneForms(text string) (international, national string, ok bool) {
	digits, plus := strings.CutPrefix(text, "+")
	if !plus || len(digits) < phoneGram || strings.Trim(digits, "0123456789") != "" {
		return "", "", false
	}
	code := callingCode(digits)
	trunk := "0"
	if digits[:code] == "7" {
		trunk = "8"
	}
	return digits, trunk + digits[code:], true
}

// callingCode is how many digits of an international number are the country's (ITU-T E.164: codes
// are prefix-free; one digit for 1 and 7, two for those listed, three for all others).
func callingCode(digits string) int {
	const two = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "
	switch {
	case digits[0] == '1' || digits[0] == '7':
		return 1
	case strings.Contains(two, digits[:2]+" "):
		return 2
	}
	return 3
}
