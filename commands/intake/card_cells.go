package intake

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/quotedprintable"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-vcard"
	"golang.org/x/text/encoding/htmlindex"
)

// This file makes cells of the properties of a vCard.

// noPersons are the kinds of cards that are no person or company (RFC 6350, 6.1.4; RFC 6473; RFC 6869).
var noPersons = []string{"group", "location", "application", "device"}

// isPerson reports whether a card is of a person or a company. Version 3 has the kind in a property of Apple.
func isPerson(card vcard.Card) bool {
	for _, property := range []string{vcard.FieldKind, "X-ADDRESSBOOKSERVER-KIND"} {
		if slices.Contains(noPersons, strings.ToLower(strings.TrimSpace(card.Value(property)))) {
			return false
		}
	}
	return true
}

// aboutCards are the properties that are about the card or about other properties. Nobody misses them.
var aboutCards = []string{
	"VERSION", "PRODID", "REV", "UID", "SOURCE", "KIND", "PROFILE", "NAME", "MAILER", "CLASS", "SORT-STRING",
	"CLIENTPIDMAP", "CREATED", "X-ABLABEL", "X-ABADR", "X-ABSHOWAS", "X-ABUID",
}

// mostUnread is the number of different properties that Unread has.
const mostUnread = 1000

// A cardCells reads the cells of a card.
type cardCells struct {
	card   vcard.Card
	read   []string // properties that cells have, or that say the same
	unread []string
	err    error
}

// cellsOf returns the values of a card in the order of cardColumns.
func (c *Cards) cellsOf(card vcard.Card) ([]string, error) {
	r := cardCells{card: card, read: slices.Clone(aboutCards)}
	id := r.value(vcard.FieldUID)
	if rest, is := strings.CutPrefix(id, c.IDs); is && c.IDs != "" {
		id = rest
	} else {
		id = ""
	}
	name := r.value(vcard.FieldFormattedName)
	if name == "" {
		name = parts(r.value(vcard.FieldName), " ", 1, 2, 0) // given, further and family names
	}
	r.read = append(r.read, vcard.FieldName)
	organization := r.value(vcard.FieldOrganization)
	address := parts(r.value(vcard.FieldAddress), ", ", 0, 1, 2, 5, 3, 4, 6)
	if address != "" {
		r.read = append(r.read, "LABEL") // the same address
	}
	cells := []string{
		id, parts(organization, ", ", 0), name, trimScheme(r.value(vcard.FieldEmail), "mailto:"),
		r.telephone(), address, r.value(vcard.FieldLanguage), r.value(vcard.FieldTitle),
	}
	if parts(organization, "", 1, 2, 3) != "" {
		r.unread = append(r.unread, "unit of ORG")
	}
	for i, cell := range cells {
		cells[i] = strings.ReplaceAll(cell, semicolon, ";")
	}
	c.note(r.allUnread())
	return cells, r.err
}

// note adds what is not known yet to Unread.
func (c *Cards) note(unread []string) {
	for _, name := range unread {
		if len(c.Unread) < mostUnread && !slices.Contains(c.Unread, name) {
			c.Unread = append(c.Unread, name)
		}
	}
}

// allUnread returns what has a value that no cell has.
func (r *cardCells) allUnread() []string {
	for _, name := range slices.Sorted(maps.Keys(r.card)) {
		if !slices.Contains(r.read, name) && len(filledFields(name, r.card[name])) > 0 {
			r.unread = append(r.unread, name)
		}
	}
	return r.unread
}

// filledFields returns the fields of a property that have a value. A value of parts may be semicolons alone.
func filledFields(name string, fields []*vcard.Field) (filled []*vcard.Field) {
	nothing := "; \t\n"
	if name == vcard.FieldFormattedName {
		nothing = " \t\n"
	}
	for _, f := range fields {
		if strings.Trim(f.Value, nothing) != "" {
			filled = append(filled, f)
		}
	}
	return filled
}

