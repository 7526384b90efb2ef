package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"crm/repo"
	"crm/security"
)

// This file has the code that the nouns share: changes, messages and events.

const (
	nameLimit = 100 // characters of a name (S11)
	textLimit = 255 // characters of other text
)

// changeOf returns the columns that the arguments and flags of a command set. An argument or flag sets the column of
// its name.
func changeOf[T any](fields []Field[T], in Input) repo.Change {
	change := repo.Change{}
	if at := Given[time.Time](in, since); at != nil {
		change[repo.Seen] = *at
	}
	for _, f := range fields {
		if v, given := in.values[strings.ReplaceAll(f.Name, "_", "-")]; given && f.Name != "id" {
			change[f.Name] = v
		}
	}
	return change
}

// updateOf returns the change of changeOf, and whether the update that writes it has changed no value.
func updateOf[T any](fields []Field[T], in Input) (change repo.Change, same *bool) {
	change, same = changeOf(fields, in), new(bool)
	change[repo.Same] = same
	return change, same
}

// counted returns the number of a list's records for people: "1,204"; "more than 10,000" if counting stopped there; ""
// if it is unknown.
func counted(n int64) string {
	switch {
	case n < 0:
		return ""
	case n > repo.MostCounted:
		return "more than " + grouped(repo.MostCounted)
	}
	return grouped(n)
}

// grouped returns a count for people: "1,204".
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// done returns the Output of a changed record: the record for programs, a message for people, an event for the
// reporter.
func done[T any](fields []Field[T], row T, noun string, id int64, what string) Output {
	out := single(fields, row)
	out.Quiet = true
	out.Message = fmt.Sprintf("%s %d %s", noun, id, what)
	out.Events = []Event{happened(noun, id, what)}
	return out
}

// updated returns the Output of an update. same means that the record had these values already: no event is reported.
func updated[T any](fields []Field[T], row T, noun string, id int64, same bool) Output {
	out := done(fields, row, noun, id, "updated")
	if out.Same = same; same {
		out.Message = fmt.Sprintf("%s %d has these values already: nothing changed", noun, id)
		out.Events = nil
	}
	return out
}

// happened returns the event of a changed record. Deleting and canceling are warnings.
func happened(noun string, id int64, what string) Event {
	e := Event{Name: noun + " " + what, Level: LevelInfo, Entity: noun, ID: id}
	if what == "deleted" || what == "canceled" || what == "erased" || what == "exported" {
		e.Level = LevelWarning
	}
	return e
}

// named adds the record's noun and ID to a bare sentinel error.
func named(err error, noun string, id int64) error {
	switch {
	case isBare(err, repo.ErrNotFound):
		return repo.Missing{Noun: noun, ID: id}
	case isBare(err, repo.ErrDenied):
		return &worded{fmt.Sprintf("not permitted: %s %d is not yours", noun, id), "", repo.ErrDenied}
	}
	return err
}

// sayGone adds what became of it to the error of a deleted record.
func (s *Session) sayGone(ctx context.Context, err error) error {
	var m repo.Missing
	if !errors.As(err, &m) {
		return err
	}
	deleted, into, failed := s.DB.Gone(ctx, m.Noun, m.ID)
	if failed != nil || !deleted {
		return err
	}
	hint := "it is deleted"
	if back, found := s.Table.named(m.Noun + " restore"); into != 0 {
		hint = fmt.Sprintf("it was merged into customer %d", into)
	} else if found && s.May(back.Needs) {
		hint += fmt.Sprintf("; %s %d brings it back", back.Name, m.ID)
	}
	return &worded{err.Error(), hint, err}
}

// isBare reports whether the error is the sentinel and has no text for users yet.
func isBare(err, sentinel error) bool {
	return errors.Is(err, sentinel) && err.Error() == sentinel.Error()
}

// nothingToChange returns the error of an update without flags.
func nothingToChange(in Input, c []Flag) error {
	for _, f := range c {
		if in.Has(f.Name) {
			return nil
		}
	}
	names := make([]string, len(c))
	for i, f := range c {
		names[i] = "--" + f.Name
	}
	return usagef("nothing to change: give at least one of %s", strings.Join(names, ", "))
}

// externalID is the flag of a record's name in another program.
var externalID = Flag{
	Name: "external-id", Kind: OrNone(externalKey), Help: "its ID in another program, for imports; '' for none",
}

// externalKey is the kind of an ID in another program. It is not encrypted, and the trail keeps it, so it has neither
// the blanks of a name nor the @ of an address. Its value is a string.
var externalKey = Required(Kind{Name: "TEXT", Key: "external ID", Parse: func(_ *Session, text string) (any, error) {
	text, err := cleanText(text, 100)
	if err == nil && strings.ContainsFunc(text, func(r rune) bool { return r == '@' || unicode.IsSpace(r) }) {
		err = errors.New("may have no blanks and no @, because it is not encrypted: put _ in their place")
	}
	return text, err
}})

// asArg returns an argument with the name, kind and help of a flag.
func asArg(f Flag) Arg { return Arg{Name: f.Name, Kind: f.Kind, Help: f.Help} }

// idArg returns the argument for a record's ID.
func idArg(kind Kind) Arg {
	help := "its number, as printed"
	if kind.Search != nil {
		help = "its number, or words of its name"
	}
	return Arg{Name: "id", Kind: kind, Help: help}
}

// deref returns the value of a pointer, or nil.
func deref[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// clock formats an instant in the company's time zone, to the minute.
func clock(s *Session, at time.Time) string { return at.In(s.Locale.Zone).Format("2006-01-02 15:04") }

// orNil returns the value, or nil for the zero value.
func orNil[T comparable](value T) any {
	if value == *new(T) {
		return nil
	}
	return value
}

func action(noun, verb string) security.Action { return security.Action(noun + "." + verb) }
