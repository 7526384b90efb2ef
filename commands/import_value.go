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
// years 2000 to 2099. A date such as 04-06-31 may begin with its year or end with it.
var shortDate = regexp.MustCompile(`^([0-9]{1,2}(?:[/.][0-9]{1,2}[/.]|-\pL+\.?-))([0-9]{2})( .*)?$`)

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
		text = shortDate.ReplaceAllString(text, "${1}20$2$3")
	}
	value, err := parse(i.s, text)
	switch {
	case err == nil:
		return value, nil
	case t.kind.Noun != "" && t.kind.Search != nil && strings.Trim(text, "0123456789 ") != "":
		return i.refer(ctx, t.kind, text)
	}
	if errors.As(err, new(otherOrder)) {
		i.swapped = cmp.Or(i.swapped, t.column+" "+show(text))
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

func (i *importing) named(ctx context.Context, k Kind, text string) (int64, error) {
	choices, err := k.Search(ctx, i.s, text)
	if err != nil {
		return 0, err
	}
	var exact []Choice
	for _, c := range choices {
		is := c.isNamed(text)
		if !is {
			if is, err = i.holds(ctx, k, c, text); err != nil {
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
		return 0, &rowError{fmt.Sprintf("no %s has this name or email", k.Noun)}
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

// holds reports whether a record has the text as one of its values, in any spelling.
func (i *importing) holds(ctx context.Context, k Kind, c Choice, text string) (bool, error) {
	get, found := i.s.Table.named(k.Noun + " get")
	id, err := strconv.ParseInt(c.Text, 10, 64)
	if !found || err != nil {
		return false, err
	}
	out, err := get.Run(ctx, i.s, Input{values: map[string]any{"id": id}})
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(out.Rows[0], func(cell any) bool {
		value, isText := cell.(string)
		return isText && finding.Same(value, text)
	}), nil
}
