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

// asText matches a text as programs write it that keep a spreadsheet from taking it for a number: ="0612345678".
var asText = regexp.MustCompile(`^="([^"]*)"$`)

// revived returns the text that Inert was given, or another program has made text.
func revived(text string) string {
	if m := asText.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	if rest, found := strings.CutPrefix(text, "'"); found && formula.MatchString(text) {
		return rest
	}
	return text
}
