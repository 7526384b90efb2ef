package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/currency"
	"golang.org/x/text/language"

	"crm/commands"
)

// This file has the kinds of values of the config keys.

// orEmpty returns the kind that also accepts an empty value.
func orEmpty(k commands.Kind) commands.Kind {
	parse := k.Parse
	k.Parse = func(s *commands.Session, text string) (any, error) {
		if text == "" {
			return "", nil
		}
		return parse(s, text)
	}
	return k
}

// identifier returns the kind of names for PostgreSQL objects: at most 63 bytes, not one of reserved, and without the
// prefix of system names.
func identifier(reserved ...string) commands.Kind {
	const longest = 63 // bytes, NAMEDATALEN - 1
	k := commands.Required(commands.Text(longest))
	parse := k.Parse
	k.Parse = func(s *commands.Session, text string) (any, error) {
		switch {
		case strings.HasPrefix(text, "pg_"), slices.Contains(reserved, text):
			return nil, fmt.Errorf("PostgreSQL reserves the name %s: want another one, like crm", text)
		case len(text) > longest:
			return nil, fmt.Errorf("want at most %d bytes", longest)
		}
		return parse(s, text)
	}
	return k
}

// country accepts an ISO 3166 code, in capitals, that has a numbering plan for phones.
func country(text string) (struct{}, error) {
	if !phonenumbers.GetSupportedRegions()[text] {
		return struct{}{}, errUnknown
	}
	return struct{}{}, nil
}

// currencyCode accepts an ISO 4217 code, in capitals, but not the codes for tests (XTS) and for no currency (XXX).
func currencyCode(text string) (currency.Unit, error) {
	unit, err := currency.ParseISO(text)
	if err == nil && (unit.String() != text || text == "XTS" || text == "XXX") {
		err = errUnknown
	}
	return unit, err
}

// languageTag accepts a BCP 47 tag that names a language.
func languageTag(text string) (language.Tag, error) {
	tag, err := language.Parse(text)
	if base, confidence := tag.Base(); err == nil && (confidence != language.Exact || base.String() == "und") {
		err = errUnknown
	}
	return tag, err
}

// timeZone accepts a name of the IANA time zone database, but not Local, which depends on the machine.
func timeZone(text string) (*time.Location, error) {
	if text == "Local" {
		return nil, errUnknown
	}
	return time.LoadLocation(text)
}

// known returns the kind of the values that read accepts.
func known[T any](what, like string, read func(string) (T, error)) commands.Kind {
	return commands.Kind{Parse: func(_ *commands.Session, text string) (any, error) {
		if _, err := read(text); err != nil || text == "" {
			return nil, fmt.Errorf("there is no %s %q: want one like %s", what, text, like)
		}
		return text, nil
	}}
}

func duration(least, most time.Duration) commands.Kind {
	return commands.Kind{Parse: func(_ *commands.Session, text string) (any, error) {
		d, err := time.ParseDuration(text)
		if err != nil || d < least || d > most {
			return nil, fmt.Errorf("want a time like 30s, 10m or 12h, from %v to %v, not %q", least, most, text)
		}
		return d, nil
	}}
}

// orNever returns the kind of a duration that also accepts 0s.
func orNever(k commands.Kind) commands.Kind {
	parse := k.Parse
	k.Parse = func(s *commands.Session, text string) (any, error) {
		if d, err := time.ParseDuration(text); err == nil && d == 0 {
			return d, nil
		}
		d, err := parse(s, text)
		if err != nil {
			return nil, fmt.Errorf("%w; 0s is never", err)
		}
		return d, nil
	}
	return k
}
