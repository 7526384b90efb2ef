package render

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"

	"crm/commands"
)

// calendarLines are the lines as RFC 5545, 3.1 wants them.
var calendarLines = &ics.SerializationConfiguration{MaxLength: 75, PropertyMaxLength: 75, NewLine: "\r\n"}

const (
	calendarBegin = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//crm//events//EN\r\nMETHOD:PUBLISH\r\n"
	calendarEnd   = "END:VCALENDAR\r\n"
)

// calendarNeeds are the columns that an entry of a calendar is made of. The others are in its description.
var calendarNeeds = []string{"id", "name", "start_date", "end_date", "created_at", "updated_at"}

// calendarEntries writes an entry of a calendar for each event (RFC 5545, 3.6.1). An event of whole days in the zone
// has dates without times. The unique identifier stays the same, so a program that reads a later export changes its
// entries.
func (p painter) calendarEntries(page *bytes.Buffer, out commands.Output) error {
	names := columnNames(out)
	for _, name := range calendarNeeds {
		if !slices.Contains(names, name) {
			return commands.Explain("a calendar needs the column "+name+", which these records do not have",
				"events can be written as a calendar, without --columns", commands.ErrUsage)
		}
	}
	for _, row := range out.Rows {
		cells := map[string]any{}
		for i, name := range names {
			cells[name] = row[i]
		}
		text := func(name string) string { return p.bare(cells[name]) }
		start, isDated := cells["start_date"].(time.Time)
		end, ends := cells["end_date"].(time.Time)
		if !isDated || !ends {
			return commands.Explain(fmt.Sprintf("event %s has no date, which a calendar needs", text("id")),
				`--where "start_date is not empty and end_date is not empty" leaves it out`, commands.ErrUsage)
		}
		added, _ := cells["created_at"].(time.Time)
		changed, _ := cells["updated_at"].(time.Time)
		e := ics.NewEvent(fmt.Sprintf("event-%s-%s@crm", text("id"), added.UTC().Format("20060102T150405.000000Z")))
		e.SetDtStampTime(changed)
		e.SetCreatedTime(added)
		e.SetModifiedAt(changed)
		if from, to := start.In(p.zone), end.In(p.zone); isMidnight(from) && isMidnight(to) && to.After(from) {
			e.SetAllDayStartAt(from)
			e.SetAllDayEndAt(to)
		} else {
			e.SetStartAt(start)
			e.SetEndAt(end)
		}
		e.SetSummary(text("name"))
		if place := text("location"); place != "" {
			e.SetLocation(place)
		}
		if about := p.aboutEvent(names, cells); about != "" {
			e.SetDescription(about)
		}
		e.SetStatus(ics.ObjectStatusConfirmed)
		if cells["canceled_at"] != nil || cells["deleted_at"] != nil {
			e.SetStatus(ics.ObjectStatusCancelled)
		}
		if err := e.SerializeTo(page, calendarLines); err != nil {
			return err
		}
	}
	return nil
}

// aboutEvent returns the description of an entry: what people need at an event, one a line, and its notes.
func (p painter) aboutEvent(names []string, cells map[string]any) string {
	var lines []string
	for _, name := range []string{
		"customer", "customer_contact", "customer_phone", "customer_email", "attendees", "support_contact",
		"contract_id", "comments",
	} {
		text := p.bare(cells[name])
		if text == "" || !slices.Contains(names, name) {
			continue
		}
		if name == "comments" {
			lines = append(lines, "", text)
		} else {
			lines = append(lines, label(name)+": "+text)
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// label returns the name of a column as a word of a sentence: "Customer contact".
func label(column string) string {
	words := strings.ReplaceAll(strings.TrimSuffix(column, "_id"), "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

func isMidnight(t time.Time) bool {
	hour, minute, second := t.Clock()
	return hour+minute+second == 0
}
