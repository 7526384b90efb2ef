package finding

// This file compares a needle with the fields of a record and so decides which records a search finds. The tokens of
// index.go only select candidates: every record that matches here has all tokens of a set.

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Scores, in ascending order.
const (
	NoMatch     = iota
	MatchInside // every word of the needle is part of a field
	MatchStart  // every word of the needle is the beginning of a word
	MatchWhole  // the needle is the whole address or phone number
)

// A term is a folded word, or digits of a phone number, that a record must have.
type term struct {
	text   string
	digits bool
}

// alternatives returns the readings of a needle. A record matches if it has all terms of one of them. A needle is read
// as words, with its umlauts transcribed if it has any, and with the digits of a possible phone number.
func alternatives(needle string) [][]term {
	all := asTyped(needle)
	if other := transcribed(needle); other != "" {
		all = append(all, terms(strings.Fields(strings.ReplaceAll(other, mark, ""))))
	}
	return all
}

// asTyped returns the readings of a needle without transcriptions.
func asTyped(needle string) [][]term {
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

// Readings returns the readings of a needle. Each consists of words, and of runs of digits that may be part of a phone
// number. A record must match all of them.
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
		for _, w := range Words(piece) {
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

// withoutAccess returns the digits without a leading 00, the prefix for calls abroad in most countries (ITU-T E.123),
// which stands for the + of E.164. If fewer than phoneGram digits would be left it returns them unchanged.
func withoutAccess(digits string) string {
	if rest, found := strings.CutPrefix(digits, "00"); found && len(rest) >= phoneGram {
		return rest
	}
	return digits
}

// A haystack is a field of a record, prepared for comparing.
type haystack struct {
	words, other   []string  // the folded words; those of the transcribed text if it has umlauts
	joined, marked string    // the words without blanks; the others with the marks of their digraphs
	phone          [2]string // both forms of a phone number instead
}

// Score returns how well the fields of a record match a needle. A word of one or two letters must be the beginning of a
// word in a field. A longer word, or a character of a dense script, may be anywhere in a field, regardless of blanks
// and punctuation. Four or more digits may be anywhere in a phone number.
func Score(needle string, fields ...string) int {
	hay := make([]haystack, len(fields))
	for i, f := range fields {
		if international, national, ok := phoneForms(f); ok {
			hay[i].phone = [2]string{international, national}
			continue
		}
		hay[i].words = Words(f)
		hay[i].joined = strings.Join(hay[i].words, "")
		if other := transcribed(f); other != "" {
			hay[i].marked = strings.Join(Words(other), "")
			hay[i].other = Words(strings.ReplaceAll(other, mark, ""))
		}
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
		folded = strings.Join(Words(needle), "")
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

// score returns the score of the term for its best field.
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
	for _, w := range slices.Concat(h.words, h.other) {
		if strings.HasPrefix(w, t.text) {
			return MatchStart
		}
	}
	if (utf8.RuneCountInString(t.text) >= gram || isDense(t.text)) && strings.Contains(h.joined, t.text) {
		return MatchInside
	}
	if h.marked != "" && t.isInside(h.marked) {
		return MatchInside
	}
	return NoMatch
}

// isInside reports whether words with marked digraphs contain the term, beginning outside of a digraph. The matched
// letters must be enough for a token of the index.
func (t term) isInside(marked string) bool {
	isShort := func(reading string) bool { return utf8.RuneCountInString(reading) < gram && !isDense(reading) }
	if slices.ContainsFunc(append(untranscribed(t.text), t.text), isShort) {
		return false
	}
	for at := range marked {
		isInDigraph := strings.HasSuffix(marked[:at], mark) || strings.HasPrefix(marked[at:], mark)
		if !isInDigraph && strings.HasPrefix(strings.ReplaceAll(marked[at:], mark, ""), t.text) {
			return true
		}
	}
	return false
}
