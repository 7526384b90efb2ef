// Package finding decides which records a search finds. fold.go defines equal spellings, match.go compares a needle
// with the fields of a record, and index.go computes the tokens with which a database selects candidates. Data flows
// one way: a needle becomes terms, terms become tokens, and the selected records are scored.
package finding

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold returns the text without case and accents: "Œuvre d'Été" becomes "oeuvre d'ete". Punctuation stays.
func Fold(text string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(text) {
		if folded, isWord := foldRune(r); isWord {
			b.WriteString(folded)
		} else if !isIgnored(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Words returns the folded words of a text: runs of letters, digits and pictures.
func Words(text string) []string {
	if !isASCII(text) {
		text = norm.NFKD.String(text)
	}
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range text {
		if folded, isWord := foldRune(r); isWord {
			b.WriteString(folded)
		} else if !isIgnored(r) {
			b.WriteByte(' ')
		}
	}
	return strings.Fields(b.String())
}

// ascii has the folded form of each ASCII character, "" for a character that is not part of a word.
var ascii = func() (all [utf8.RuneSelf]string) {
	for r := range rune(utf8.RuneSelf) {
		if lower := unicode.ToLower(r); unicode.IsLetter(r) || unicode.IsDigit(r) {
			all[r] = string(lower)
		}
	}
	return all
}()

// foldRune returns a decomposed character without case, and reports whether it is part of a word.
func foldRune(r rune) (folded string, isWord bool) {
	if r < utf8.RuneSelf {
		return ascii[r], ascii[r] != ""
	}
	r = unicode.ToLower(r)
	if s := spelled(r); s != "" {
		return s, true
	}
	return string(r), !isIgnored(r) && (unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.So, r))
}

// isIgnored reports whether a character is an accent or a joiner.
func isIgnored(r rune) bool {
	return r >= utf8.RuneSelf && (unicode.IsMark(r) || unicode.Is(unicode.Cf, r))
}

// spelled returns the plain spelling of a letter that Unicode does not decompose, "" for other characters.
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

// mark follows the first letter of a digraph that transcribed inserts. It is a letter, so words keep it.
const mark = "\ua788"

// transcriptions maps letters to the digraphs that replace them on a keyboard without them (DIN 5007-2, and the customs
// of Danish, Norwegian and Swedish). Fold maps the same letters to the first letter of the digraph.
var transcriptions = strings.NewReplacer(
	"ä", "a"+mark+"e", "ö", "o"+mark+"e", "ü", "u"+mark+"e", "å", "a"+mark+"a", "ø", "o"+mark+"e",
	"Ä", "a"+mark+"e", "Ö", "o"+mark+"e", "Ü", "u"+mark+"e", "Å", "a"+mark+"a", "Ø", "o"+mark+"e")

// transcribed returns the text with its umlauts transcribed and marked, or "" if it has none.
func transcribed(text string) string {
	if isASCII(text) {
		return ""
	}
	text = norm.NFC.String(text)
	if other := transcriptions.Replace(text); other != text {
		return other
	}
	return ""
}

// isDigraph reports whether the letters are the transcription of an umlaut.
func isDigraph(letters string) bool {
	return letters == "ae" || letters == "oe" || letters == "ue" || letters == "aa"
}

// Spellings returns the folded text and, if it has umlauts, also the text with them transcribed and folded.
func Spellings(text string) []string {
	all := []string{Fold(text)}
	if other := transcribed(text); other != "" {
		all = append(all, Fold(strings.ReplaceAll(other, mark, "")))
	}
	return all
}

// Same reports whether two texts have a spelling in common: "Müller", "MULLER" and "Mueller".
func Same(a, b string) bool {
	spellings := Spellings(b)
	return slices.ContainsFunc(Spellings(a), func(s string) bool { return slices.Contains(spellings, s) })
}

// mostReadings is the maximum number of readings that untranscribed returns.
const mostReadings = 8

// untranscribed returns the folded words that a word can be if its digraphs may be transcribed umlauts, the word itself
// first: "mueller" and "muller" (Müller). It returns nil if there are more than mostReadings.
func untranscribed(word string) []string {
	readings := []string{word}
	for at := 0; at+2 <= len(word); at++ {
		if !isDigraph(word[at : at+2]) {
			continue
		}
		rest := len(word) - at // the readings with this ending of the word
		for _, r := range readings {
			if len(r) >= rest && strings.HasSuffix(r, word[at:]) {
				begin := len(r) - rest
				readings = append(readings, r[:begin+1]+r[begin+2:])
			}
		}
		if len(readings) > mostReadings {
			return nil
		}
	}
	return readings
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// dense reports whether a character means as much as a word: scripts without spaces, and pictures.
func dense(r rune) bool {
	return r >= 0x1100 &&
		unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.So)
}

// isDense reports whether every character of a word is dense.
func isDense(word string) bool {
	for _, r := range word {
		if !dense(r) {
			return false
		}
	}
	return true
}

// phoneForms returns the digits of a number in E.164 and as dialled in its own country. ok is false unless the text is
// + and at least four digits.
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

// callingCode returns the number of digits of the country code (ITU-T E.164: codes are prefix-free; one digit for 1
// and 7, two for those listed, three for all others).
func callingCode(digits string) int {
	const two = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 " +
		"60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "
	switch {
	case digits[0] == '1' || digits[0] == '7':
		return 1
	case strings.Contains(two, digits[:2]+" "):
		return 2
	}
	return 3
}
