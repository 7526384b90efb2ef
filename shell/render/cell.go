package render

// This file formats single values: for people, and bare for structured formats.

import (
	"fmt"
	"strings"
	"time"

	"crm/commands"
	"crm/repo"
)

// missing is shown for nil in formats for people.
const missing = "--"

// A painter formats cells in a Style.
type painter struct {
	Style
	zone    *time.Location
	amounts commands.AmountFormat
}

func newPainter(st Style) painter {
	zone := st.Locale.Zone
	if zone == nil {
		zone = time.UTC
	}
	return painter{Style: st, zone: zone, amounts: commands.NewAmountFormat(st.Locale)}
}

// text returns the value for people. It may contain line breaks, but no other control characters.
func (p painter) text(cell any) string {
	switch v := cell.(type) {
	case nil:
		return missing
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case time.Time:
		return v.In(p.zone).Format("2006-01-02 15:04")
	case repo.Money:
		return p.amounts.Format(v)
	case string:
		return Escape(strings.ReplaceAll(v, "\r\n", "\n"))
	case commands.Nested:
		switch {
		case v.IsEmpty():
			return missing
		case v.Text != "":
			return Escape(v.Text)
		}
		return safeJSON(v.String())
	}
	return fmt.Sprint(cell)
}

// cell returns text without the variation selector for coloured emoji, because terminals disagree about its width.
func (p painter) cell(cell any) string { return strings.ReplaceAll(p.text(cell), "\ufe0f", "") }

// bare returns the value for programs, in JSON without the quotes: amounts with a dot and two decimals, timestamps in
// RFC 3339 in the company's zone, "" for nil.
func (p painter) bare(cell any) string {
	switch v := cell.(type) {
	case nil:
		return ""
	case string:
		return v
	case repo.Money:
		if p.Excel {
			return strings.Replace(v.String(), ".", p.amounts.Decimal(), 1)
		}
	case time.Time:
		if p.Excel && !commands.HappensTwice(v.In(p.zone)) {
			return v.In(p.zone).Format("2006-01-02 15:04:05") // Excel would read a timestamp with an offset as text
		}
		return v.In(p.zone).Format(time.RFC3339)
	case commands.Nested:
		return safeJSON(v.String())
	}
	return fmt.Sprint(cell)
}

// highlight colours the text of a status column if Color is set.
func (p painter) highlight(c commands.Column, text string) string {
	if !c.Status || !p.Color {
		return text
	}
	return colored(statusColor(text), text)
}

// bold makes a column's name bold if Color is set.
func (p painter) bold(text string) string {
	if !p.Color {
		return text
	}
	return colored("1", text)
}

// statusColor returns the colour of a status as the parameter of an ANSI escape sequence; "" for others.
func statusColor(word string) string {
	switch word {
	case "to_send":
		return "36" // cyan
	case "pending":
		return "33" // yellow
	case "signed", "finished":
		return "32" // green
	case "canceled":
		return "31" // red
	}
	return ""
}

func colored(color, text string) string {
	if color == "" || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}
