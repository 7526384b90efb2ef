package intake

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
)

// This file reads the numbers that a workbook has for days and times.

// serial matches a number as workbooks store it.
var serial = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// plainNumber returns a number without an exponent, and with the 15 digits that a workbook shows.
func plainNumber(number float64) string {
	if rounded, err := strconv.ParseFloat(strconv.FormatFloat(number, 'g', 15, 64), 64); err == nil {
		number = rounded
	}
	return strconv.FormatFloat(number, 'f', -1, 64)
}

// A calendar reads numbers as days since 1900 or 1904, and parts of a day.
type calendar struct{ in1904 bool }

// calendarOf returns the calendar of a workbook.
func calendarOf(book *excelize.File) calendar {
	props, err := book.GetWorkbookProps()
	return calendar{err == nil && props.Date1904 != nil && *props.Date1904}
}

// moment returns the day that a number stands for, or with its time. A part of a day alone is a time. It returns false
// for a number that is none.
func (c calendar) moment(number float64, withTime bool) (moment string, at time.Time, is bool) {
	const end = 2_958_466 // of the year 9999
	if number < 0 || number >= end || number < 1 && !withTime {
		return "", time.Time{}, false
	}
	at, err := excelize.ExcelDateToTime(number, c.in1904)
	if err != nil {
		return "", time.Time{}, false
	}
	at = at.Round(time.Second)
	switch {
	case number < 1:
		return at.Format(time.TimeOnly), at, true
	case withTime:
		return at.Format(time.DateTime), at, true
	}
	return at.Format(time.DateOnly), at, true
}

// firstYear is the first year in which a number without a format is a day. The numbers of earlier days are small ones,
// which are something else in the wrong column.
const firstYear = 1950

// unformatted reads a number in a cell without a format as a day or time, if it can be one.
func (c calendar) unformatted(text string) string {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || !serial.MatchString(text) {
		return text
	}
	moment, at, is := c.moment(number, number != math.Trunc(number))
	if !is || at.Year() < firstYear && strings.Contains(moment, "-") {
		return text
	}
	return moment
}
