package intake

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// This file shows numbers as their format does.

// show returns the text that a person reads in a cell. text is the number that the workbook stores there. A day is
// written as 2031-06-04, a percentage as 50%, a code as 00042, and an amount with its currency. Numbers have a point
// before their decimals and no marks between thousands, whatever the format says.
func (f format) show(text string, dates calendar) string {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || !serial.MatchString(text) {
		return text
	}
	s := f.of(number)
	switch {
	case s.kind == clockKind && number >= 0:
		if moment, _, is := dates.moment(number-math.Trunc(number), true); is {
			return moment
		}
	case s.kind == dayKind, s.kind == timeKind:
		if moment, _, is := dates.moment(number, s.kind == timeKind); is {
			return moment
		}
	case s.kind == percentKind:
		return s.beside(rounded(number*100, s.decimals) + "%")
	case s.isFixed():
		return s.texts()
	case s.isCode() && number == math.Trunc(number) && math.Abs(number) < 1e15:
		return s.code(int64(number), number < 0 && len(f) < 2)
	case s.kind == plainKind:
		return s.amount(text, number)
	}
	return plainNumber(number)
}

// of returns the section that shows a number: the first one whose condition holds, or else by its sign.
func (f format) of(number float64) section {
	for _, s := range f {
		if s.when != "" && s.holds(number) {
			return s
		}
	}
	rest := slices.DeleteFunc(slices.Clone(f), func(s section) bool { return s.when != "" })
	switch {
	case len(rest) == 0:
		return section{}
	case len(rest) < len(f):
		return rest[len(rest)-1]
	case number < 0 && len(f) > 1:
		return f[1]
	case number == 0 && len(f) > 2:
		return f[2]
	}
	return f[0]
}

// holds reports whether the condition of a section holds for a number.
func (s section) holds(number float64) bool {
	limit, err := strconv.ParseFloat(strings.TrimLeft(s.when, "<>="), 64)
	if err != nil {
		return false
	}
	switch strings.TrimRight(s.when, "0123456789.-+eE ") {
	case "<":
		return number < limit
	case "<=":
		return number <= limit
	case ">":
		return number > limit
	case ">=":
		return number >= limit
	case "=":
		return number == limit
	}
	return number != limit
}

// isFixed reports whether a section shows a text in place of a number. A dash alone stands for the number.
func (s section) isFixed() bool {
	for _, p := range s.pieces {
		if p.digit != 0 {
			return false
		}
	}
	return strings.ContainsFunc(s.texts(), isWord)
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// texts returns the texts of a section.
func (s section) texts() string {
	var b strings.Builder
	for _, p := range s.pieces {
		b.WriteString(p.text)
	}
	return strings.TrimSpace(b.String())
}

// isCode reports whether a section shows a code and no quantity: a whole number behind a word, such as INV-7, or one of
// several digits that begins with 0, such as 00042 or 06 12 34 56 78.
func (s section) isCode() bool {
	before, digits := "", []rune{}
	for _, p := range s.pieces {
		switch {
		case p.digit != 0:
			digits = append(digits, p.digit)
		case len(digits) == 0:
			before += p.text
		}
	}
	return s.isWhole && (strings.ContainsFunc(before, isWord) || len(digits) > 1 && digits[0] == '0')
}

// code returns a whole number with the texts of the section between its digits.
func (s section) code(number int64, withSign bool) string {
	digits := strings.TrimPrefix(strconv.FormatInt(number, 10), "-")
	if number == 0 {
		digits = "" // a # shows nothing then
	}
	left := 0 // places of digits
	for _, p := range s.pieces {
		if p.digit != 0 {
			left++
		}
	}
	shown := ""
	for _, p := range s.pieces {
		switch {
		case p.digit == 0:
			shown += p.text
		case len(digits) >= left: // the first place takes all that the others do not
			shown, digits = shown+digits[:len(digits)-left+1], digits[len(digits)-left+1:]
			left--
		default:
			if p.digit == '0' {
				shown += "0"
			}
			left--
		}
	}
	if withSign {
		shown = "-" + shown
	}
	return strings.TrimSpace(shown)
}

// amount returns a number with what the section shows beside it, such as a currency. The cents that a section of two
// decimals or more hides are rounded away. text is the number as the workbook stores it: one without decimals stays so,
// because it may be a number of many digits that names something.
func (s section) amount(text string, number float64) string {
	switch {
	case strings.Trim(text, "-0123456789") == "":
	case s.decimals >= 2:
		text = rounded(number, s.decimals)
	default:
		text = plainNumber(number)
	}
	return s.beside(text)
}

// rounded returns a number with so many decimals at most. Like a spreadsheet it rounds the 15 digits that a person
// sees, half away from zero.
func rounded(number float64, decimals int) string {
	exact, isNumber := new(big.Rat).SetString(plainNumber(number))
	if !isNumber {
		return plainNumber(number)
	}
	text := exact.FloatString(decimals)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		return "0"
	}
	return text
}

// beside returns a number between the texts of the section, if these are more than signs.
func (s section) beside(number string) string {
	says := func(r rune) bool { return isWord(r) || unicode.Is(unicode.Sc, r) || r == '%' }
	if !strings.ContainsFunc(s.texts(), says) {
		return number
	}
	before, after, isBehind := "", "", false
	for _, p := range s.pieces {
		switch {
		case p.digit != 0:
			isBehind = true
		case isBehind:
			after += p.text
		default:
			before += p.text
		}
	}
	const signs = "()-+"
	sign := ""
	if before != "" && strings.HasPrefix(number, "-") {
		sign, number = "-", number[1:]
	}
	text := sign + strings.Trim(before, signs) + number + strings.Trim(after, signs)
	return strings.TrimSpace(strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(text))
}
