package commands

import (
	"slices"
	"strings"

	"crm/repo"
)

// This file has the columns that an import can set, made from the arguments and flags of add and update.

// A target is a column that a file can set.
type target struct {
	column   string
	from     string // the argument or flag of the same meaning
	kind     Kind
	required bool // of a record that is added
	later    bool // a record has it only after it was added
	fixed    bool // an update does not change it
}

func columnOf(name string) string { return strings.ReplaceAll(name, "-", "_") }

// targetsOf returns the columns that the arguments and flags of a command set. names has those that are called
// otherwise.
func targetsOf(noun string, c Command, names map[string]string) (targets []target) {
	add := func(name string, kind Kind, required bool) {
		column, renamed := names[name]
		if !renamed {
			column = columnOf(name)
		}
		stored := slices.ContainsFunc(repo.ColumnsOfNoun(noun),
			func(c repo.Column) bool { return c.Name == column && column != "id" && !c.IsComputed() })
		if stored || renamed {
			targets = append(targets, target{column: column, from: name, kind: kind, required: required})
		}
	}
	for _, a := range c.Args {
		add(a.Name, a.Kind, !a.Optional)
	}
	for _, f := range c.Flags {
		switch {
		case f.Selects:
		case !f.Kind.IsSwitch():
			add(f.Name, f.Kind, f.Required)
		case isColumn(noun, f.Name): // such as the first contact
			targets = append(targets, target{column: f.Name, from: f.Name, kind: yesKind})
		}
	}
	return targets
}

func isColumn(noun, name string) bool {
	return slices.ContainsFunc(repo.ColumnsOfNoun(noun), func(c repo.Column) bool { return c.Name == name })
}

// yesKind is the kind of a column that a switch sets; its value is a bool.
var yesKind = Kind{Name: "yes or no", Parse: func(_ *Session, text string) (any, error) { return readYes(text) }}

func (m importable) target(column string) *target {
	if i := slices.IndexFunc(m.targets, func(t target) bool { return t.column == column }); i >= 0 {
		return &m.targets[i]
	}
	return nil
}

// keys are the columns by which a row finds the record that it changes.
func (m importable) keys() (keys []string) {
	keys = []string{"id"}
	for _, name := range []string{"email", "employee_number", "external_id"} {
		if m.target(name) != nil {
			keys = append(keys, name)
		}
	}
	return keys
}
