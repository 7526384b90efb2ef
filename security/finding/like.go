package finding

import (
	"slices"
	"strings"
)

// This file compares names.

// legalForms are words of a company's name that only state its legal form.
var legalForms = func() map[string]bool {
	forms := map[string]bool{}
	for _, form := range strings.Fields(`sarl sas sasu sa eurl sci snc scop gie ei gmbh ag kg ug ohg gbr ev mbh co ltd
		limited llc llp lp plc inc incorporated corp corporation company cie srl spa bv nv oy ab as aps sl bvba sprl kft
		zrt sro doo pty hb oyj ek ggmbh lda rl spzoo αε ae`) {
		forms[form] = true
	}
	return forms
}()

// oneWord makes one word of S.A.R.L., and a word of &.
var oneWord = strings.NewReplacer("Sp. z o.o.", " spzoo", "sp. z o.o.", " spzoo", "A/S", " as", "a/s", " as",
	"有限公司", " ", "株式会社", " ", "有限会社", " ", ".", "", "&", " et ")

// CompanyKey returns a text that is the same for spellings of one company's name: without case, accents, transcribed
// umlauts, punctuation, blanks and legal forms. A name of legal forms alone keeps them.
func CompanyKey(name string) string { return joined(CompanyWords(name)) }

// joined joins words in which transcribed umlauts are as those without accents: mueller is muller.
func joined(words []string) string {
	var key strings.Builder
	for _, word := range words {
		for at := 0; at < len(word); at++ {
			if key.WriteByte(word[at]); at+2 <= len(word) && isDigraph(word[at:at+2]) {
				at++
			}
		}
	}
	return key.String()
}

// CompanyWords returns the words of a company's name that CompanyKey joins.
func CompanyWords(name string) []string {
	words := Words(oneWord.Replace(name))
	if len(words) == 0 {
		words = Words(name)
	}
	kept := slices.DeleteFunc(slices.Clone(words), func(w string) bool {
		return legalForms[w] || w == "et" || w == "and" || w == "und"
	})
	if len(kept) == 0 {
		kept = words
	}
	return kept
}

// PersonKey returns a text that is the same for all spellings of one person's name, like CompanyKey, and in any order
// of its words.
func PersonKey(name string) string {
	words := Words(name)
	for i, word := range words {
		words[i] = joined([]string{word})
	}
	slices.Sort(words)
	return strings.Join(words, "")
}

// IsTypo reports whether two keys differ by one typo: a replaced, added or missing character, or two swapped ones. It
// is false if a key has fewer than four characters.
func IsTypo(a, b string) bool {
	x, y := []rune(a), []rune(b)
	if len(x) > len(y) {
		x, y = y, x
	}
	if len(x) < 4 || len(y)-len(x) > 1 {
		return false
	}
	at := 0
	for at < len(x) && x[at] == y[at] {
		at++
	}
	if at == len(x) {
		return len(y) > len(x)
	}
	if len(x) < len(y) {
		return slices.Equal(x[at:], y[at+1:])
	}
	swapped := at+1 < len(x) && x[at] == y[at+1] && x[at+1] == y[at] && slices.Equal(x[at+2:], y[at+2:])
	return swapped || slices.Equal(x[at+1:], y[at+1:])
}
