package commands

import (
	"errors"
	"slices"
	"strings"

	"crm/repo"
)

// This file has the arguments and flags of a command as its handler reads them.

// An Input has the values that a user gave to a command, by the declared names of arguments and flags.
type Input struct {
	Help     bool // --help was given: nothing was parsed or checked
	values   map[string]any
	resolved map[string]any // values that the command has completed, such as the end of a range
	given    []binding
}

// inFull returns lines such as "--from is Mon 2026-12-07" for values that were given in a short form.
func (in Input) inFull(s *Session) (lines []string) {
	for _, g := range in.given {
		if g.kind.InFull == nil {
			continue
		}
		value, ok := in.resolved[g.name]
		if !ok {
			value = in.values[g.name]
		}
		if text := g.kind.InFull(s, g.text, value); text != "" {
			lines = append(lines, g.label+" is "+text)
		}
	}
	return lines
}

// datesRead adds the dates in full to an error about one of them.
func (in Input) datesRead(s *Session, err error) error {
	if !errors.Is(err, repo.ErrInvalid) {
		return err
	}
	lines := in.inFull(s)
	text, hint := Describe(err)
	if !slices.ContainsFunc(lines, func(line string) bool {
		label, _, _ := strings.Cut(line, " is ")
		return strings.Contains(text, "invalid "+label+":")
	}) {
		return err
	}
	return &worded{text, strings.TrimSpace(hint + "\n" + strings.Join(lines, "\n")), err}
}

// Has reports whether the argument or flag was given, even if it is empty.
func (in Input) Has(name string) bool {
	_, ok := in.values[name]
	return ok
}

// Value returns the value of an argument or flag; the zero T if it was not given. It panics if the value has another
// type.
func Value[T any](in Input, name string) T {
	if v := Given[T](in, name); v != nil {
		return *v
	}
	var zero T
	return zero
}

// Given returns the value of an argument or flag; nil if it was not given. It panics if the value has another type.
func Given[T any](in Input, name string) *T {
	v := in.values[name]
	if v == nil { // not given, or given as none
		return nil
	}
	t := v.(T)
	return &t
}

// doubts returns the warnings about accepted values.
func (in Input) doubts() (warnings []string) {
	for _, g := range in.given {
		if g.kind.Doubt == nil {
			continue
		}
		if text := g.kind.Doubt(in.values[g.name]); text != "" {
			warnings = append(warnings, text)
		}
	}
	return warnings
}
