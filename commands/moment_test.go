package commands

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

func TestMoment(t *testing.T) {
	const (
		form = "want a date like 2026-03-28, 28/03/2026, 28 mar 2026, monday, today or +3d, " +
			"with a time like 18:30 if it matters"
		year = "want a year from 1900 to 9999"
	)
	s := farmSession(t)
	for _, test := range []struct{ zone, text, want, err string }{
		{"Europe/Paris", "2026-03-28", "2026-03-28T00:00:00+01:00", ""},
		{"Europe/Paris", "2026-03-28 18:30", "2026-03-28T18:30:00+01:00", ""},
		{"Europe/Paris", "2026-03-28T18:30:05", "2026-03-28T18:30:05+01:00", ""},
		{"Europe/Paris", " 2026-07-28  9:30 ", "2026-07-28T09:30:00+02:00", ""},
		{"Europe/Paris", "2026-07-28T18:30:00Z", "2026-07-28T20:30:00+02:00", ""},
		{"Europe/Paris", "2026-07-28T18:30-05:00", "2026-07-29T01:30:00+02:00", ""},
		{"Europe/Paris", "2026-07-28T18:30:00.5+02:00", "2026-07-28T18:30:00+02:00", ""},
		{"Europe/Paris", "today", "2026-03-26T00:00:00+01:00", ""},
		{"Europe/Paris", "tomorrow 18:30", "2026-03-27T18:30:00+01:00", ""},
		{"Europe/Paris", "yesterday", "2026-03-25T00:00:00+01:00", ""},
		{"Europe/Paris", "+3d", "2026-03-29T00:00:00+01:00", ""},
		{"Europe/Paris", "+4d", "2026-03-30T00:00:00+02:00", ""},
		{"Europe/Paris", "+2w", "2026-04-09T00:00:00+02:00", ""},
		{"Europe/Paris", "-1d", "2026-03-25T00:00:00+01:00", ""},
		{"Pacific/Auckland", "today", "2026-03-27T00:00:00+13:00", ""},
		{"Europe/Paris", "2024-02-29", "2024-02-29T00:00:00+01:00", ""},
		{"Europe/Paris", "2026-02-29", "", "there is no day 2026-02-29"},
		{"Europe/Paris", "2026-02-30 10:00", "", "there is no day 2026-02-30"},
		{"Europe/Paris", "2026-13-01", "", "there is no day 2026-13-01"},
		{"Europe/Paris", "0000-00-00", "", "there is no day 0000-00-00"},
		{"Europe/Paris", "1900-01-01", "1900-01-01T00:00:00+00:09", ""},
		{"Europe/Paris", "9999-12-31 23:59", "9999-12-31T23:59:00+01:00", ""},
		{"Europe/Paris", "9999-12-31T23:59Z", "", year},
		{"Europe/Paris", "1899-12-31", "", year},
		{"Europe/Paris", "+99999999d", "", year},
		{"Europe/Paris", "-2147483647w", "", year},
		{"Europe/Paris", "+99999999999999999999d", "", form},
		{"Europe/Paris", "+d", "", form},
		{"Europe/Paris", "+1.5d", "", form},
		{"Europe/Paris", "+3m", "", form},
		{"Europe/Paris", "", "", form},
		{"Europe/Paris", "28/03/2026", "2026-03-28T00:00:00+01:00", ""},
		{"Europe/Paris", "4/6/2027 9h", "2027-06-04T09:00:00+02:00", ""},
		{"Europe/Paris", "28.03.2026 18:30", "2026-03-28T18:30:00+01:00", ""},
		{"Europe/Paris", "31/02/2026", "", "there is no day 31/02/2026"},
		{"Europe/Paris", "13/13/2026", "", "there is no day 13/13/2026"},
		{"Europe/Paris", "28/03/26", "", form},
		{"Europe/Paris", "28/03", "", form},
		{"Europe/Paris", "4 Jun 2027", "2027-06-04T00:00:00+02:00", ""},
		{"Europe/Paris", "4 June 2027 6PM", "2027-06-04T18:00:00+02:00", ""},
		{"Europe/Paris", "4th june, 2027 at 6:30 pm", "2027-06-04T18:30:00+02:00", ""},
		{"Europe/Paris", "June 4, 2027", "2027-06-04T00:00:00+02:00", ""},
		{"Europe/Paris", "4 juin 2027", "2027-06-04T00:00:00+02:00", ""},
		{"Europe/Paris", "1er août 2027 à 18h00", "2027-08-01T18:00:00+02:00", ""},
		{"Europe/Paris", "1 déc. 2027 18 h 30", "2027-12-01T18:30:00+01:00", ""},
		{"Europe/Paris", "14 JUILLET 2027", "2027-07-14T00:00:00+02:00", ""},
		{"Europe/Paris", "3 sept 2027", "2027-09-03T00:00:00+02:00", ""},
		{"Europe/Paris", "4 févr. 2027", "2027-02-04T00:00:00+01:00", ""},
		{"Europe/Paris", "31 janv. 2027", "2027-01-31T00:00:00+01:00", ""},
		{"Europe/Paris", "31 juin 2027", "", "there is no day 31 juin 2027"},
		{"Europe/Paris", "4 Ju 2027", "", form},
		{"Europe/Paris", "4 Jun", "", form},
		{"Europe/Paris", "monday", "2026-03-30T00:00:00+02:00", ""},
		{"Europe/Paris", "Thursday 18h", "2026-03-26T18:00:00+01:00", ""},
		{"Europe/Paris", "mercredi 1PM", "2026-04-01T13:00:00+02:00", ""},
		{"Europe/Paris", "demain", "2026-03-27T00:00:00+01:00", ""},
		{"Europe/Paris", "aujourd'hui 18:30", "2026-03-26T18:30:00+01:00", ""},
		{"Europe/Paris", "+3j", "2026-03-29T00:00:00+01:00", ""},
		{"Europe/Paris", "18:00", "2026-03-26T18:00:00+01:00", ""},
		{"Europe/Paris", "18h", "2026-03-26T18:00:00+01:00", ""},
		{"Europe/Paris", "12AM", "2026-03-26T00:00:00+01:00", ""},
		{"Europe/Paris", "12:30pm", "2026-03-26T12:30:00+01:00", ""},
		{"Europe/Paris", "13PM", "", `there is no time of day "13pm": want one like 18:30, 18h30 or 6PM`},
		{"Europe/Paris", "25h", "", `there is no time of day "25h": want one like 18:30, 18h30 or 6PM`},
		{"Europe/Paris", "+2h", "2026-03-26T14:00:00+01:00", ""},
		{"Europe/Paris", "+2 h", "2026-03-26T14:00:00+01:00", ""},
		{"Europe/Paris", "noon", "2026-03-26T12:00:00+01:00", ""},
		{"Europe/Paris", "demain midi", "2026-03-27T12:00:00+01:00", ""},
		{"Europe/Paris", "midnight", "", form},
		{"Europe/Paris", "fri 18:00", "2026-03-27T18:00:00+01:00", ""},
		{"Europe/Paris", "ven.", "2026-03-27T00:00:00+01:00", ""},
		{"Europe/Paris", "mar", "", form},
		{"Europe/Paris", "Sat 2026-03-28 18:30", "2026-03-28T18:30:00+01:00", ""},
		{"Europe/Paris", "Friday, 4 June 2027 at 6PM", "2027-06-04T18:00:00+02:00", ""},
		{"Europe/Paris", "vendredi 4 juin 2027 à 18h", "2027-06-04T18:00:00+02:00", ""},
		{"Europe/Paris", "mar. 1er juin 2027", "2027-06-01T00:00:00+02:00", ""},
		{"Europe/Paris", "mar 4 2027", "2027-03-04T00:00:00+01:00", ""},
		{"Europe/Paris", "monday 28/03/2026", "", "2026-03-28 is a Saturday"},
		{"Europe/Paris", "sat 31/02/2026", "", "there is no day 31/02/2026"},
		{"Europe/Paris", "someday 28/03/2026", "", form},
		{"Europe/Paris", "2026/03/28 18h", "2026-03-28T18:00:00+01:00", ""},
		{"Europe/Paris", "28-03-2026", "2026-03-28T00:00:00+01:00", ""},
		{"Europe/Paris", "2026-03-28 à 18h", "2026-03-28T18:00:00+01:00", ""},
		{"Europe/Paris", "2026-03-28 noon", "2026-03-28T12:00:00+01:00", ""},
		{"Europe/Paris", "+1h30", "2026-03-26T13:30:00+01:00", ""},
		{"Europe/Paris", "-45min", "2026-03-26T11:15:00+01:00", ""},
		{"Europe/Paris", "18", "", form},
		{"Europe/Paris", "2026-3-28", "", form},
		{"Europe/Paris", "20260328", "2026-03-28T00:00:00+01:00", ""},
		{"Europe/Paris", "20260328 18h", "2026-03-28T18:00:00+01:00", ""},
		{"Europe/Paris", "20260328T183005", "2026-03-28T18:30:05+01:00", ""},
		{"Europe/Paris", "20260328T1830", "2026-03-28T18:30:00+01:00", ""},
		{"Europe/Paris", "20260728T183000Z", "2026-07-28T20:30:00+02:00", ""},
		{"Europe/Paris", "20260728T183000-0500", "2026-07-29T01:30:00+02:00", ""},
		{"Europe/Paris", "20260728T183000+02", "2026-07-28T18:30:00+02:00", ""},
		{"Europe/Paris", "20261328", "", "there is no day 2026-13-28"},
		{"Europe/Paris", "2026032", "", form},
		{"Europe/Paris", "4-Jun-2027", "2027-06-04T00:00:00+02:00", ""},
		{"Europe/Paris", "04-févr.-2027 18:30", "2027-02-04T18:30:00+01:00", ""},
		{"Europe/Paris", "4-Jun-27", "", form},
		{"Europe/Paris", "04-06-27", "", form},
		{"Europe/Paris", "Today", "2026-03-26T00:00:00+01:00", ""},
		{"Europe/Paris", "2026-03-28 24:00", "", `there is no time of day "24:00": want one like 18:30, 18h30 or 6PM`},
		{"Europe/Paris", "2026-03-28 18:60", "", `there is no time of day "18:60": want one like 18:30, 18h30 or 6PM`},
		{"Europe/Paris", "2026-03-28 18h30", "2026-03-28T18:30:00+01:00", ""},
		{"Europe/Paris", "2026-03-28 6PM", "2026-03-28T18:00:00+01:00", ""},
		{"Europe/Paris", "2026-03-28T", "", `there is no time of day "": want one like 18:30, 18h30 or 6PM`},

		// The clocks go forward and back.
		{"Europe/Paris", "2026-03-29 01:59", "2026-03-29T01:59:00+01:00", ""},
		{"Europe/Paris", "2026-03-29 02:00", "", "there is no 2026-03-29 02:00: the clocks go from 02:00 to 03:00"},
		{"Europe/Paris", "2026-03-29 02:30", "", "there is no 2026-03-29 02:30: the clocks go from 02:00 to 03:00"},
		{"Europe/Paris", "2026-03-29 03:00", "2026-03-29T03:00:00+02:00", ""},
		{"Europe/Paris", "2026-10-25 01:59", "2026-10-25T01:59:00+02:00", ""},
		{
			"Europe/Paris", "2026-10-25 02:00", "",
			"2026-10-25 02:00 happens twice, as the clocks go back: " +
				"write 2026-10-25T02:00:00+02:00 or 2026-10-25T02:00:00+01:00",
		},
		{
			"Europe/Paris", "2026-10-25 02:30", "",
			"2026-10-25 02:30 happens twice, as the clocks go back: " +
				"write 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00",
		},
		{"Europe/Paris", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+02:00", ""},
		{"Europe/Paris", "2026-10-25T02:30:00+01:00", "2026-10-25T02:30:00+01:00", ""},
		{"Europe/Paris", "2026-10-25 03:00", "2026-10-25T03:00:00+01:00", ""},
		{"America/New_York", "2026-03-08 02:30", "", "there is no 2026-03-08 02:30: the clocks go from 02:00 to 03:00"},
		{
			"America/New_York", "2026-11-01 01:30", "",
			"2026-11-01 01:30 happens twice, as the clocks go back: " +
				"write 2026-11-01T01:30:00-04:00 or 2026-11-01T01:30:00-05:00",
		},
		{
			"Australia/Lord_Howe", "2026-10-04 02:15", "",
			"there is no 2026-10-04 02:15: the clocks go from 02:00 to 02:30",
		},
		{"Africa/Cairo", "2026-04-24", "2026-04-24T01:00:00+03:00", ""},   // midnight is skipped
		{"America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00", ""}, // midnight happens twice
		{"Pacific/Apia", "2011-12-30", "", "there is no day 2011-12-30 in Pacific/Apia"},
		{"Pacific/Apia", "2011-12-31", "2011-12-31T00:00:00+14:00", ""},
		{"UTC", "2026-03-29 02:30", "2026-03-29T02:30:00Z", ""},
	} {
		zone, err := time.LoadLocation(test.zone)
		if err != nil {
			t.Fatal(err)
		}
		s.Locale.Zone = zone
		value, err := Moment.Parse(s, test.text)
		got := ""
		if err == nil {
			got = value.(time.Time).Format(time.RFC3339Nano)
		}
		if got != test.want || message(err) != test.err {
			t.Errorf("%s in %s: %s, %q; want %s, %q", test.text, test.zone, got, message(err), test.want, test.err)
		}
	}
}

// The end of a range: a day is the whole day, a time alone is on the start's day, a weekday is the first one from the
// start on, a distance counts from the start.
func TestMomentEnd(t *testing.T) {
	s := farmSession(t)
	start := time.Date(2026, 10, 24, 18, 0, 0, 0, s.Locale.Zone)
	for text, want := range map[string]string{
		"2026-10-24": "2026-10-25T00:00:00+02:00", "2026-10-25": "2026-10-26T00:00:00+01:00", // 25 hours
		"24/10/2026": "2026-10-25T00:00:00+02:00", "sunday": "2026-10-26T00:00:00+01:00",
		"saturday": "2026-10-25T00:00:00+02:00", "friday 9h": "2026-10-30T09:00:00+01:00",
		"23:30": "2026-10-24T23:30:00+02:00", "9h": "2026-10-24T09:00:00+02:00", "+2h": "2026-10-24T20:00:00+02:00",
		"+8h30": "2026-10-25T02:30:00+02:00", "2026-10-24 19:00": "2026-10-24T19:00:00+02:00",
		"9999-12-31": "9999-12-31T00:00:00+01:00",
	} {
		value, err := MomentEnd.Parse(s, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		in := Input{values: map[string]any{"end": value}, resolved: map[string]any{}}
		end, err := in.end(s, "end", &start)
		if err != nil || end.Format(time.RFC3339) != want {
			t.Errorf("%s: %v, %v; want %s", text, end, err, want)
		}
	}
}

// Where the region is the United States the month comes first, but not before points.
func TestMonthFirst(t *testing.T) {
	s := farmSession(t)
	s.Locale.Region = "US"
	for text, want := range map[string]string{
		"12/31/2026": "2026-12-31", "4/6/2027": "2027-04-06",
		"4.6.2027": "2027-06-04", "12-31-2026": "2026-12-31", "fri 6/4/2027": "2027-06-04",
	} {
		if day, err := Day.Parse(s, text); err != nil || day.(time.Time).Format(dateLayout) != want {
			t.Errorf("%s: %v, %v; want %s", text, day, err, want)
		}
	}
}

// What a text leaves open is said in full, with the weekday.
func TestInFull(t *testing.T) {
	s := farmSession(t)
	for text, want := range map[string]string{
		"2026-03-28": "", "2026-03-28 18:30": "", "today": "", "monday": "Mon 2026-03-30",
		"28/03/2026 18h": "Sat 2026-03-28 18:00", "+2h": "Thu 2026-03-26 14:00",
	} {
		value, err := Moment.Parse(s, text)
		if got := Moment.InFull(s, text, value); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
}

// The end of a range is shown in full as the day that it includes.
func TestEndInFull(t *testing.T) {
	s := farmSession(t)
	start := time.Date(2026, 10, 24, 18, 0, 0, 0, s.Locale.Zone)
	for text, want := range map[string]string{
		"sunday": "Sun 2026-10-25", "sunday 18h": "Sun 2026-10-25 18:00", "25/10/2026": "Sun 2026-10-25", "2026-10-25": "",
	} {
		value, err := MomentEnd.Parse(s, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		end, err := (Input{values: map[string]any{"end": value}, resolved: map[string]any{}}).end(s, "end", &start)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := MomentEnd.InFull(s, text, *end); got != want {
			t.Errorf("%s: %q; want %q", text, got, want)
		}
	}
}

func TestDay(t *testing.T) {
	s := farmSession(t)
	day, err := Day.Parse(s, "tomorrow")
	if want := time.Date(2026, 3, 27, 0, 0, 0, 0, s.Locale.Zone); err != nil || !day.(time.Time).Equal(want) {
		t.Errorf("tomorrow is %v, %v; want %v", day, err, want)
	}
	if day, err := Day.Parse(s, "2026-03-27 10:00"); day != nil || !errors.Is(err, errDay) {
		t.Errorf("a day with a time is %v, %v", day, err)
	}
	want := []Choice{{"today", "Thu 2026-03-26"}, {"tomorrow", "Fri 2026-03-27"}, {"+7d", "Thu 2026-04-02"}}
	if got := Day.Values(s); !reflect.DeepEqual(got, want) {
		t.Errorf("offered are %v; want %v", got, want)
	}
}
