// Package commands has the table of all commands, each with its arguments, the permission that it needs and the
// function that runs it.
//
// This file mentions no entity. Dispatch, help, completion, permission filtering and the README's command reference
// read the table; there is no other list of commands.
package commands

import (
	"cmp"
	"context"
	"strings"

	"crm/security"
)

// A Command is one entry of the table.
type Command struct {
	Name        string           // "contract sign", or one word for a session command
	Short       string           // one line of help: "Mark a contract as signed"
	Args        []Arg            // in order; required ones first
	Flags       []Flag           // in the order of help
	Examples    []string         // whole lines that work on the demo data
	Needs       security.Action  // the zero value: no one may run it
	Destructive bool             // asks first at the prompt, needs --yes in a script
	prints      bool             // prints while it runs, so that nothing can read its answer
	exports     bool             // writes its answer to the file named by its argument
	Pays        func(Input) bool // reports whether it moves money: it then asks first if a record is given by name
	// Secret says where the command's password or code comes from. A word after its arguments may be one that was typed
	// by mistake, so it is neither printed nor stored in the history.
	Secret string
	Run    func(ctx context.Context, s *Session, in Input) (Output, error)
	// StandsFor returns the words of another command that runs instead; rest are the words after the command's name. It
	// is nil for other commands.
	StandsFor func(ctx context.Context, s *Session, rest []Word) ([]Word, error)
	// Question returns the question of a destructive command at the prompt, without "?". If it is nil, the question is
	// the typed line. Before the question, Run is tried in a transaction that is rolled back, so that a command that
	// would be refused is refused without a question.
	Question func(ctx context.Context, s *Session, in Input) (string, error)
}

// An Arg is a positional argument.
type Arg struct {
	Name     string // as in Input and messages: "customer-id"
	Kind     Kind
	Help     string
	Optional bool
	Unless   []string // a required argument may be left out with one of these flags
}

// A Flag is a named argument, spelled with dashes; the parser accepts underscores too.
type Flag struct {
	Name     string // without dashes: "company-name"
	Aliases  []string
	Kind     Kind // Switch takes no value
	Help     string
	Required bool // a command without it is refused
	Selects  bool // chooses the records that an update changes; sets no value
}

// A Kind parses, completes and explains the values of an argument or flag.
type Kind struct {
	Name string // the placeholder of usage lines: "ID", "DATE"
	// Key identifies the kind if several have the same Name; "" means that Name identifies it.
	Key string
	// Noun is the noun of records that may be given by name instead of ID; Search finds them.
	Noun  string
	Parse func(s *Session, text string) (any, error) // the error says what is wrong and how to write it
	// Cell reads the text of a cell of an imported file; nil: Parse does.
	Cell   func(s *Session, text string) (any, error)
	Values func(s *Session) []Choice // fixed values, from memory; nil for none
	// After returns fixed values that depend on the argument before; nil for none.
	After func(s *Session, before string) []Choice
	Live  func(ctx context.Context, s *Session) ([]Choice, error) // values from the database; nil for none
	// Of returns a kind that depends on the argument before, for a flag on the first argument; nil for other kinds.
	Of func(before string) Kind
	// Search finds records in the database by name, the best match first; nil for other kinds.
	Search func(ctx context.Context, s *Session, text string) ([]Choice, error)
	// Finds says which records Search finds, if not all of the noun: "unpaid contract". Messages use it.
	Finds string
	// InFull returns the full form of a value that was given in short, such as "Mon 2026-12-07" for monday; "" if the
	// text is already complete. It is nil for kinds whose text is always complete.
	InFull func(s *Session, text string, value any) string
	// Doubt returns a warning about an accepted value, or "". It is nil for kinds without warnings.
	Doubt func(value any) string
	// Spans returns how many of the words form the value, at least one. It is nil for kinds whose values are one word.
	Spans func(s *Session, words []Word) int
	// Clauses completes a value of several parts, of which word is typed. base is the part of word that stays; next
	// is what may come behind it, and so are the values of kind.
	Clauses func(s *Session, word string) (base string, next []Choice, kind Kind)
	Ordered bool // Live and Search return the choices in the order of completion, whatever was used last
	Files   bool // completed with names of files
	Rest    bool // last argument only: takes all remaining words as one text
	IsLine  bool // last argument only: takes the rest of the line, which is a command, as typed
	Commas  bool // several values separated by commas

	noValue bool // of Switch
	isID    bool // of ID: $_ stands for the last one
}

// Identity returns a name that is unique to the kind.
func (k Kind) Identity() string { return cmp.Or(k.Key, k.Name) }

// behind returns the kind of an argument that follows the text of another argument.
func (k Kind) behind(text string) Kind {
	if k.Of != nil {
		return k.Of(text)
	}
	return k
}

// A Choice is one completion: the text to insert and its meaning.
type Choice struct {
	Text string
	Help string
}

// Switch is the kind of a flag that takes no value; its parsed value is true.
var Switch = Kind{noValue: true}

// IsSwitch reports whether the kind takes no value.
func (k Kind) IsSwitch() bool { return k.noValue }

// A Table is a list of commands, in the order of help.
type Table []Command

// Noun is the first word of the command's name.
func (c Command) Noun() string {
	noun, _, _ := strings.Cut(c.Name, " ")
	return noun
}

// pays reports whether the command moves money with this input.
func (c Command) pays(in Input) bool { return c.Pays != nil && c.Pays(in) }

// Verb is the second word of the command's name, empty for a session command.
func (c Command) Verb() string {
	_, verb, _ := strings.Cut(c.Name, " ")
	return verb
}

// Allowed returns the commands that the session may run now.
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

// IsOwnAccount reports whether the command signs in or out or changes the user's own account. Its effect remains when
// an atomic script is rolled back.
func (c Command) IsOwnAccount() bool {
	return c.Needs == security.Public || c.Needs == security.Limited || c.Needs == security.Enrol
}