// value returns the preferred value of a property; "" if it has none.
func (r *cardCells) value(name string) string {
	r.read = append(r.read, name)
	filled := filledFields(name, r.card[name])
	field := vcard.Card{name: filled}.Preferred(name)
	if field == nil {
		return ""
	}
	if slices.ContainsFunc(filled, func(f *vcard.Field) bool { return f.Value != field.Value }) {
		r.unread = append(r.unread, "second "+name)
	}
	text, err := textOf(field)
	r.err = cmp.Or(r.err, err)
	return strings.ReplaceAll(text, "\r\n", "\n")
}

// noVoice are the types of numbers that nobody answers (RFC 6350, 6.4.1).
var noVoice = []string{"fax", "pager", "textphone", "modem", "bbs"}

// isVoice reports whether a person answers a number. Version 2.1 writes types as parameters.
func isVoice(f *vcard.Field) bool {
	for name, values := range f.Params {
		for _, value := range append(values, name) {
			for kind := range strings.SplitSeq(strings.ToLower(value), ",") {
				if slices.Contains(noVoice, strings.TrimSpace(kind)) {
					return false
				}
			}
		}
	}
	return true
}

// telephone returns the phone number. That of a URI (RFC 3966) loses its parameters.
func (r *cardCells) telephone() string {
	all := filledFields(vcard.FieldTelephone, r.card[vcard.FieldTelephone])
	voice := slices.DeleteFunc(slices.Clone(all), func(f *vcard.Field) bool { return !isVoice(f) })
	if r.card[vcard.FieldTelephone] = voice; len(voice) < len(all) {
		r.unread = append(r.unread, "fax or pager of TEL")
	}
	text := r.value(vcard.FieldTelephone)
	number := trimScheme(text, "tel:")
	if number == text {
		return text
	}
	number, parameters, _ := strings.Cut(strings.ReplaceAll(number, semicolon, ";"), ";")
	for parameter := range strings.SplitSeq(parameters, ";") {
		switch name, value, _ := strings.Cut(parameter, "="); {
		case strings.EqualFold(name, "ext"):
			r.unread = append(r.unread, "extension of TEL")
		case strings.EqualFold(name, "phone-context") && strings.HasPrefix(value, "+"):
			number = value + number
		}
	}
	return number
}

// trimScheme returns the text without the scheme of a URI.
func trimScheme(text, scheme string) string {
	if len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
		return text[len(scheme):]
	}
	return text
}

// parts returns the parts of a value, in this order, with the separator between those that are not empty.
func parts(text, separator string, order ...int) string {
	all, found := strings.Split(text, ";"), []string{}
	for _, n := range order {
		if n < len(all) && strings.TrimSpace(all[n]) != "" {
			found = append(found, strings.TrimSpace(strings.ReplaceAll(all[n], "\n", ", ")))
		}
	}
	return strings.Join(found, separator)
}

// errCharset is wrapped by the error of a value in an unknown encoding.
var errCharset = errors.New("an unknown encoding")

// encodedSemicolons are those that do not separate the parts of a value in quoted-printable.
var encodedSemicolons = strings.NewReplacer("=3B", "=01", "=3b", "=01", semicolon, "=01")

// textOf returns the value of a field as UTF-8. A value without an encoding that is valid UTF-8 is that, whatever its
// charset: programs convert files without changing it. Other values have their charset, by default Windows-1252.
func textOf(field *vcard.Field) (string, error) {
	text, isEncoded := field.Value, false
	switch strings.ToUpper(field.Params.Get("ENCODING")) {
	case "QUOTED-PRINTABLE":
		quoted := quotedprintable.NewReader(strings.NewReader(encodedSemicolons.Replace(text)))
		if plain, err := io.ReadAll(quoted); err == nil {
			text, isEncoded = string(plain), true
		}
	case "B", "BASE64":
		if plain, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), "")); err == nil {
			text, isEncoded = string(plain), true
		}
	}
	charset := field.Params.Get("CHARSET")
	if utf8.ValidString(text) && (charset == "" || !isEncoded) {
		return text, nil
	}
	from, err := htmlindex.Get(cmp.Or(charset, "windows-1252"))
	if err != nil {
		return "", fmt.Errorf("%w, %q", errCharset, charset)
	}
	if name, err := htmlindex.Name(from); err == nil && name == "utf-8" {
		return text, nil // if it is not valid, the import refuses it
	}
	return from.NewDecoder().String(text)
}
