package commands

// This file ranks the values that can complete a word.

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"crm/security/finding"
)

// Rank returns the values that match the typed word, quoted for insertion at Start. Values equal to the word come
// first, then values that begin with it, values with a word that begins with it, and values whose help has such a
// word. If there are none, Rank returns values that contain its letters in order. Case and accents are ignored.
func (c Completion) Rank(values []Choice) []Choice {
	ranked := rank(values, c.Typed(), true)
	for i := range ranked {
		ranked[i].Text = c.inserted(ranked[i].Text)
	}
	return ranked
}

// inserted returns the text that replaces the typed word if the value is chosen.
func (c Completion) inserted(value string) string {
	if c.bare {
		return c.base + value
	}
	if value = c.base + value; c.isWhole == nil || c.isWhole(value) {
		return Quote(value)
	}
	return unclosed(value, c.quote)
}

// offer returns the completion with the matching words of the language, ranked. They need no quotes.
func (c Completion) offer(words []Choice) Completion {
	c.Choices = rank(words, c.Word, false)
	return c
}

func rank(choices []Choice, typed string, explained bool) []Choice {
	var ranks [4][]Choice
	var loose []Choice
	typed = finding.Fold(typed)
	for _, c := range choices {
		texts := finding.Spellings(c.Text)
		text := strings.Join(texts, " ")
		switch {
		case slices.Contains(texts, typed):
			ranks[0] = append(ranks[0], c)
		case slices.ContainsFunc(texts, func(t string) bool { return strings.HasPrefix(t, typed) }):
			ranks[1] = append(ranks[1], c)
		case hasWord(text, typed):
			ranks[2] = append(ranks[2], c)
		case len(typed) < 2: // a single letter occurs in nearly every value
		case explained && hasWord(c.spelled(), typed):
			ranks[3] = append(ranks[3], c)
		case hasLetters(text, typed):
			loose = append(loose, c)
		}
	}
	all := slices.Concat(ranks[:]...)
	if all == nil {
		all = loose
	}
	if all == nil && explained && len(typed) > 2 && !strings.ContainsAny(typed, "0123456789") { // boui finds Bouzin
		hasNone := func(c Choice) bool { return !hasLetters(c.spelled(), typed) }
		all = slices.DeleteFunc(slices.Clone(choices), hasNone)
		slices.SortStableFunc(all, func(a, b Choice) int {
			return cmp.Compare(spread(a.spelled(), typed), spread(b.spelled(), typed))
		})
	}
	return all[:min(len(all), mostChoices)]
}

// spelled returns the spellings of the choice's explanation, which names a record.
func (c Choice) spelled() string { return strings.Join(finding.Spellings(c.Help), " ") }

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

// spread returns 0 if one word of the text contains the letters and begins with the first, 1 if one word contains
// them, and 2 if they are spread over several words.
func spread(text, letters string) int {
	least := 2
	isBlank := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	for _, word := range strings.FieldsFunc(text, isBlank) {
		if hasLetters(word, letters) {
			first, _ := utf8.DecodeRuneInString(letters)
			begin, _ := utf8.DecodeRuneInString(word)
			least = min(least, map[bool]int{true: 0, false: 1}[first == begin])
		}
	}
	return least
}

// hasLetters reports whether the text contains the letters in order.
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
