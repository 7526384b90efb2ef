package security

// This file compares a needle with opened text: it decides what is found. The tokens of
// index.go only narrow down where to look; whatever matches here has all of them.

import (
	"strings"
	"unicode/utf8"
)

// How well a text matches.
const (
	NoMatch     = iota
	MatchInside // every word of the needle stands somewhere
	MatchStart  // every word of the needle begins a word
	MatchWhole  // the needle is the whole address or phone number
)

// A term is one thing that must be found: a folded word, or digits of a phone number.
type term struct {
	text   string
	digits bool
}

// alternatives are the ways to read a needle, at least one of which must match as a whole: all
// of it as words; and what may be a phone number, however it is written, as its digits.
func alternatives(needle string) [][]term {
	var plain, dialled []term
	var run string // digits of the words before this one
	flush := func(pieces []string) {
		if len(run) >= phoneGram {
			dialled = append(dialled, term{withoutAccess(run), true})
		} else {
			dialled = append(dialled, terms(pieces)...)
		}
		run = ""
	}
	pieces := []string{}
	for _, piece := range strings.Fields(strings.ReplaceAll(needle, "(0)", " ")) {
		plain = append(plain, terms([]string{piece})...)
		if strings.Trim(piece, "+0123456789.-/()") == "" {
			pieces, run = append(pieces, piece), run+onlyDigits(piece)
			continue
		}
		flush(pieces)
		pieces = nil
		dialled = append(dialled, terms([]string{piece})...)
	}
	flush(pieces)
	var all [][]term
	if len(plain) > 0 {
		all = append(all, plain)
	}
	for _, t := range dialled {
		if t.digits {
			return append(all, dialled)
		}
	}
	return all
}

// Readings are the ways to read a needle, each as what must be found, all of it: words, and runs of digits that may be of a
// phone number.
func Readings(needle string) [][]string {
	all := alternatives(needle)
	texts := make([][]string, len(all))
	for i, terms := range all {
		for _, t := range terms {
			texts[i] = append(texts[i], t.text)
		}
	}
	return texts
}

func terms(pieces []string) (all []term) {
	for _, piece := range pieces {
		for _, w := range words(piece) {
			all = append(all, term{text: w})
		}
	}
	return all
}

func onlyDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}

// withoutAccess takes 00 off the digits of a number, the prefix for calls abroad of most countries (ITU-T E.123), which
// stands for the + of E.164. Too few digits to search for stay as they are.
func withoutAccess(digits string) string {
	if rest, found := strings.CutPrefix(digits, "00"); found && len(rest) >= phoneGram {
		return rest
	}
	return digits
}

// A haystack is a text, ready to be searched.
type haystack struct {
	words  []string
	joined string    // the words without blanks
	phone  [2]string // both forms of a phone number instead
}

// Score tells how well the fields of a record match a needle. A word of one or two letters must begin
// a word; a longer one may stand anywhere, blanks and punctuation aside; characters that
// mean as much as a word too. At least four digits may stand anywhere in a phone number.
func Score(needle string, fields ...string) int {
	hay := make([]haystack, len(fields))
	for i, f := range fields {
		if international, national, ok := phoneForms(f); ok {
			hay[i].phone = [2]string{international, national}
			continue
		}
		hay[i].words = words(f)
		hay[i].joined = strings.Join(hay[i].words, "")
	}
	best := NoMatch
	for _, terms := range alternatives(needle) {
		score := MatchStart
		for _, t := range terms {
			score = min(score, t.score(hay))
		}
		best = max(best, score)
	}
	if best != NoMatch && isWhole(needle, fields, hay) {
		return MatchWhole
	}
	return best
}

func isWhole(needle string, fields []string, hay []haystack) bool {
	folded, digits := "", withoutAccess(onlyDigits(strings.ReplaceAll(needle, "(0)", "")))
	if strings.Contains(needle, "@") {
		folded = strings.Join(words(needle), "")
	}
	for i, h := range hay {
		if h.phone[0] != "" && (digits == h.phone[0] || digits == h.phone[1]) {
			return true
		}
		if folded != "" && strings.Contains(fields[i], "@") && folded == h.joined {
			return true
		}
	}
	return false
}

// score is how well the term matches the best of the texts.
func (t term) score(hay []haystack) int {
	best := NoMatch
	for _, h := range hay {
		best = max(best, t.scoreIn(h))
	}
	return best
}

func (t term) scoreIn(h haystack) int {
	if t.digits {
		switch {
		case strings.HasPrefix(h.phone[0], t.text) || strings.HasPrefix(h.phone[1], t.text):
			return MatchStart
		case strings.Contains(h.phone[0], t.text) || strings.Contains(h.phone[1], t.text):
			return MatchInside
		}
		return NoMatch
	}
	for _, w := range h.words {
		if strings.HasPrefix(w, t.text) {
			return MatchStart
		}
	}
	if (utf8.RuneCountInString(t.text) >= gram || isDense(t.text)) && strings.Contains(h.joined, t.text) {
		return MatchInside
	}
	return NoMatch
}
