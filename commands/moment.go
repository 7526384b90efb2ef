package commands

// This file reads dates and times of day in the company's time zone. A time that a change
// of clocks skips is refused, and one that occurs twice asks for its offset, so that no
// event moves by an hour unnoticed.

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Moment is the kind of a date, alone or with a time of day; its value is a time.Time in
// the session's zone, the start of the day if no time is given.
var Moment = Kind{
	Name:   "DATE",
	Parse:  func(s *Session, text string) (any, error) { return readMoment(s.Locale, text) },
	Values: days,
}

// Day is the kind of a date without a time of day; its value is a time.Time, the start of
// the day in the session's zone.
var Day = Kind{
	Name: "DATE",
	Parse: func(s *Session, text string) (any, error) {
		day, err := readDate(s.Locale, strings.TrimSpace(text))
		if errors.Is(err, errDate) {
			err = errDay
		}
		if err != nil {
			return nil, err
		}
		return startOfDay(day, s.Locale.Zone)
	},
	Values: days,
}

const (
	dateLayout = "2006-01-02"
	firstYear  = 1900
	lastYear   = 9999
)

var errDate = errors.New("want a date like 2026-03-28, with a time like 18:30 if it matters, or today, tomorrow, +3d, +2w")

var errDay = errors.New("want a date without a time, like 2026-03-28, today or -3d")

func days(s *Session) []Choice {
	var all []Choice
	for _, word := range []string{"today", "tomorrow", "+7d"} {
		if day, err := readDate(s.Locale, word); err == nil {
			all = append(all, Choice{word, day.Format("Mon " + dateLayout)})
		}
	}
	return all
}

func readMoment(l Locale, text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	date, clock := text, ""
	i := strings.IndexAny(text, " T")
	if i >= 0 {
		date, clock = text[:i], strings.TrimSpace(text[i+1:])
	}
	day, err := readDate(l, date)
	if err != nil {
		return time.Time{}, err
	}
	if i < 0 {
		return startOfDay(day, l.Zone)
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(layout, clock); err == nil {
			return onlyInstant(onDay(day, t, time.UTC), l.Zone)
		}
		if t, err := time.Parse(layout+"Z07:00", clock); err == nil {
			_, offset := t.Zone()
			return inYears(onDay(day, t, time.FixedZone("", offset)).In(l.Zone))
		}
	}
	return time.Time{}, fmt.Errorf("there is no time of day %s: want one like 18:30", show(clock))
}

func onDay(day, clock time.Time, zone *time.Location) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), clock.Hour(), clock.Minute(), clock.Second(), clock.Nanosecond(), zone)
}

func inYears(t time.Time) (time.Time, error) {
	if t.Year() < firstYear || t.Year() > lastYear {
		return time.Time{}, fmt.Errorf("want a year from %d to %d", firstYear, lastYear)
	}
	return t, nil
}

// readDate returns midnight UTC of the day, whatever the zone.
func readDate(l Locale, text string) (time.Time, error) {
	year, month, day := l.Now().In(l.Zone).Date()
	today := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	switch text {
	case "today":
		return today, nil
	case "tomorrow":
		return today.AddDate(0, 0, 1), nil
	case "yesterday":
		return today.AddDate(0, 0, -1), nil
	}
	if days, ok := readDistance(text); ok {
		return inYears(today.AddDate(0, 0, days))
	}
	date, err := time.Parse(dateLayout, text)
	if err == nil {
		return inYears(date)
	}
	shape := strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return '0'
		}
		return r
	}, text)
	if shape == "0000-00-00" {
		return time.Time{}, fmt.Errorf("there is no day %s", text)
	}
	return time.Time{}, errDate
}

// readDistance reads +3d and -2w as days.
func readDistance(text string) (days int, ok bool) {
	if len(text) < 3 || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	n, err := strconv.ParseUint(text[1:len(text)-1], 10, 31)
	if err != nil {
		return 0, false
	}
	days = int(n)
	switch text[len(text)-1] {
	case 'd':
	case 'w':
		days *= 7
	default:
		return 0, false
	}
	if text[0] == '-' {
		days = -days
	}
	return days, true
}

// startOfDay returns the first instant of the day in the zone; that is not midnight where
// the clocks change then. day is midnight UTC.
func startOfDay(day time.Time, zone *time.Location) (time.Time, error) {
	instants, change := resolve(day, zone)
	start := change
	if len(instants) > 0 {
		start = instants[0]
	}
	if start.Day() != day.Day() {
		return time.Time{}, fmt.Errorf("there is no day %s in %s", day.Format(dateLayout), zone)
	}
	return inYears(start)
}

// onlyInstant returns the instant at which the clocks of the zone show the wall time, which
// is given as UTC.
func onlyInstant(wall time.Time, zone *time.Location) (time.Time, error) {
	const readable = dateLayout + " 15:04"
	instants, change := resolve(wall, zone)
	switch len(instants) {
	case 0:
		_, before := change.Add(-time.Nanosecond).Zone()
		from := change.UTC().Add(time.Duration(before) * time.Second)
		return time.Time{}, fmt.Errorf("there is no %s: the clocks go from %s to %s", wall.Format(readable), from.Format("15:04"), change.Format("15:04"))
	case 1:
		return inYears(instants[0])
	}
	return time.Time{}, fmt.Errorf("%s happens twice, as the clocks go back: write %s or %s",
		wall.Format(readable), instants[0].Format(time.RFC3339), instants[1].Format(time.RFC3339))
}

// resolve returns the instants, at most two, at which the clocks of the zone show the wall
// time; if there are none, also the instant at which the clocks skip it.
func resolve(wall time.Time, zone *time.Location) (instants []time.Time, change time.Time) {
	guess := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), zone)
	from, to := guess.ZoneBounds()
	for _, near := range []time.Time{from.Add(-time.Nanosecond), guess, to} {
		_, offset := near.Zone()
		t := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if _, shown := t.Zone(); shown == offset {
			instants = append(instants, t)
		}
	}
	slices.SortFunc(instants, time.Time.Compare)
	instants = slices.CompactFunc(instants, time.Time.Equal)
	change = to
	if !from.IsZero() && guess.Sub(from) < to.Sub(guess) || to.IsZero() {
		change = from
	}
	return instants, change
}
