package intake

import (
	"archive/zip"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
)

// This file reads the numbers of a workbook as a person sees them. Days, times, percentages and codes such as 00042 are
// plain numbers there; only the format of the cell tells them apart (ECMA-376 part 1, 18.8.30).

// A format is what the number format of a cell says about the number.
type format struct {
	kind CellType
	unit string // the currency behind the number, if the format shows one
}

// formatsOf returns the formats of a workbook, by the style of a cell. It returns nil if they cannot be read.
func formatsOf(archive *zip.Reader) (formats []format) {
	var sheet struct {
		Custom []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Styles []struct {
			Format int `xml:"numFmtId,attr"`
		} `xml:"cellXfs>xf"`
	}
	if !decodePart(archive, "xl/styles.xml", &sheet) {
		return nil
	}
	custom := map[int]format{}
	for _, c := range sheet.Custom {
		custom[c.ID] = formatOf(c.Code)
	}
	for _, s := range sheet.Styles {
		f, is := custom[s.Format]
		if !is {
			f = builtIn(s.Format)
		}
		formats = append(formats, f)
	}
	return formats
}

// builtIn returns the format with a number that every workbook knows. Those of a language are all days and times.
func builtIn(id int) format {
	switch {
	case id == 9, id == 10:
		return format{kind: ShownType}
	case id >= 14 && id <= 17, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 58:
		return format{kind: DayType}
	case id >= 18 && id <= 22, id >= 32 && id <= 35, id == 45, id == 47:
		return format{kind: TimeType}
	}
	return format{kind: NumberType}
}

var (
	// literals matches the parts of a format that are no placeholders: a text, a character, a space of its width, and
	// a condition, color, language or currency.
	literals = regexp.MustCompile(`"[^"]*"|\\.|_.|\*.|\[[^\]]*\]`)
	elapsed  = regexp.MustCompile(`(?i)\[(h+|m+|s+)\]`)
	currency = regexp.MustCompile(`\[\$([^-\]]+)(-[^\]]*)?\]`)
	symbol   = regexp.MustCompile(`\p{Sc}`)
	// coded matches the placeholders of a code, such as 00042 or 06 12 34 56 78: they are several and begin with a
	// zero, and they have neither decimals nor groups of thousands.
	coded = regexp.MustCompile(`^[^0#?.,/E]*0[^.,/E]*[0#?][^.,/E]*$`)
)

// formatOf reads the code of a format. Its first part is for positive numbers.
func formatOf(code string) format {
	isElapsed := elapsed.MatchString(code)
	places := literals.ReplaceAllStringFunc(code, func(text string) string {
		if text[0] == '"' || text[0] == '\\' {
			return "\x01"
		}
		return ""
	})
	places, _, _ = strings.Cut(places, ";")
	letters := strings.ToLower(places)
	switch {
	case isElapsed || strings.EqualFold(places, "general"): // a duration has no better form than its number
		return format{kind: NumberType}
	case strings.ContainsAny(letters, "hs"):
		return format{kind: TimeType}
	case strings.ContainsAny(letters, "ymd"):
		return format{kind: DayType}
	case strings.Contains(places, "%"):
		return format{kind: ShownType}
	}
	unit := ""
	if m := currency.FindStringSubmatch(code); m != nil {
		unit = m[1]
	} else {
		unit = symbol.FindString(code)
	}
	if unit == "" && coded.MatchString(places) {
		return format{kind: ShownType}
	}
	return format{NumberType, strings.TrimSpace(unit)}
}

// serial matches a number as workbooks store it.
var serial = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// plainNumber returns a number without an exponent, and with the 15 digits that a workbook shows.
func plainNumber(text string) string {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || !serial.MatchString(text) {
		return text
	}
	if rounded, err := strconv.ParseFloat(strconv.FormatFloat(number, 'g', 15, 64), 64); err == nil {
		number = rounded
	}
	return strconv.FormatFloat(number, 'f', -1, 64)
}

// A calendar reads the numbers that a workbook has for days and times: days since 1900 or 1904, and parts of a day.
type calendar struct{ in1904 bool }

// moment returns the day, the time, or both, that a number stands for. It returns false for a number that is none.
func (c calendar) moment(text string, withTime bool) (moment string, at time.Time, is bool) {
	const end = 2_958_466 // of the year 9999
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || !serial.MatchString(text) || number < 0 || number >= end {
		return "", time.Time{}, false
	}
	at, err = excelize.ExcelDateToTime(number, c.in1904)
	if err != nil {
		return "", time.Time{}, false
	}
	at = at.Round(time.Second)
	hasPart := number != math.Trunc(number)
	switch {
	case number < 1 && (withTime || hasPart):
		return at.Format(time.TimeOnly), at, true
	case withTime || hasPart:
		return at.Format(time.DateTime), at, true
	}
	return at.Format(time.DateOnly), at, true
}
