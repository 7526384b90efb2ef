package intake

import (
	"archive/zip"
	"strings"
	"unicode"
)

// This file reads the number formats of a workbook (ECMA-376 part 1, 18.8.30). Days, times, percentages, amounts of any
// currency and codes such as 00042 are plain numbers there; only the format of the cell tells them apart.

// A format shows numbers: with its first section positive ones, with its second negative ones, with its third 0.
type format []section

// A section is a part of a format.
type section struct {
	kind     sectionKind
	pieces   []piece
	decimals int
	isWhole  bool   // it shows no decimals, groups, fraction or exponent
	isText   bool   // it shows texts, and no numbers
	when     string // the condition of the numbers that it shows, such as >=1000; empty: none
}

// A piece of a section is a text, or a place of a digit: 0, # or ?.
type piece struct {
	text  string
	digit rune // 0: it is a text
}

type sectionKind byte

const (
	plainKind sectionKind = iota
	dayKind
	timeKind // of a day
	clockKind
	percentKind
)

// formatsOf returns the formats of a workbook, by the style of a cell; nil if it has none.
func formatsOf(archive *zip.Reader, part string) (formats []format, err error) {
	var sheet struct {
		Custom []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Styles []struct {
			Format int `xml:"numFmtId,attr"`
		} `xml:"cellXfs>xf"`
	}
	if part == "" {
		return nil, nil
	}
	if err := decodePart(archive, part, &sheet); err != nil {
		return nil, err
	}
	codes := map[int]format{}
	for _, c := range sheet.Custom {
		codes[c.ID] = formatOf(c.Code)
	}
	for _, s := range sheet.Styles {
		f, is := codes[s.Format]
		if !is {
			f = builtIn(s.Format)
		}
		formats = append(formats, f)
	}
	return formats, nil
}

// builtIn returns a format that every workbook knows by its number. Those of one language are all days and times.
func builtIn(id int) format {
	switch {
	case id == 2, id == 4, id == 7, id == 8, id == 39, id == 40, id == 43, id == 44: // of two decimals
		return format{{decimals: 2}}
	case id == 9, id == 10:
		return format{{kind: percentKind, decimals: (id - 9) * 2}}
	case id >= 14 && id <= 17, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 58:
		return format{{kind: dayKind}}
	case id == 22:
		return format{{kind: timeKind}}
	case id >= 18 && id <= 21, id >= 32 && id <= 35, id == 45, id == 47:
		return format{{kind: clockKind}}
	}
	return nil
}

// formatOf reads the code of a format.
func formatOf(code string) (f format) {
	r := sectionReader{rest: []rune(code)}
	for {
		if s := r.next(); !s.isText {
			f = append(f, s)
		}
		if len(r.rest) == 0 {
			return f
		}
		r.rest = r.rest[1:] // the semicolon
	}
}

// A sectionReader reads the sections of a format.
type sectionReader struct {
	rest []rune
}

// next reads up to a semicolon.
func (r *sectionReader) next() (s section) {
	s.isWhole = true
	var seen shownParts
	for len(r.rest) > 0 && r.rest[0] != ';' {
		c := r.rest[0]
		r.rest = r.rest[1:]
		switch lower := unicode.ToLower(c); {
		case c == '"':
			s.add(r.until('"'))
		case c == '\\':
			s.add(r.one())
		case c == '_', c == '*': // the width of a character, or one that fills the cell
			r.one()
		case c == '[':
			seen.isElapsed = r.bracket(&s) || seen.isElapsed
		case strings.ContainsRune("0#?", c):
			s.pieces = append(s.pieces, piece{digit: c})
			if seen.point {
				s.decimals++
			}
		case c == '.':
			seen.point, s.isWhole = true, false
		case strings.ContainsRune(",/", c), lower == 'e' && r.begins("+", "-"):
			s.isWhole = false
		case c == '%':
			s.kind = percentKind
		case lower == 'g' && r.begins("eneral"):
			r.rest = r.rest[len("eneral"):]
			s.pieces = append(s.pieces, piece{digit: '#'})
		case c == '@':
			s.isText = true
		case lower == 'a' && r.begins("m/pm", "/p"):
			r.rest = r.rest[len("/p"):]
			seen.time = true
		case strings.ContainsRune("hs", lower):
			seen.time = true
		case strings.ContainsRune("ydbega", lower): // also of an era
			seen.day = true
		case lower == 'm': // a month, or beside hours a minute
			s.kind = dayKind
		default:
			s.add(string(c))
		}
	}
	return seen.kindOf(s)
}

// shownParts are the parts that a section shows.
type shownParts struct{ isElapsed, point, day, time bool }

// kindOf returns the section with its kind.
func (p shownParts) kindOf(s section) section {
	switch {
	case p.isElapsed: // a duration has no better form than its number
		return section{when: s.when}
	case p.time && p.day:
		s.kind = timeKind
	case p.time:
		s.kind = clockKind
	case p.day:
		s.kind = dayKind
	}
	return s
}

// bracket reads a condition, a currency, a language or a colour, and reports whether it is an elapsed time.
func (r *sectionReader) bracket(s *section) (isElapsed bool) {
	inside := r.until(']')
	sign, isCurrency := strings.CutPrefix(inside, "$")
	sign, _, _ = strings.Cut(sign, "-") // the language follows
	switch {
	case isCurrency:
		s.add(sign)
	case strings.ContainsAny(inside, "<>="):
		s.when = inside
	}
	return strings.Trim(strings.ToLower(inside), "hms") == ""
}

// until returns the text up to a mark, and goes behind it.
func (r *sectionReader) until(mark rune) string {
	for i, c := range r.rest {
		if c == mark {
			text := string(r.rest[:i])
			r.rest = r.rest[i+1:]
			return text
		}
	}
	text := string(r.rest)
	r.rest = nil
	return text
}

// one returns the next character, and goes behind it.
func (r *sectionReader) one() string {
	if len(r.rest) == 0 {
		return ""
	}
	c := string(r.rest[:1])
	r.rest = r.rest[1:]
	return c
}

func (r *sectionReader) begins(marks ...string) bool {
	for _, m := range marks {
		if strings.HasPrefix(strings.ToLower(string(r.rest[:min(len(r.rest), len(m))])), m) {
			return true
		}
	}
	return false
}

// add adds a text.
func (s *section) add(text string) {
	if text != "" {
		s.pieces = append(s.pieces, piece{text: text})
	}
}
