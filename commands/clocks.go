package commands

// This file parses times of day and converts the wall time of a time zone to an instant. A time that daylight saving
// skips is an error. A time that occurs twice is an error too unless it has an offset, so that no event moves by an
// hour unnoticed.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A clockTime is a time of day. It has its own zone if the text gives an offset.
type clockTime struct {
	wall time.Time      // only hour, minute, second and fraction are used
	zone *time.Location // nil: the company's time zone
}

// readClock parses 18:30, 18:30:05, 18h, 18h30, 6:30 pm, noon and midi, in lower case.
func readClock(text string) (clockTime, error) {
	if text == "noon" || text == "midi" {
		text = "12h"
	}
	wrong := fmt.Errorf("there is no time of day %s: want one like 18:30, 18h30 or 6PM", show(text))
	found := clockForm.FindStringSubmatch(text)
	if found == nil || strings.Trim(text, "0123456789") == "" {
		return clockTime{}, wrong
	}
	hour, _ := strconv.Atoi(found[1])
	minute, _ := strconv.Atoi("0" + found[2])
	second, _ := strconv.Atoi("0" + found[3])
	if half := found[4]; half != "" {
		if hour < 1 || hour > 12 {
			return clockTime{}, wrong
		}
		if hour %= 12; half == "pm" {
			hour += 12
		}
	}
	if hour > 23 || minute > 59 || second > 59 {
		return clockTime{}, wrong
	}
	return clockTime{wall: time.Date(1, 1, 1, hour, minute, second, 0, time.UTC)}, nil
}

// on returns the instant of the time on a day, in the company's time zone. day is midnight UTC.
func (c clockTime) on(day time.Time, zone *time.Location) (time.Time, error) {
	at := func(zone *time.Location) time.Time {
		return time.Date(day.Year(), day.Month(), day.Day(), c.wall.Hour(), c.wall.Minute(), c.wall.Second(),
			c.wall.Nanosecond(), zone)
	}
	if c.zone != nil {
		return inYears(at(c.zone).In(zone))
	}
	return onlyInstant(at(time.UTC), zone)
}

// startOfDay returns the first instant of the day in the zone. It is not midnight if the clocks skip midnight. day is
// midnight UTC.
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

// onlyInstant returns the instant of a wall time in the zone; wall holds it as UTC. It returns an error if there is
// none or more than one.
func onlyInstant(wall time.Time, zone *time.Location) (time.Time, error) {
	const readable = dateLayout + " 15:04"
	instants, change := resolve(wall, zone)
	switch len(instants) {
	case 0:
		_, before := change.Add(-time.Nanosecond).Zone()
		from := change.UTC().Add(time.Duration(before) * time.Second)
		return time.Time{}, fmt.Errorf("there is no %s: the clocks go from %s to %s", wall.Format(readable),
			from.Format("15:04"), change.Format("15:04"))
	case 1:
		return inYears(instants[0])
	}
	return time.Time{}, fmt.Errorf("%s happens twice, as the clocks go back: write %s or %s",
		wall.Format(readable), instants[0].Format(time.RFC3339), instants[1].Format(time.RFC3339))
}

// HappensTwice reports whether the clocks show the time of t twice, as they go back.
func HappensTwice(t time.Time) bool {
	_, offset := t.Zone()
	instants, _ := resolve(t.UTC().Add(time.Duration(offset)*time.Second), t.Location())
	return len(instants) > 1
}

// resolve returns the instants of a wall time in the zone, at most two. If there is none, change is the instant at
// which the clocks skip it.
func resolve(wall time.Time, zone *time.Location) (instants []time.Time, change time.Time) {
	guess := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(),
		wall.Nanosecond(), zone)
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
