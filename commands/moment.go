package commands

// This file declares the kinds of dates and times, in the company's time zone. It combines the parts that calendar.go
// parses.

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"crm/repo"
)

// Moment is the kind of a date with an optional time. Its value is a time.Time in the session's zone; without a time
// it is the start of the day.
var Moment = Kind{
	Name:  "DATE",
	Parse: readStart,
	Cell: func(s *Session, text string) (any, error) {
		if m, err := readMoment(s.Locale, text); err == nil && m.day == nil && m.elapsed == nil {
			return nil, errors.New("want a date, and not a time alone")
		}
		return readStart(s, text)
	},
	Values: days,
	InFull: inFull,
}

func readStart(s *Session, text string) (any, error) {
	m, err := readMoment(s.Locale, text)
	if err != nil {
		return nil, err
	}
	return m.start(s.Locale, s.Locale.Now())
}

// MomentEnd is the kind of the end of a range. Its value is a moment that [Input.end] completes: a date alone means
// the whole day, a time alone is on the day of the start, a weekday is the first one from the start on, and +2h counts
// from the start.
var MomentEnd = Kind{
	Name: "DATE",
	Parse: func(s *Session, text string) (any, error) {
		m, err := readMoment(s.Locale, text)
		if err == nil {
			_, err = m.end(s.Locale, s.Locale.Now())
		}
		return m, err
	},
	Values: days,
	InFull: endInFull,
}

// Day is the kind of a date without a time. Its value is a time.Time, the start of the day in the session's zone.
var Day = Kind{
	Name: "DATE",
	Parse: func(s *Session, text string) (any, error) {
		m, err := readMoment(s.Locale, text)
		if errors.Is(err, errDate) || err == nil && !m.isWholeDay() {
			err = errDay
		}
		if err != nil {
			return nil, err
		}
		return m.start(s.Locale, s.Locale.Now())
	},
	Values: days,
	InFull: inFull,
}

// DayEnd is the kind of the last day of a range, without a time. Its value is a moment that [Input.end] completes.
var DayEnd = Kind{
	Name: "DATE",
	Parse: func(s *Session, text string) (any, error) {
		if _, err := Day.Parse(s, text); err != nil {
			return nil, err
		}
		return MomentEnd.Parse(s, text)
	},
	Values: days,
	InFull: endInFull,
}

var (
	errDate = errors.New("want a date")
	errDay  = errors.New("want a date without a time, like 2026-03-28, monday, today or -3d")
)

func days(s *Session) []Choice {
	var all []Choice
	for _, word := range []string{"today", "tomorrow", "+7d"} {
		if m, err := readMoment(s.Locale, word); err == nil {
			all = append(all, Choice{word, m.day.Format("Mon " + dateLayout)})
		}
	}
	return all
}

// A moment is a parsed date, time of day, both, or relative time. Either day, clock or both are set, or elapsed.
type moment struct {
	day       *time.Time     // midnight UTC of the date, nil if the text names none
	isWeekday bool           // the text names the day by its weekday: day is the first from today on
	clock     *clockTime     // nil if the text names none
	elapsed   *time.Duration // relative to the start of a range or to now; nil if the text is not relative
}

// isWholeDay reports whether the text names a date and no time.
func (m moment) isWholeDay() bool { return m.day != nil && m.clock == nil }

// isRelative reports whether the moment depends on the start of its range.
func (m moment) isRelative() bool { return m.day == nil || m.isWeekday }

// start returns the instant, or the start of the day. A relative moment counts from base.
func (m moment) start(l Locale, base time.Time) (time.Time, error) {
	switch {
	case m.elapsed != nil:
		return inYears(base.In(l.Zone).Truncate(time.Minute).Add(*m.elapsed))
	case m.clock == nil:
		return startOfDay(*m.day, l.Zone)
	}
	day := m.day
	if day == nil {
		year, month, date := base.In(l.Zone).Date()
		midnight := time.Date(year, month, date, 0, 0, 0, 0, time.UTC)
		day = &midnight
	}
	return m.clock.on(*day, l.Zone)
}

// end is like start, but for a day without a time it returns the start of the next day, and a weekday is the first one
// from base on.
func (m moment) end(l Locale, base time.Time) (time.Time, error) {
	if m.isWeekday {
		year, month, date := base.In(l.Zone).Date()
		day := onOrAfter(time.Date(year, month, date, 0, 0, 0, 0, time.UTC), m.day.Weekday())
		m.day = &day
	}
	if m.isWholeDay() && m.day.Year() < lastYear {
		return startOfDay(m.day.AddDate(0, 0, 1), l.Zone)
	}
	return m.start(l, base)
}

// end returns the end of a range from an argument or flag; nil if it was not given. start is the start of the range;
// nil means now.
func (in Input) end(s *Session, name string, start *time.Time) (*time.Time, error) {
	if !in.Has(name) {
		return nil, nil
	}
	base := s.Locale.Now()
	if start != nil {
		base = *start
	}
	end, err := Value[moment](in, name).end(s.Locale, base)
	if err != nil {
		return nil, repo.Invalid{Problems: []repo.Problem{{Field: "--" + name, Text: err.Error()}}}
	}
	in.resolved[name] = end
	return &end, nil
}

// period returns the range between two flags, each nil if it was not given. A range that ends before it begins is
// invalid.
func (in Input) period(s *Session, from, to string) (begin, end *time.Time, err error) {
	begin = Given[time.Time](in, from)
	if end, err = in.end(s, to, begin); err != nil {
		return nil, nil, err
	}
	isDay := Value[moment](in, to).isWholeDay() // a day ends where the next one begins
	if begin != nil && end != nil && (begin.After(*end) || isDay && begin.Equal(*end)) {
		return nil, nil, repo.Invalid{
			Problems: []repo.Problem{{Field: "--" + to, Text: fmt.Sprintf("is before --%s", from)}},
		}
	}
	return begin, end, nil
}

// endInFull is [inFull] for the end of a range.
func endInFull(s *Session, text string, value any) string {
	end, known := value.(time.Time)
	if m, err := readMoment(s.Locale, text); err == nil && known && m.isWeekday && m.isWholeDay() {
		return end.Add(-time.Second).In(s.Locale.Zone).Format("Mon " + dateLayout) // its range ends with the day
	}
	return inFull(s, text, value)
}

// inFull returns a date with its weekday, or "" if the text is an ISO 8601 date or today.
func inFull(s *Session, text string, value any) string {
	at, known := value.(time.Time)
	if m, err := readMoment(s.Locale, text); err == nil && known && m.isWholeDay() {
		at, known = *m.day, true // not the instant at which a range of whole days ends
		if isISO(text) || strings.EqualFold(strings.TrimSpace(text), "today") {
			return ""
		}
		return at.Format("Mon " + dateLayout)
	}
	if !known || isISO(text) {
		return ""
	}
	return at.In(s.Locale.Zone).Format("Mon " + dateLayout + " 15:04")
}
