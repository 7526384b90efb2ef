package commands

import (
	"regexp"
	"strings"
)

// This file keeps spreadsheets from running texts of csv and tsv files.

var (
	formula  = regexp.MustCompile(`^'*[=+\-@\t\r＝＋－＠]`)   // what spreadsheets take for one, and what Inert makes of it
	harmless = regexp.MustCompile(`^[+-][0-9][0-9 .,]*$`) // a number, such as a phone number
)

// Inert returns a text with an apostrophe in front if a spreadsheet would run it. Numbers, amounts and phone numbers
// stay as they are. To read such a text back, remove one apostrophe from each text that is a formula after its leading
// apostrophes.
func Inert(text string) string {
	if formula.MatchString(text) && !harmless.MatchString(text) {
		return "'" + text
	}
	return text
}

// revived returns the text that Inert was given.
func revived(text string) string {
	if rest, found := strings.CutPrefix(text, "'"); found && formula.MatchString(text) {
		return rest
	}
	return text
}
