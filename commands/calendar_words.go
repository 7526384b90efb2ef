package commands

import (
	"strings"
	"time"
)

// This file has the English and French words of dates.

// months maps the first three or four letters of a month's name, with and without accents, to the month.
var months = map[string]time.Month{
	"jan": 1, "feb": 2, "fev": 2, "fév": 2, "mar": 3, "apr": 4, "avr": 4, "may": 5, "mai": 5, "jun": 6, "juin": 6,
	"janv": 1, "févr": 2, "fevr": 2, "jul": 7, "juil": 7, "aug": 8, "aou": 8, "aoû": 8, "sep": 9, "oct": 10, "nov": 11,
	"dec": 12, "déc": 12,
}

var monthNames = strings.Fields(`january february march april may june july august september october november december
	janvier février fevrier mars avril mai juin juillet août aout septembre octobre novembre décembre decembre sept`)

var weekdays = map[string]time.Weekday{
	"sunday": 0, "monday": 1, "tuesday": 2, "wednesday": 3, "thursday": 4, "friday": 5, "saturday": 6,
	"dimanche": 0, "lundi": 1, "mardi": 2, "mercredi": 3, "jeudi": 4, "vendredi": 5, "samedi": 6,
	"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6,
	"dim": 0, "lun": 1, "mer": 3, "jeu": 4, "ven": 5, "sam": 6, // not mar, which is also the month
}

var nearDays = map[string]int{
	"yesterday": -1, "today": 0, "tomorrow": 1, "hier": -1, "aujourd'hui": 0, "aujourd’hui": 0, "demain": 1,
}

// monthOf returns the month with a name or an abbreviation.
func monthOf(name string) (time.Month, bool) {
	if month, ok := months[name]; ok {
		return month, true
	}
	for _, known := range monthNames {
		if name != known {
			continue
		}
		for _, letters := range []int{4, 3} {
			short := []rune(name)
			if month, ok := months[string(short[:min(letters, len(short))])]; ok {
				return month, true
			}
		}
	}
	return 0, false
}
