package commands

import (
	"slices"
	"strings"

	"crm/commands/intake"
)

// This file takes the value of a column from the cells of a row.

// A source is the place of a column's values in a file.
type source struct {
	target *target
	at     [][]int // groups of cells: the first one with a value is taken
	join   string  // between the cells of a group
}

// text returns the value in a row. plain undoes what an export has done to a cell.
func (s source) text(cells []string, plain func(string) string) string {
	for _, group := range s.at {
		if text := s.of(group, cells, plain); text != "" {
			return text
		}
	}
	return ""
}

// of returns the value of a group of cells.
func (s source) of(group []int, cells []string, plain func(string) string) string {
	var parts []string
	for _, at := range group {
		if at < len(cells) {
			if text := strings.TrimSpace(plain(cells[at])); text != "" && !repeats(parts, text) {
				parts = append(parts, text)
			}
		}
	}
	return strings.Join(parts, s.join)
}

// repeats reports whether the first of the parts has a text behind a comma, alone or beside a postal code: an address
// that is complete in one cell may have its postal code, city and country in others too.
func repeats(parts []string, text string) bool {
	if len(parts) == 0 {
		return false
	}
	same := func(words []string) bool { return len(words) > 0 && sameWords(strings.Join(words, " "), text) }
	isCode := func(word string) bool { return strings.Trim(word, "0123456789-") == "" }
	for _, piece := range strings.Split(parts[0], ",")[1:] {
		words := strings.Fields(piece)
		if same(words) {
			return true
		}
		if len(words) > 1 && isCode(words[0]) && len(words[0]) > 3 &&
			(same(words[:1]) || same(words[1:])) { // 67000 Strasbourg
			return true
		}
		last := len(words) - 1
		if last > 0 && isCode(words[last]) && (same(words[:last]) || same(words[last:])) { // TX 78701
			return true
		}
	}
	return false
}

// further returns the cells of a row that have other values of the column than the one that is taken.
func (s source) further(cells []string, plain func(string) string) (places []int) {
	taken := ""
	for _, group := range s.at {
		text := s.of(group, cells, plain)
		hasMore := slices.Contains(several, s.target.column) && strings.Contains(text, betweenValues)
		if hasMore || taken != "" && text != "" && text != taken {
			places = append(places, group...)
		}
		if taken == "" {
			taken = text
		}
	}
	return places
}

// odd returns what a cell of the column is in place of a value, such as a list of JSON; empty if none is.
func (s source) odd(row intake.Row) string {
	for _, at := range slices.Concat(s.at...) {
		isSwitch := s.target.kind.Name == yesKind.Name && at < len(row.Cells) &&
			slices.Contains([]string{"true", "false"}, row.Cells[at])
		if why := row.Odd[at]; why != "" && !isSwitch {
			return why
		}
	}
	return ""
}
