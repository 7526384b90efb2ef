package commands

// This file has the kinds of arguments that mention no entity. A kind checks only the form of a value. Whether the
// column may be empty or the record exists is checked later.

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Text returns the kind of a text of at most limit characters, which may be empty. Its value is a trimmed string in
// NFC.
func Text(limit int) Kind {
	return Kind{Name: "TEXT", Parse: func(_ *Session, text string) (any, error) { return cleanText(text, limit) }}
}

// Words is the kind of a last argument of several words, which need no quotes. Its value is a nonempty string.
var Words = func() Kind {
	k := Required(Text(textLimit))
	k.Rest = true
	return k
}()

// Token returns the kind of one word without blanks. Its value is a string.
func Token(name string) Kind {
	return Required(Kind{Name: name, Parse: func(_ *Session, text string) (any, error) {
		text, err := cleanText(text, 255)
		if err == nil && strings.ContainsFunc(text, unicode.IsSpace) {
			err = errors.New("want one word")
		}
		return text, err
	}})
}

// Required returns the kind without empty values, also from a file. Blanks and invisible characters count as empty.
func Required(k Kind) Kind {
	parse := k.Parse
	k.Parse = func(s *Session, text string) (any, error) {
		value, err := parse(s, text)
		if read, isText := value.(string); isText && err == nil {
			text = read
		}
		if !strings.ContainsFunc(text, visible) {
			return nil, errors.New("may not be empty")
		}
		return value, err
	}
	return k
}

func visible(r rune) bool {
	return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.IsMark(r) &&
		!unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

func cleanText(text string, limit int) (string, error) {
	if !utf8.ValidString(text) {
		return "", errors.New("is not UTF-8 text")
	}
	text = strings.TrimSpace(norm.NFC.String(text))
	if i := strings.IndexFunc(text, hidden); i >= 0 {
		r, _ := utf8.DecodeRuneInString(text[i:])
		return "", fmt.Errorf("the character %U is not possible: leave it out", r)
	}
	if n := utf8.RuneCountInString(text); n > limit {
		return "", fmt.Errorf("has %d characters: at most %d are possible", n, limit)
	}
	return text, nil
}

// hidden reports whether a character moves or hides its neighbours or breaks the line. Joiners are allowed, because
// emoji and several scripts need them, and so are signs that span digits.
func hidden(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	if r == nonJoiner || r == joiner || unicode.Is(unicode.Prepended_Concatenation_Mark, r) {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// Count is the kind of a number of things, from zero. Its value is an int.
var Count = Number("N", 0, 1_000_000_000)

var nonDigits = regexp.MustCompile(`[^0-9]`)

// thousands is a whole number in groups of three digits, as spreadsheets show it.
var thousands = regexp.MustCompile(`^[0-9]{1,3}([ \x{a0}\x{202f}.,'’][0-9]{3})+$`)

// Number returns the kind of a whole number from least to most. Its value is an int. In a cell its digits may be
// grouped.
func Number(name string, least, most int) Kind {
	parse := func(_ *Session, text string) (any, error) {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < least || n > most {
			return nil, fmt.Errorf("want a whole number from %d to %d", least, most)
		}
		return n, nil
	}
	return Kind{Name: name, Parse: parse, Cell: func(s *Session, text string) (any, error) {
		if thousands.MatchString(text) {
			text = nonDigits.ReplaceAllString(text, "")
		}
		return parse(s, text)
	}}
}

// ID is the kind of a record's ID. Its value is an int64.
var ID = Kind{Name: "ID", isID: true, Parse: func(_ *Session, text string) (any, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 || strconv.FormatInt(id, 10) != text {
		return nil, errors.New("want a number as printed, like 12")
	}
	return id, nil
}}

// Enum returns the kind of one of several fixed words. Its value is a string. In a file a word may also be written as
// people write it: "To send", "Annulé".
func Enum(name string, values ...string) Kind {
	parse := func(_ *Session, text string) (any, error) {
		if !slices.Contains(values, text) {
			return nil, fmt.Errorf("want %s%s", oneOf(values), DidYouMean(text, values))
		}
		return text, nil
	}
	return Kind{
		Name:  name,
		Parse: parse,
		Cell: func(s *Session, text string) (any, error) {
			return parse(s, cmp.Or(meant(text, values), text))
		},
		Values: func(*Session) []Choice { return choices(values) },
	}
}

// Format is the kind of the name of an output format; its value is a string.
var Format = Enum("FORMAT", "table", "vertical", "json", "ndjson", "csv", "tsv", "markdown")

// Columns returns the kind of column names separated by commas. Its value is a []string.
func Columns(names ...string) Kind {
	return Kind{
		Name:   "COLUMN,…",
		Commas: true,
		Parse: func(_ *Session, text string) (any, error) {
			var picked []string
			for part := range strings.SplitSeq(text, ",") {
				name := strings.ReplaceAll(strings.TrimSpace(part), "-", "_")
				if !slices.Contains(names, name) {
					return nil, fmt.Errorf("there is no column %s%s", show(part),
						cmp.Or(DidYouMean(name, names), ": want some of "+strings.Join(names, ",")))
				}
				if slices.Contains(picked, name) {
					return nil, fmt.Errorf("names %s twice", name)
				}
				picked = append(picked, name)
			}
			return picked, nil
		},
		Values: func(*Session) []Choice { return choices(names) },
	}
}

func oneOf(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

func choices(words []string) []Choice {
	all := make([]Choice, len(words))
	for i, w := range words {
		all[i].Text = w
	}
	return all
}

// Path is the kind of a file name. Its value is a string, exactly as typed.
var Path = Kind{Name: "FILE", Files: true, Parse: func(_ *Session, text string) (any, error) {
	if text == "" {
		return nil, errors.New("may not be empty")
	}
	return AtHome(text), nil
}}

// AtHome returns a path with the user's home directory in place of a ~ that begins it.
func AtHome(path string) string {
	rest, is := strings.CutPrefix(path, "~"+string(filepath.Separator))
	if home, err := os.UserHomeDir(); is && err == nil {
		return filepath.Join(home, rest)
	}
	return path
}

// Line is the kind of a last argument that is a command: the rest of the line, as typed. An optional argument before
// it is left out if the word is not of its kind. Its value is a string.
var Line = Kind{Name: "COMMAND", IsLine: true, Parse: func(_ *Session, text string) (any, error) { return text, nil }}
