package render

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"

	"crm/commands"
)

// TestCalendar reads a calendar back that was written in two batches.
func TestCalendar(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	day := func(d, hour int) time.Time { return time.Date(2027, 6, d, hour, 0, 0, 0, paris) }
	row := func(id int64, name string, start, end, canceled any) []any {
		return []any{id, name, start, end, day(1, 9), day(2, 9), "Line one\nline; two, \"é\" " + strings.Repeat("x", 200), canceled}
	}
	out := commands.Output{Rows: [][]any{
		row(1, "Gala, with; a \\ comma", day(4, 18), day(5, 1), nil),
		row(2, "Two days", day(4, 0), day(6, 0), nil),
	}}
	for _, name := range []string{"id", "name", "start_date", "end_date", "created_at", "updated_at", "comments", "canceled_at"} {
		out.Columns = append(out.Columns, commands.Column{Name: name})
	}
	rest := [][][]any{{row(3, "Canceled", day(7, 10), day(7, 12), day(3, 9))}, nil}
	out.Rest = func(context.Context) (rows [][]any, err error) {
		rows, rest = rest[0], rest[1:]
		return rows, nil
	}
	var file bytes.Buffer
	style := Style{Format: "ics", Locale: commands.Locale{Zone: paris}}
	if rows, err := Stream(t.Context(), &file, out, style, func(commands.Output) {}); err != nil || rows != 3 {
		t.Fatal(rows, err)
	}
	for line := range strings.SplitSeq(file.String(), "\r\n") {
		if len(line) > 75 || strings.Contains(line, "\n") {
			t.Errorf("a line of %d bytes, want 75 at most and \\r\\n between: %q", len(line), line)
		}
	}
	calendar, err := ics.ParseCalendar(strings.NewReader(file.String()))
	if err != nil || len(calendar.Events()) != 3 {
		t.Fatal(calendar, err)
	}
	value := func(i int, property ics.ComponentProperty) string {
		if p := calendar.Events()[i].GetProperty(property); p != nil {
			return p.Value
		}
		return ""
	}
	for i, want := range []map[ics.ComponentProperty]string{
		{
			ics.ComponentPropertySummary: "Gala, with; a \\ comma", ics.ComponentPropertyDtStart: "20270604T160000Z",
			ics.ComponentPropertyDtEnd: "20270604T230000Z", ics.ComponentPropertyStatus: "CONFIRMED",
			ics.ComponentPropertyDescription: out.Rows[0][6].(string),
			ics.ComponentPropertyUniqueId:    "event-1-20270601T070000.000000Z@crm",
		},
		{ics.ComponentPropertyDtStart: "20270604", ics.ComponentPropertyDtEnd: "20270606"},
		{ics.ComponentPropertyStatus: "CANCELLED", ics.ComponentPropertyLastModified: "20270602T070000Z"},
	} {
		for property, text := range want {
			if got := value(i, property); got != text {
				t.Errorf("entry %d, %s: got %q, want %q", i+1, property, got, text)
			}
		}
	}
	out.Rest, out.Rows = nil, [][]any{row(4, "Some day", nil, nil, nil)}
	if err := Write(&file, out, style); err == nil || err.Error() != "event 4 has no date, which a calendar needs" {
		t.Errorf("an event without a date: %v", err)
	}
}
