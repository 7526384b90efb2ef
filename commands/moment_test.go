package commands

import (
	"reflect"
	"testing"
	"time"
)

func TestMoment(t *testing.T) {
	const (
		form = "want a date like 2026-03-28, with a time like 18:30 if it matters, or today, tomorrow, +3d, +2w"
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
		{"Europe/Paris", "2026-07-28T18:30:00.5+02:00", "2026-07-28T18:30:00.5+02:00", ""},
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
		{"Europe/Paris", "28/03/2026", "", form},
		{"Europe/Paris", "2026-3-28", "", form},
		{"Europe/Paris", "Today", "", form},
		{"Europe/Paris", "2026-03-28 24:00", "", `there is no time of day "24:00": want one like 18:30`},
		{"Europe/Paris", "2026-03-28 18:60", "", `there is no time of day "18:60": want one like 18:30`},
		{"Europe/Paris", "2026-03-28 18h30", "", `there is no time of day "18h30": want one like 18:30`},
		{"Europe/Paris", "2026-03-28T", "", `there is no time of day "": want one like 18:30`},

		// The clocks go forward and back.
		{"Europe/Paris", "2026-03-29 01:59", "2026-03-29T01:59:00+01:00", ""},
		{"Europe/Paris", "2026-03-29 02:00", "", "there is no 2026-03-29 02:00: the clocks go from 02:00 to 03:00"},
		{"Europe/Paris", "2026-03-29 02:30", "", "there is no 2026-03-29 02:30: the clocks go from 02:00 to 03:00"},
		{"Europe/Paris", "2026-03-29 03:00", "2026-03-29T03:00:00+02:00", ""},
		{"Europe/Paris", "2026-10-25 01:59", "2026-10-25T01:59:00+02:00", ""},
		{"Europe/Paris", "2026-10-25 02:00", "", "2026-10-25 02:00 happens twice, as the clocks go back: write 2026-10-25T02:00:00+02:00 or 2026-10-25T02:00:00+01:00"},
		{"Europe/Paris", "2026-10-25 02:30", "", "2026-10-25 02:30 happens twice, as the clocks go back: write 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00"},
		{"Europe/Paris", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+02:00", ""},
		{"Europe/Paris", "2026-10-25T02:30:00+01:00", "2026-10-25T02:30:00+01:00", ""},
		{"Europe/Paris", "2026-10-25 03:00", "2026-10-25T03:00:00+01:00", ""},
		{"America/New_York", "2026-03-08 02:30", "", "there is no 2026-03-08 02:30: the clocks go from 02:00 to 03:00"},
		{"America/New_York", "2026-11-01 01:30", "", "2026-11-01 01:30 happens twice, as the clocks go back: write 2026-11-01T01:30:00-04:00 or 2026-11-01T01:30:00-05:00"},
		{"Australia/Lord_Howe", "2026-10-04 02:15", "", "there is no 2026-10-04 02:15: the clocks go from 02:00 to 02:30"},
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

func TestDay(t *testing.T) {
	s := farmSession(t)
	day, err := Day.Parse(s, "tomorrow")
	if want := time.Date(2026, 3, 27, 0, 0, 0, 0, s.Locale.Zone); err != nil || !day.(time.Time).Equal(want) {
		t.Errorf("tomorrow is %v, %v; want %v", day, err, want)
	}
	if day, err := Day.Parse(s, "2026-03-27 10:00"); day != nil || err != errDay {
		t.Errorf("a day with a time is %v, %v", day, err)
	}
	want := []Choice{{"today", "Thu 2026-03-26"}, {"tomorrow", "Fri 2026-03-27"}, {"+7d", "Thu 2026-04-02"}}
	if got := Day.Values(s); !reflect.DeepEqual(got, want) {
		t.Errorf("offered are %v; want %v", got, want)
	}
}
