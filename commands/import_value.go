package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"crm/security/finding"
)

// This file turns a cell of a file into the value of a column.

// shortDate matches a date without a century, as LibreOffice shows dates, and 4-Jun-31, as Excel does. It is in the
// years 1969 to 2068, as in strptime of POSIX. A date such as 04-06-31 may begin with its year or end with it.
var shortDate = regexp.MustCompile(`^([0-9]{1,2}(?:[/.][0-9]{1,2}[/.]|-\pL+\.?-))([0-9]{2})( .*)?$`)

// midnight matches a day as programs write it that have times only.
var midnight = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]00:00(:00(\.0+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?$`)

// moments writes the numbers that a workbook has for days and times as such, in the columns of these.
func (i *importing) moments(cells []string) {
	if i.file.Moment == nil {
		return
	}
	for _, src := range i.sources {
		for _, at := range slices.Concat(src.at...) {
			if src.target.kind.InFull != nil && at < len(cells) {
				cells[at] = i.file.Moment(cells[at])
			}
		}
	}
}

// value reads a cell. It returns a rowError if it is invalid.
func (i *importing) value(ctx context.Context, t *target, text string) (any, error) {
	parse := t.kind.Parse
	if t.kind.Cell != nil {
		parse = t.kind.Cell
	}
	if t.kind.InFull != nil {
		if year := shortDate.FindStringSubmatch(text); year != nil && year[2] >= "69" {
			text = shortDate.ReplaceAllString(text, "${1}19$2$3")
		}
		text = shortDate.ReplaceAllString(text, "${1}20$2$3")
	}
	if isDay(i.noun, t.column) {
		text = midnight.ReplaceAllString(text, "$1")
	}
	value, err := parse(i.s, text)
	switch {
	case err == nil:
		return value, nil
	case t.kind.Noun != "" && t.kind.Search != nil && strings.Trim(text, "0123456789 ") != "":
		return i.refer(ctx, t.kind, text)
	}
	if errors.As(err, new(otherOrder)) {
		i.swapped = cmp.Or(i.swapped, fmt.Sprintf("%s %d: %s %s", i.file.Unit, i.line, t.column, show(text)))
	}
	return nil, &rowError{err.Error()}
}

// refer returns the ID of the record with the text as its name or email.
func (i *importing) refer(ctx context.Context, k Kind, text string) (any, error) {
	key := k.Identity() + "\x00" + finding.Fold(text)
	found, asked := i.refs[key]
	if !asked {
		if err := i.writing.wait(); err != nil {
			return nil, err
		}
		var of *rowError
		found.id, found.err = i.named(ctx, k, text)
		if found.err != nil && !errors.As(found.err, &of) {
			return nil, found.err
		}
		i.refs[key] = found
	}
	return found.id, found.err
}

// named returns the ID of the record whose name, email or external ID the text is.
func (i *importing) named(ctx context.Context, k Kind, text string) (int64, error) {
	ids, err := i.s.DB.WithExternalID(ctx, k.Noun, keyOf("external_id", text))
	if err != nil {
		return 0, err
	}
	if len(ids) == 1 {
		return ids[0], nil
	}
	choices, err := k.Search(ctx, i.s, text)
	if err != nil {
		return 0, err
	}
	var exact []Choice
	for _, c := range choices {
		is := k.Noun == "customer" && c.isNamed(text) // whose choices have nothing but names
		if !is {
			if is, err = i.isNameOf(ctx, k, c, text); err != nil {
				return 0, err
			}
		}
		if is {
			exact = append(exact, c)
		}
	}
	switch len(exact) {
	case 0:
		if all := i.anyOf(k); all != nil { // the database says why it may not be this one
			return i.named(ctx, *all, text)
		}
		return 0, &rowError{"no " + k.Noun + " has this name, email or external ID"}
	case 1:
		return strconv.ParseInt(exact[0].Text, 10, 64)
	}
	var lines []string
	for _, c := range exact[:min(len(exact), 3)] {
		lines = append(lines, c.Text+" "+c.Help)
	}
	return 0, &rowError{fmt.Sprintf("fits several %ss: %s: give the number", k.Noun, strings.Join(lines, "; "))}
}

// anyOf returns the kind of all records of a noun for a kind of some, such as support contacts; nil if there is none.
func (i *importing) anyOf(some Kind) *Kind {
	get, found := i.s.Table.named(some.Noun + " get")
	if !found || !i.s.May(get.Needs) || get.Args[0].Kind.Identity() == some.Identity() {
		return nil
	}
	return &get.Args[0].Kind
}

// namesOf are the columns by whose values a reference names a record. A contract is named by its customer too.
var namesOf = map[string][]string{
	"customer": {"company_name", "full_name", "email"}, "contact": {"full_name", "email"},
	"contract": {"customer", "customer_contact", "customer_email"},
	"user":     {"first_name", "last_name", "email", "employee_number"},
}

// isNameOf reports whether a text is a name of a record, in any spelling. Its other values, such as an address or a
// sales contact, do not name it.
func (i *importing) isNameOf(ctx context.Context, k Kind, c Choice, text string) (bool, error) {
	get, found := i.s.Table.named(k.Noun + " get")
	id, err := strconv.ParseInt(c.Text, 10, 64)
	if !found || err != nil {
		return false, err
	}
	out, err := get.Run(ctx, i.s, Input{values: map[string]any{"id": id}})
	if err != nil {
		return false, err
	}
	value := func(column string) string {
		text, _ := out.cell(column).(string)
		return text
	}
	names := []string{
		value("first_name") + " " + value("last_name"), value("last_name") + " " + value("first_name"),
	}
	for _, column := range namesOf[k.Noun] {
		names = append(names, value(column))
	}
	return slices.ContainsFunc(names, func(name string) bool {
		return strings.TrimSpace(name) != "" && sameWords(name, text)
	}), nil
}
