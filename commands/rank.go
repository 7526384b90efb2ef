package commands

// This file ranks what may come next on a line by what is typed of it.

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"crm/security/finding"
)

// Rank returns the values that match the word being typed, ready to be put at Start: the
// word itself, what begins with it, what has a word that does, what is explained by one
// that does; if there is nothing of that, what has its letters in that order. Case and
// accents do not matter.
func (c Completion) Rank(values []Choice) []Choice {
	ranked := rank(values, strings.TrimPrefix(c.Word, c.base), true)
	for i := range ranked {
		ranked[i].Text = c.inserted(ranked[i].Text)
	}
	return ranked
}

// inserted returns what replaces the word being typed if the value is chosen.
func (c Completion) inserted(value string) string {
	if c.bare {
		return c.base + value
	}
	return Quote(c.base + value)
}

// offer ranks words of the language, which need no quotes.
func (c Completion) offer(words []Choice) Completion {
	c.Choices = rank(words, c.Word, false)
	return c
}

func rank(choices []Choice, typed string, explained bool) []Choice {
	var by [4][]Choice
	var loose []Choice
	typed = finding.Fold(typed)
	for _, c := range choices {
		text := finding.Fold(c.Text)
		switch {
		case text == typed:
			by[0] = append(by[0], c)
		case strings.HasPrefix(text, typed):
			by[1] = append(by[1], c)
		case hasWord(text, typed):
			by[2] = append(by[2], c)
		case len(typed) < 2: // a letter is somewhere in nearly everything
		case explained && hasWord(finding.Fold(c.Help), typed):
			by[3] = append(by[3], c)
		case hasLetters(text, typed):
			loose = append(loose, c)
		}
	}
	all := slices.Concat(by[:]...)
	if all == nil {
		all = loose
	}
	if all == nil && explained && len(typed) > 2 && !strings.ContainsAny(typed, "0123456789") { // boui finds Bouzin
		all = slices.DeleteFunc(slices.Clone(choices), func(c Choice) bool { return !hasLetters(finding.Fold(c.Help), typed) })
		slices.SortStableFunc(all, func(a, b Choice) int {
			return cmp.Compare(spread(finding.Fold(a.Help), typed), spread(finding.Fold(b.Help), typed))
		})
	}
	return all[:min(len(all), mostChoices)]
}

// hasWord reports whether a word in the text begins with prefix.
func hasWord(text, prefix string) bool {
	for at := 0; ; at++ {
		i := strings.Index(text[at:], prefix)
		if i < 0 {
			return false
		}
		at += i
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		if at == 0 || !unicode.IsLetter(before) && !unicode.IsDigit(before) {
			return true
		}
	}
}

// spread is over how much of a text the letters are: 0 in one word that begins with the first of them, 1 in one word, 2 in several.
func spread(text, letters string) int {
	least := 2
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if hasLetters(word, letters) {
			first, _ := utf8.DecodeRuneInString(letters)
			begin, _ := utf8.DecodeRuneInString(word)
			least = min(least, map[bool]int{true: 0, false: 1}[first == begin])
		}
	}
	return least
}

// hasLetters reports whether the letters occur in the text in their order.
func hasLetters(text, letters string) bool {
	for _, want := range letters {
		_, rest, found := strings.Cut(text, string(want))
		if !found {
			return false
		}
		text = rest
	}
	return true
}
