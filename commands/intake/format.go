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
	isWhole  bool // it shows no decimals, groups, fraction or exponent
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
	timeKind // also of a day
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
	case id == 2, id == 4, id == 39, id == 40, id == 43, id == 44: // of two decimals
		return format{{decimals: 2}}
	case id == 9, id == 10:
		return format{{kind: percentKind, decimals: (id - 9) * 2}}
	case id >= 14 && id <= 17, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 58:
		return format{{kind: dayKind}}
	case id >= 18 && id <= 22, id >= 32 && id <= 35, id == 45, id == 47:
		return format{{kind: timeKind}}
	}
	return nil
}

// formatOf reads the code of a format. One whose sections have conditions shows plain numbers.
func formatOf(code string) (f format) {
	r := sectionReader{rest: []rune(code)}
	for {
		s := r.next()
		f = append(f, s)
		if len(r.rest) == 0 {
			break
		}
		r.rest = r.rest[1:] // the semicolon
	}
	if r.hasCondition {
		return nil
	}
	return f
}

// A sectionReader reads the sections of a format.
type sectionReader struct {
	rest         []rune
	hasCondition bool
}

// next reads up to a semicolon.
func (r *sectionReader) next() (s section) {
	s.isWhole = true
	isElapsed, hasPoint := false, false
	for len(r.rest) > 0 && r.rest[0] != ';' {
		c := r.rest[0]
		r.rest = r.rest[1:]
		switch {
		case c == '"':
			s.add(r.until('"'))
		case c == '\\':
			s.add(r.one())
		case c == '_', c == '*': // the width of a character, or one that fills the cell
			r.one()
		case c == '[':
			inside := r.until(']')
			sign, isCurrency := strings.CutPrefix(inside, "$")
			sign, _, _ = strings.Cut(sign, "-") // the language follows
			if isCurrency {
				s.add(sign)
			}
			isElapsed = isElapsed || strings.Trim(strings.ToLower(inside), "hms") == ""
			r.hasCondition = r.hasCondition || strings.ContainsAny(inside, "<>=")
		case strings.ContainsRune("0#?", c):
			s.pieces = append(s.pieces, piece{digit: c})
			if hasPoint {
				s.decimals++
			}
		case c == '.':
			hasPoint = true
			s.isWhole = false
		case strings.ContainsRune(",/", c), unicode.ToLower(c) == 'e' && r.begins("+", "-"):
			s.isWhole = false
		case c == '%':
			s.kind = percentKind
		case unicode.ToLower(c) == 'g' && r.begins("eneral"):
			r.rest = r.rest[len("eneral"):]
			s.pieces = append(s.pieces, piece{digit: '#'})
		case strings.ContainsRune("hs", unicode.ToLower(c)):
			s.kind = timeKind
		case strings.ContainsRune("ymd", unicode.ToLower(c)):
			s.kind = max(s.kind, dayKind)
		default:
			s.add(string(c))
		}
	}
	if isElapsed { // a duration has no better form than its number
		return section{}
	}
	return s
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
