package render

// This file measures, cuts and wraps text in terminal cells. Widths are those of tablewriter, which adds up code
// points. A terminal that draws an emoji sequence as one picture needs fewer cells, never more.

import (
	"fmt"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// Width returns the number of terminal cells that the text takes at most.
func Width(s string) int {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return twwidth.WidthNoCache(s)
		}
	}
	return len(s)
}

// isControl reports whether a character may control a terminal or mislead its reader: control characters, including
// 8-bit ones, and invisible characters, such as those that change the reading direction. The two joiners that scripts
// and emoji need are allowed.
func isControl(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f
	}
	if r == '\u200c' || r == '\u200d' {
		return false
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// Escape replaces control characters and invalid bytes with Go escapes such as \x1b or \u202e. It keeps line breaks.
func Escape(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return isControl(r) || r == utf8.RuneError }) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\n':
			b.WriteRune(r)
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case isControl(r):
			quoted := fmt.Sprintf("%+q", r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Cut shortens the text to width cells and ends it with an ellipsis if it was longer.
func Cut(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	const ellipsis = "…"
	room := width - Width(ellipsis)
	end, used := 0, 0
	for unit, n := range units(s, room) {
		if used+n > room {
			break
		}
		end, used = end+len(unit), used+n
	}
	return strings.TrimRight(s[:end], " ") + ellipsis
}

// Wrap splits the text into lines of at most width cells; width 0 means no limit. It breaks at line breaks, between
// words, and inside words that are longer than a line. Text in brackets or quotes and a number with the word before it
// are one word if they fit on a line. It drops only the spaces at a break.
func Wrap(s string, width int) []string {
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		if width <= 0 || Width(line) <= width {
			lines = append(lines, line)
			continue
		}
		lines = append(lines, wrapLine(line, width)...)
	}
	return lines
}

// wrapLine wraps one line. start is the beginning of the current output line, gap the end of its last space; used and
// usedToGap are the cells from start to pos and to gap. A character wider than width gets its own line.
func wrapLine(line string, width int) []string {
	var lines []string
	inside := spacesInside(line, width)
	pos, start, gap := 0, 0, 0
	used, usedToGap := 0, 0
	for unit, n := range units(line, width) {
		isGap := unit == " " && !inside[pos]
		for used+n > width && !isGap && pos > start {
			end := pos
			if gap > start {
				end = gap
				used -= usedToGap
			} else {
				used = 0
			}
			lines = append(lines, strings.TrimRight(line[start:end], " "))
			start, gap, usedToGap = end, end, 0
		}
		pos += len(unit)
		used += n
		if isGap {
			gap, usedToGap = pos, used
		}
	}
	return append(lines, strings.TrimRight(line[start:], " "))
}

// closing maps the signs that open a part of a text to those that close it.
var closing = map[rune]string{'"': `"`, '[': "]", '«': "»", '“': "”", '‹': "›"}

// spacesInside returns the positions of spaces that should not end a line: in brackets and quotes, and before a
// number. A part that is wider than width has none.
func spacesInside(line string, width int) map[int]bool {
	if !strings.ContainsAny(line, `"[«“‹0123456789`) {
		return nil
	}
	inside := map[int]bool{}
	for i, r := range line {
		end, opens := closing[r]
		if opens && (i == 0 || strings.ContainsRune(" (", rune(line[i-1]))) {
			inner := line[i+utf8.RuneLen(r):]
			inner = inner[:min(len(inner), utf8.UTFMax*width)] // a longer one does not fit anyway
			if n := closes(inner, r, end); n >= 0 {
				mark(inside, line, i, i+utf8.RuneLen(r)+n, width)
			}
		}
		if r == ' ' && i > 0 && !inside[i] && isNumber(line[i+1:]) {
			mark(inside, line, i, i+1, width)
		}
	}
	return inside
}

// closes returns where the sign that closes a part begins in the text after the opening sign; -1 if it is not closed.
// Brackets may be nested.
func closes(text string, open rune, end string) int {
	depth := 1
	for i, r := range text {
		switch {
		case string(r) == end:
			if depth--; depth == 0 {
				return i
			}
		case r == open:
			depth++
		}
	}
	return -1
}

// isNumber reports whether the text begins with a word of digits, which punctuation may follow.
func isNumber(text string) bool {
	word, _, _ := strings.Cut(text, " ")
	word = strings.TrimRight(word, ".,:;)?!")
	return word != "" && strings.Trim(word, "0123456789") == ""
}

// mark adds the spaces from start to end unless the words there, with what is joined to them already, do not fit on a
// line.
func mark(inside map[int]bool, line string, start, end, width int) {
	from, until := start, len(line)
	for from > 0 && (line[from-1] != ' ' || inside[from-1]) {
		from--
	}
	if n := strings.IndexByte(line[end:], ' '); n >= 0 {
		until = end + n
	}
	if Width(line[from:until]) > width {
		return
	}
	for i := start; i < end; i++ {
		if line[i] == ' ' {
			inside[i] = true
		}
	}
}

// units yields the grapheme clusters of a text with their widths. A cluster wider than limit is split.
func units(s string, limit int) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		graphemes := displaywidth.StringGraphemes(s)
		for graphemes.Next() {
			unit := graphemes.Value()
			if n := Width(unit); n <= limit {
				if !yield(unit, n) {
					return
				}
				continue
			}
			for _, r := range unit {
				if !yield(string(r), Width(string(r))) {
					return
				}
			}
		}
	}
}
