package commands

// This file parses dates and times in English and French: 2026-03-28 18:30, 20260328T183000Z, 28/03/2026, 28.03.2026,
// 28 mars 2026 18h30, 28-Mar-2026, Sat 2026-03-28, monday, demain, 6PM, noon, +3d, +2h. 03/04 is day/month, and
// month/day if the region is the United States.

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	dateLayout = "2006-01-02"
	firstYear  = 1900
	lastYear   = 9999
)

var (
	isoForm   = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}([ T].*)?$`)
	basicForm = regexp.MustCompile(
		`^(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})?(?:(Z)|([+-]\d{2}):?(\d{2})?)?)?$`)
	yearFirst   = regexp.MustCompile(`^\d{4}[/.]\d{2}[/.]\d{2}$`)
	numericDate = regexp.MustCompile(`^(\d{1,2})([/.-])(\d{1,2})[/.-](\d{4})$`)
	dayFirst    = regexp.MustCompile(`^(\d{1,2})(?:er|st|nd|rd|th)?[ -]([\pL]+)\.?,?[ -](\d{4})$`)
	monthFirst  = regexp.MustCompile(`^([\pL]+)\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$`)
	daysAway    = regexp.MustCompile(`^([+-])(\d{1,10})([dwjs])$`)
	timeAway    = regexp.MustCompile(`^([+-]) ?(?:(\d{1,4}) ?h ?(\d{2})?|(\d{1,5}) ?min)$`)
	clockAtEnd  = regexp.MustCompile(
		`(?:^|[ ,])(?:(?:at|à|a) )?(\d{1,2}(?::\d{2}(?::\d{2})?)? ?[ap]m|` +
			`\d{1,2}:\d{2}(?::\d{2})?|\d{1,2} ?h ?(?:\d{2})?|noon|midi)$`)
	weekdayAhead = regexp.MustCompile(`^(\pL+)\.?,? (.*)$`)
	clockForm    = regexp.MustCompile(`^(\d{1,2})(?: ?[:h] ?(\d{2})?(?::(\d{2}))?)? ?([ap]m)?$`)
)

// isISO reports whether a text has the shape of a date as ISO 8601 writes it, with or without a time.
func isISO(text string) bool { return isoForm.MatchString(strings.TrimSpace(text)) }

// readMoment parses a date, a time, both, or a relative time such as +2h.
func readMoment(l Locale, text string) (moment, error) {
	text = extended(strings.TrimSpace(text))
	if isISO(text) {
		return readISO(text)
	}
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	if found := timeAway.FindStringSubmatch(text); found != nil {
		return readElapsed(found), nil
	}
	var m moment
	if at := clockAtEnd.FindStringSubmatchIndex(text); at != nil {
		clock, err := readClock(text[at[2]:at[3]])
		if err != nil {
			return moment{}, err
		}
		m.clock = &clock
		if text = strings.TrimRight(text[:at[0]], " ,"); text == "" {
			return m, nil
		}
	}
	_, m.isWeekday = weekdays[strings.TrimSuffix(text, ".")]
	day, err := readDate(l, text)
	m.day = &day
	return m, err
}

// extended returns a date in the basic format of ISO 8601, 20260328 or 20260328T183000Z, in its extended format, and
// other texts as they are.
func extended(text string) string {
	found := basicForm.FindStringSubmatch(text)
	if found == nil {
		return text
	}
	date := strings.Join(found[1:4], "-")
	if found[4] == "" {
		return date
	}
	offset := found[7]
	if found[8] != "" {
		offset = found[8] + ":" + cmp.Or(found[9], "00")
	}
	return fmt.Sprintf("%sT%s:%s:%s%s", date, found[4], found[5], cmp.Or(found[6], "00"), offset)
}

// readISO parses 2026-03-28, optionally with 18:30 or 18:30:05 and an offset (RFC 3339).
func readISO(text string) (moment, error) {
	day, err := time.Parse(dateLayout, text[:len(dateLayout)])
	if err != nil {
		return moment{}, fmt.Errorf("there is no day %s", text[:len(dateLayout)])
	}
	if _, err := inYears(day); err != nil || len(text) == len(dateLayout) {
		return moment{day: &day}, err
	}
	text = strings.TrimSpace(text[len(dateLayout)+1:])
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return moment{day: &day, clock: &clockTime{wall: t.Truncate(time.Second)}}, nil // as exports write it
		}
		if t, err := time.Parse(layout+"Z07:00", text); err == nil {
			_, offset := t.Zone()
			clock := clockTime{wall: t.Truncate(time.Second), zone: time.FixedZone("", offset)}
			return moment{day: &day, clock: &clock}, nil
		}
	}
	text = strings.ToLower(text)
	if at := clockAtEnd.FindStringSubmatchIndex(text); at != nil && at[0] == 0 { // not its "at"
		text = text[at[2]:at[3]]
	}
	clock, err := readClock(text)
	return moment{day: &day, clock: &clock}, err
}

// readDate returns midnight UTC of the day, regardless of the time zone. text must be in lower case.
func readDate(l Locale, text string) (time.Time, error) {
	year, month, day := l.Now().In(l.Zone).Date()
	today := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if days, ok := nearDays[text]; ok {
		return today.AddDate(0, 0, days), nil
	}
	if weekday, ok := weekdays[strings.TrimSuffix(text, ".")]; ok {
		return onOrAfter(today, weekday), nil
	}
	if found := daysAway.FindStringSubmatch(text); found != nil {
		return inYears(today.AddDate(0, 0, daysOf(found)))
	}
	written, err := readWritten(l, text)
	if found := weekdayAhead.FindStringSubmatch(text); err != nil && found != nil {
		return readAfterWeekday(l, found[1], found[2], err)
	}
	return written, err
}

// onOrAfter returns the first such weekday from the day on, which may be the day itself.
func onOrAfter(day time.Time, weekday time.Weekday) time.Time {
	return day.AddDate(0, 0, int(weekday-day.Weekday()+7)%7)
}

// readAfterWeekday parses a date such as fri 2027-06-04 or vendredi 4 juin 2027 without its first word, which must be
// the weekday of the date. It returns otherwise if the first word is no weekday or no date follows.
func readAfterWeekday(l Locale, word, date string, otherwise error) (time.Time, error) {
	weekday, known := weekdays[word]
	if word == "mar" {
		weekday, known = time.Tuesday, true
	}
	day, err := readWritten(l, date)
	if !known || errors.Is(err, errDate) {
		return time.Time{}, otherwise
	}
	if err == nil && day.Weekday() != weekday {
		err = fmt.Errorf("%s is a %s", day.Format(dateLayout), day.Weekday())
	}
	return day, err
}

// readWritten parses 2026-03-28, 20260328, 2026/03/28, 28/03/2026, 28.03.2026, 28-03-2026, 28 mar 2026, 28-mar-2026 and
// mar 28, 2026.
func readWritten(l Locale, text string) (time.Time, error) {
	text = extended(text)
	if yearFirst.MatchString(text) {
		text = text[:4] + "-" + text[5:7] + "-" + text[8:]
	}
	if isISO(text) {
		m, err := readISO(text)
		if err != nil {
			return time.Time{}, err
		}
		return *m.day, nil
	}
	if found := numericDate.FindStringSubmatch(text); found != nil {
		return readNumeric(found, found[2] != "." && l.Region == "US")
	}
	found := dayFirst.FindStringSubmatch(text)
	if first := monthFirst.FindStringSubmatch(text); first != nil {
		found = []string{text, first[2], first[1], first[3]}
	}
	if found == nil {
		return time.Time{}, notDate(l)
	}
	month, ok := monthOf(found[2])
	if !ok {
		return time.Time{}, notDate(l)
	}
	return dateOf(text, found[3], month, found[1])
}

// notDate returns the error of a text that is no date. It wraps errDate.
func notDate(l Locale) error {
	numbers := "28/03/2026"
	if l.Region == "US" {
		numbers = "03/28/2026"
	}
	return fmt.Errorf("%w like 2026-03-28, %s, 28 mar 2026, monday, today or +3d, with a time like 18:30 if it matters",
		errDate, numbers)
}

// An otherOrder is the error of a text that is a date only with day and month swapped.
type otherOrder struct{ error }

func (o otherOrder) Unwrap() error { return o.error }

// readNumeric parses the match of numericDate. If the text is a date only with day and month swapped, the error says
// which of the two comes first.
func readNumeric(found []string, monthFirst bool) (time.Time, error) {
	day, month, first := found[1], found[3], "day"
	if monthFirst {
		day, month, first = month, day, "month"
	}
	read := func(day, month string) (time.Time, error) {
		n, _ := strconv.Atoi(month)
		return dateOf(found[0], found[4], time.Month(n), day)
	}
	date, err := read(day, month)
	if err == nil {
		return date, nil
	}
	if _, swapped := read(month, day); swapped == nil {
		err = otherOrder{fmt.Errorf("%w: the %s comes first", err, first)}
	}
	return date, err
}

func dateOf(text, year string, month time.Month, day string) (time.Time, error) {
	y, _ := strconv.Atoi(year)
	d, _ := strconv.Atoi(day)
	date := time.Date(y, month, d, 0, 0, 0, 0, time.UTC)
	if month < 1 || month > 12 || date.Day() != d || date.Month() != month {
		return time.Time{}, fmt.Errorf("there is no day %s", text)
	}
	return inYears(date)
}

func inYears(t time.Time) (time.Time, error) {
	if t.Year() < firstYear || t.Year() > lastYear {
		return time.Time{}, fmt.Errorf("want a year from %d to %d", firstYear, lastYear)
	}
	return t, nil
}

// daysOf returns the number of days in +3d or -2w. j and s are the French units for days and weeks.
func daysOf(found []string) int {
	days, _ := strconv.Atoi(found[2])
	if found[3] == "w" || found[3] == "s" {
		days *= 7
	}
	if found[1] == "-" {
		return -days
	}
	return days
}

// readElapsed parses +2h, +2h30 and +45min.
func readElapsed(found []string) moment {
	hours, _ := strconv.Atoi("0" + found[2])
	minutes, _ := strconv.Atoi("0" + found[3] + found[4])
	d := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if found[1] == "-" {
		d = -d
	}
	return moment{elapsed: &d}
}
