package commands

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"crm/repo"
)

// This file says in the words of a file why the database refuses a row.

// inWords returns the reason for which the database refuses a row that writes these values; another error ends the
// import. It names the column in place of the flag, and the value that another record has.
func (i *importing) inWords(err error, line int, written repo.Change) (string, error) {
	if !Readable(err) {
		return "", err
	}
	text, _ := Describe(i.s.inCurrency(err))
	rest, isInvalid := strings.CutPrefix(text, "invalid ")
	for _, t := range i.targets {
		rest = strings.ReplaceAll(rest, "--"+t.from, t.column)
		value, isText := written[t.column].(string)
		other, what, is := strings.Cut(text, " has this ")
		id, isID := written[t.column].(int64)
		switch {
		case isID && names(text, t.kind.Noun, id):
			return t.column + ": " + text, nil
		case is && isText && strings.EqualFold(what, strings.ReplaceAll(t.column, "_", " ")):
			if first := i.unique.of(t.column, value); first != 0 && first != line {
				return i.twice(t.column, value, first), nil
			}
			return fmt.Sprintf("%s %s: %s has it", t.column, show(value), other), nil
		}
	}
	if isInvalid {
		return i.withValue(rest, written), nil
	}
	return i.ofColumn(err, written) + text, nil
}

// withValue puts the value of the column with which a text begins behind it.
func (i *importing) withValue(text string, written repo.Change) string {
	column, rest, found := strings.Cut(text, ": ")
	value, has := written[column]
	if !found || !has {
		return text
	}
	if at, isTime := value.(time.Time); isTime && isDay(i.noun, column) {
		value = Date(at.Format(time.DateOnly))
	}
	return fmt.Sprintf("%s %s: %s", column, toShow(i.s, value), rest)
}

// ofColumn names the column and the value that an error is about.
func (i *importing) ofColumn(err error, written repo.Change) string {
	column := ""
	var over repo.Overpaid
	switch _, hasStatus := written["status"]; {
	case isBare(err, repo.ErrDenied):
		column = "sales_id" // that of others is all that a column can be refused for
	case errors.As(err, &over):
		column = "amount"
	case i.noun == "payment":
		column = "contract_id"
	case hasStatus && i.noun == "contract":
		column = "status"
	}
	if value, is := written[column]; is {
		return fmt.Sprintf("%s %v: ", column, toShow(i.s, value))
	}
	return ""
}

// ofParent names the record, such as the contract of a payment, whose owner alone may add to it.
func ofParent(err error, added repo.Change) error {
	for _, noun := range []string{"contract", "customer"} {
		if id, has := added[noun+"_id"].(int64); has && isBare(err, repo.ErrDenied) {
			return named(err, noun, id)
		}
	}
	return err
}

// names reports whether a text has the number of a record.
func names(text, noun string, id int64) bool {
	record := fmt.Sprintf("%s %d", noun, id)
	_, rest, found := strings.Cut(" "+text+" ", " "+record)
	return found && !strings.ContainsAny(rest[:1], "0123456789")
}

// twice describes a value that an earlier line has.
func (i *importing) twice(column, text string, before int) string {
	return fmt.Sprintf("%s %s: is on %s %d too", column, show(text), i.file.Unit, before)
}
