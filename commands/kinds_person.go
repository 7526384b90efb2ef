package commands

import (
	"errors"
	"net/mail"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"crm/security/finding"
)

// This file has the kinds of the details of a person: name, email, address and language. phone.go has the telephone.

// PersonName returns the kind of a first or last name.
func PersonName() Kind { return Required(Text(nameLimit)) }

// Email is the kind of an email address without a display name, which may be empty. Its value is a string.
var Email = Kind{Name: "EMAIL", Parse: readEmail, Cell: firstOf(readEmail)}

func readEmail(_ *Session, text string) (any, error) {
	text, err := cleanText(text, 255)
	if err != nil || text == "" {
		return "", err
	}
	address, err := mail.ParseAddress(text)
	if err != nil || address.Address != text || !mailDomain(text) {
		return "", errors.New("want an address like ada@example.com")
	}
	return text, nil
}

// betweenValues is what Google writes between the values of a cell.
const betweenValues = ":::"

// firstOf returns a parser of cells with several values, of which it takes the first.
func firstOf(parse func(*Session, string) (any, error)) func(*Session, string) (any, error) {
	return func(s *Session, text string) (any, error) {
		for value := range strings.SplitSeq(text, betweenValues) {
			if value = strings.TrimSpace(value); value != "" {
				return parse(s, value)
			}
		}
		return parse(s, text)
	}
}

// Address is the kind of a postal address, which may be empty. Its value is a string of one line; several lines are
// joined with commas.
var Address = addressKind()

func addressKind() Kind {
	k := Text(textLimit)
	parse := k.Parse
	k.Parse = func(s *Session, text string) (any, error) {
		var lines []string
		for line := range strings.Lines(text) {
			if line = strings.Trim(line, ", \t\r\n"); line != "" {
				lines = append(lines, line)
			}
		}
		return parse(s, strings.Join(lines, ", "))
	}
	return k
}

// mailDomain reports whether the address ends in a valid domain name (RFC 1035 section 2.3.1, extended to letters of
// every script).
func mailDomain(address string) bool {
	local, domain, _ := strings.Cut(address, "@")
	labels := strings.Split(domain, ".")
	if len(local) > 64 || len(labels) < 2 || strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return false
	}
	return !slices.ContainsFunc(labels, func(label string) bool {
		return label == "" || len(label) > 63 || strings.Trim(label, "-") != label ||
			strings.ContainsFunc(label, func(r rune) bool {
				return r != '-' && !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r)
			})
	})
}

// Language is the kind of a language tag (BCP 47), which may be empty; its value is a string in the usual case:
// "en-GB". In a cell it may be an English or French name, as in "French / Français" or "English (US)".
var Language = Kind{
	Name: "LANGUAGE", Parse: readLanguage,
	Cell: func(s *Session, text string) (any, error) {
		names := finding.Words(text)
		for _, c := range languages {
			french := finding.Words(display.French.Languages().Name(language.Make(c.Text)))
			if len(names) > 0 && (names[0] == strings.ToLower(c.Help) || names[0] == french[0]) {
				return c.Text, nil
			}
		}
		return readLanguage(s, text)
	},
	Values: func(*Session) []Choice { return languages },
}

func readLanguage(_ *Session, text string) (any, error) {
	text, err := cleanText(text, 35)
	if err != nil || text == "" {
		return "", err
	}
	tag, err := language.Parse(text)
	if err != nil {
		return nil, errors.New("want the code of a language like fr, de or en-GB")
	}
	return tag.String(), nil
}

// languages are the languages that completion offers.
var languages = []Choice{
	{"cs", "Czech"},
	{"da", "Danish"},
	{"de", "German"},
	{"en", "English"},
	{"es", "Spanish"},
	{"fr", "French"},
	{"it", "Italian"},
	{"ja", "Japanese"},
	{"nl", "Dutch"},
	{"pl", "Polish"},
	{"pt", "Portuguese"},
	{"sv", "Swedish"},
}
