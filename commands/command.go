// Package commands says what can be asked of crm: one table of commands, each with
// its arguments, the permission it needs and the function that answers it.
//
// This file mentions no entity. Dispatch, help, completion, permission filtering and the
// README's command reference read the table; nothing else lists commands.
package commands

import (
	"cmp"
	"context"
	"strings"

	"crm/security"
)

// A Command is one thing a user can ask for.
type Command struct {
	Name        string          // what is typed: "contract sign", or one word for a session command
	Short       string          // one line of help: "Mark a contract as signed"
	Args        []Arg           // in order; required ones first
	Flags       []Flag          // in the order of help
	Examples    []string        // whole lines that work on the demo data
	Needs       security.Action // the zero value: nobody
	Destructive bool            // asks first at the prompt, needs --yes in a script
	exports     bool            // writes its answer to the file that its argument names
	Pays        bool            // asks first if a record is named instead of numbered
	Run         func(ctx context.Context, s *Session, in Input) (Output, error)
	// Question returns what a destructive command asks at the prompt, without "?"; nil: the line as it was typed.
	// Before it is asked, Run is tried in a transaction that is rolled back, so that a command that would be refused
	// is refused at once.
	Question func(ctx context.Context, s *Session, in Input) (string, error)
}

// An Arg is a positional argument.
type Arg struct {
	Name     string // as in Input and messages: "customer-id"
	Kind     Kind
	Help     string
	Optional bool
	Unless   []string // a required argument is not needed with one of these flags
}

// A Flag is a named argument, spelled with dashes; the parser accepts underscores too.
type Flag struct {
	Name     string // without dashes: "company-name"
	Aliases  []string
	Kind     Kind // Switch takes no value
	Help     string
	Required bool // a command without it is refused
}

// A Kind knows how to read an argument's text, complete it and explain it.
type Kind struct {
	Name string // the placeholder of usage lines: "ID", "DATE"
	// identifies the kind where several have the same Name; empty: Name does
	Key string
	// of records that may be named instead of numbered, by what Search finds
	Noun  string
	Parse func(s *Session, text string) (any, error) // the error says what is wrong and how to write it
	// Cell reads the text of a cell of an imported file; nil: Parse does.
	Cell   func(s *Session, text string) (any, error)
	Values func(s *Session) []Choice // fixed values, from memory; nil for none
	// fixed values of an argument that the one before it decides; nil for none
	After func(s *Session, before string) []Choice
	Live  func(ctx context.Context, s *Session) ([]Choice, error) // values from the database; nil for none
	// the kind of an argument that the one before it decides; nil for others
	Of func(before string) Kind
	// Search finds values in the database by what they mean, the best first; nil for none.
	Search func(ctx context.Context, s *Session, text string) ([]Choice, error)
	// InFull writes the value for people where the text leaves it open, as "Mon 2026-12-07" for monday; empty where
	// the text says it all. nil for kinds whose text always does.
	InFull func(s *Session, text string, value any) string
	// Doubt is a warning about a value that is accepted, empty for most; nil for kinds without doubts.
	Doubt func(value any) string
	// Spans returns how many of the words, at least one, are the value; nil for kinds whose values are one word.
	Spans func(s *Session, words []Word) int
	// Clauses returns what may come next in a value of several parts of which word is typed, and the part of word that
	// stays as it is; nil for other kinds.
	Clauses func(s *Session, word string) (base string, next []Choice)
	Files   bool // completed with file names
	Rest    bool // of the last argument: takes all words that are left, as one text
	IsLine  bool // of the last argument: takes all that is left as it is typed, a command of its own
	Commas  bool // several values separated by commas

	noValue bool // of Switch
	isID    bool // of ID: $_ stands for the last one
}

// Identity returns the name that no other kind has.
func (k Kind) Identity() string { return cmp.Or(k.Key, k.Name) }

// behind returns the kind of an argument behind another one with the text.
func (k Kind) behind(text string) Kind {
	if k.Of != nil {
		return k.Of(text)
	}
	return k
}

// A Choice is one completion: what is inserted and what it means.
type Choice struct {
	Text string
	Help string
}

// Switch is the kind of a flag that takes no value; its parsed value is true.
var Switch = Kind{noValue: true}

// IsSwitch reports whether the kind takes no value.
func (k Kind) IsSwitch() bool { return k.noValue }

// A Table is every command there is, in the order of help.
type Table []Command

// Noun is the first word of the command's name.
func (c Command) Noun() string {
	noun, _, _ := strings.Cut(c.Name, " ")
	return noun
}

// Verb is the second word of the command's name, empty for a session command.
func (c Command) Verb() string {
	_, verb, _ := strings.Cut(c.Name, " ")
	return verb
}

// Allowed returns the commands that the session may use now; the others do not exist for it.
func (t Table) Allowed(s *Session) Table {
	var allowed Table
	for _, c := range t {
		if s.May(c.Needs) {
			allowed = append(allowed, c)
		}
	}
	return allowed
}

// Writes reports whether running the command may change stored data.
func (c Command) Writes() bool {
	_, verb, ok := strings.Cut(string(c.Needs), ".")
	return ok && verb != "view"
}

// IsOwnAccount reports whether the command signs in or out or concerns one's own account. What it does stays when an
// atomic script is rolled back.
func (c Command) IsOwnAccount() bool {
	return c.Needs == security.Public || c.Needs == security.Limited || c.Needs == security.Enrol
}
