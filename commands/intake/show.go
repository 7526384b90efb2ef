package intake

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// This file shows numbers as their format does.

// show returns a number as the format shows it, so far as that says what it is: a day, a percentage, a code, an amount
// with its currency. Groups and the mark of decimals are left out. text is the number as the workbook stores it.
func (f format) show(text string, dates calendar) string {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || !serial.MatchString(text) {
		return text
	}
	var s section
	switch {
	case len(f) == 0:
	case number < 0 && len(f) > 1:
		s = f[1]
	case number == 0 && len(f) > 2:
		s = f[2]
	default:
		s = f[0]
	}
	switch {
	case s.kind == dayKind, s.kind == timeKind:
		if moment, _, is := dates.moment(number, s.kind == timeKind); is {
			return moment
		}
		return plainNumber(number)
	case s.kind == percentKind:
		return strconv.FormatFloat(number*100, 'f', s.decimals, 64) + "%"
	case s.isText():
		return s.texts()
	case s.isCode() && number == math.Trunc(number) && math.Abs(number) < 1e15:
		return s.code(int64(number), number < 0 && len(f) < 2)
	}
	return s.amount(number)
}

// isText reports whether a section shows a text in place of a number. A dash alone stands for the number.
func (s section) isText() bool {
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
// decimals or more hides are rounded away.
func (s section) amount(number float64) string {
	if s.decimals >= 2 {
		scale := math.Pow10(s.decimals)
		if rounded := math.Round(number*scale) / scale; !math.IsInf(rounded, 0) && !math.IsNaN(rounded) {
			number = rounded
		}
	}
	unit := s.texts()
	if !strings.ContainsFunc(unit, func(r rune) bool { return isWord(r) || unicode.Is(unicode.Sc, r) || r == '%' }) {
		return plainNumber(number)
	}
	return plainNumber(number) + " " + strings.Trim(unit, " ()-+\u00a0\u202f")
}
