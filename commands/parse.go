package commands

// This file binds the words after a command's name to its arguments and flags. A fault in the words is a usage error,
// the first one found. Faults in values are collected in one repo.Invalid.

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"crm/repo"
)

// formatFlag is a flag of every command of a noun, and of session commands that answer records.
var formatFlag = Flag{Name: "format", Kind: fileFormat, Help: "the format of the answer"}

// rawFlag is a flag of every command that answers records.
var rawFlag = Flag{Name: "raw", Kind: Switch, Help: "csv, tsv: do not escape formulas"}

// AllFlags returns all flags of a command: its own, --yes if it is destructive, those of commands that answer records,
// and --help.
func (c Command) AllFlags() []Flag {
	flags := slices.Clone(c.Flags)
	add := func(f Flag) {
		if _, ok := findFlag(flags, f.Name); !ok {
			flags = append(flags, f)
		}
	}
	if c.Destructive {
		add(Flag{Name: "yes", Kind: Switch, Help: "do it without asking"})
	}
	if c.Verb() != "" {
		add(formatFlag)
	}
	if _, ok := findFlag(flags, formatFlag.Name); ok {
		for _, f := range fileFlags {
			add(f)
		}
	}
	add(Flag{Name: "help", Kind: Switch, Help: "explain the command"})
	return flags
}

func findFlag(flags []Flag, name string) (Flag, bool) {
	dashed := func(s string) string { return strings.ReplaceAll(s, "_", "-") }
	for _, f := range flags {
		if dashed(f.Name) == dashed(name) ||
			slices.ContainsFunc(f.Aliases, func(a string) bool { return dashed(a) == dashed(name) }) {
			return f, true
		}
	}
	return Flag{}, false
}

// label returns the argument's name in usage lines and messages: CUSTOMER_ID.
func (a Arg) label() string { return strings.ToUpper(strings.ReplaceAll(a.Name, "-", "_")) }

// Parse parses the words after the command's name.
func (c Command) Parse(s *Session, words []Word) (Input, error) {
	if wantsHelp(words) {
		return Input{Help: true}, nil
	}
	b := binder{session: s, command: c, flags: c.AllFlags()}
	if err := b.bind(words); err != nil {
		return Input{}, err
	}
	if err := b.needs(b.missing()); err != nil {
		return Input{}, err
	}
	return b.read()
}

// wantsHelp reports whether --help is among the words. Then other mistakes on the line are ignored.
func wantsHelp(words []Word) bool {
	for _, w := range words {
		if w.IsFlag() && (w.Value == "--help" || w.Value == "--") {
			return w.Value == "--help"
		}
	}
	return false
}

// lastID stands for the ID of the record that was last added, or last answered alone.
const lastID = "$_"

// A binding is a text bound to an argument or flag.
type binding struct {
	name  string // as declared
	label string // in messages
	kind  Kind
	text  string
}

// A binder binds each word to an argument or flag.
type binder struct {
	session  *Session
	command  Command
	flags    []Flag
	args     int // arguments bound or left out so far
	bindings []binding
	last     Word // the last positional one
	end      int  // where the last value ends on the line, in bytes
}

func (b *binder) bind(words []Word) error {
	for onlyArgs := false; len(words) > 0; {
		used, err := 1, error(nil)
		switch w := words[0]; {
		case onlyArgs || !w.IsFlag():
			used, err = b.positional(words)
		case w.Value == "--":
			onlyArgs = true
		default:
			used, err = b.flag(words)
		}
		if err != nil {
			return err
		}
		words = words[used:]
	}
	return nil
}

// allOf joins words as a list: "a, b and c".
func allOf(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// positional binds the first word to the next argument, and returns the number of words used.
func (b *binder) positional(words []Word) (used int, err error) {
	due, w := b.command.Args[min(b.args, len(b.command.Args)):], words[0]
	if len(due) > 1 && due[0].Optional && due[1].Kind.IsLine {
		_, err := due[0].Kind.Parse(b.session, w.Value)
		if err != nil && !startsNumber(w.Value) {
			due = due[1:]
			b.args++
		}
	}
	if n := b.rest(); len(due) == 0 && n >= 0 { // a flag interrupted the text
		b.bindings[n].text += " " + w.Value
		return 1, nil
	}
	if len(due) == 0 {
		return 1, b.surplus(words)
	}
	text, kind := w.Value, due[0].Kind.behind(b.last.Value)
	used = 1
	if kind.IsLine {
		text, used = joinRaw(words), len(words)
	}
	if kind.Spans != nil {
		used = kind.Spans(b.session, words)
		text = joinValues(words[:used])
	}
	for kind.Rest && used < len(words) && !words[used].IsFlag() {
		text += " " + words[used].Value
		used++
	}
	b.args++
	b.last, b.end = words[used-1], words[used-1].End
	b.bindings = append(b.bindings, binding{due[0].Name, due[0].label(), kind, text})
	return used, nil
}

// startsNumber reports whether a word can only be meant as a number, since no command begins so.
func startsNumber(word string) bool {
	digits := strings.TrimLeft(word, "+-.,")
	return digits != "" && digits[0] >= '0' && digits[0] <= '9'
}

// rest returns the index of the binding that takes all remaining words; -1 if there is none.
func (b *binder) rest() int {
	return slices.IndexFunc(b.bindings, func(g binding) bool { return g.kind.Rest })
}

// surplus returns the error for words after the last argument.
func (b *binder) surplus(words []Word) error {
	hint := "usage: " + b.command.Usage()
	if from := b.command.Secret; from != "" {
		return usageHint(hint, "%s takes no password on the line: %s", b.command.Name, from)
	}
	hint = cmp.Or(b.inQuotes(words), hint)
	if name := strings.TrimLeft(words[0].Value, "–—"); name != words[0].Value {
		hint = "a flag begins with two hyphens: --" + name
	}
	return usageHint(hint, "%s has no use for %s", b.command.Name, show(words[0].Value))
}

// flag binds the first word, a flag, and its value. It returns the number of words used.
func (b *binder) flag(words []Word) (used int, err error) {
	name, value, assigned := strings.Cut(words[0].Value[len("--"):], "=")
	f, ok := findFlag(b.flags, name)
	label := "--" + f.Name
	twice := slices.ContainsFunc(b.bindings, func(g binding) bool { return g.label == label })
	switch {
	case !ok:
		return 1, b.unknown(name)
	case f.Kind.IsSwitch() && assigned:
		return 1, usagef("%s takes no value", label)
	case f.Kind.IsSwitch():
		used, value = 1, ""
	case assigned:
		used = 1
	case len(words) == 1 || words[1].IsFlag():
		return 1, usagef("%s needs a value: %s %s", label, label, f.Kind.Name)
	case f.Kind.Spans != nil:
		n := f.Kind.Spans(b.session, words[1:])
		used, value = 1+n, joinValues(words[1:1+n])
	default:
		used, value = 2, words[1].Value
	}
	if twice {
		return used, usagef("%s is given twice", label)
	}
	b.end = words[used-1].End
	b.bindings = append(b.bindings, binding{f.Name, label, f.Kind.behind(b.record()), value})
	return used, nil
}

// record returns the text of the first argument, which is the record that the command changes; "" if it is missing.
func (b *binder) record() string {
	if i := slices.IndexFunc(b.bindings, func(g binding) bool { return !strings.HasPrefix(g.label, "--") }); i >= 0 {
		return b.bindings[i].text
	}
	return ""
}

func (b *binder) unknown(name string) error {
	known := make([]string, len(b.flags))
	for i, f := range b.flags {
		known[i] = f.Name
	}
	if word := nearest(strings.ReplaceAll(name, "_", "-"), known); word != "" {
		return usagef("unknown flag %s: did you mean --%s?", show("--"+name), word)
	}
	return usageHint("usage: "+b.command.Usage(), "unknown flag %s", show("--"+name))
}

// last returns the ID that $_ stands for where the ID of a noun is wanted; any if the noun is empty.
func (s *Session) last(noun string) (int64, error) {
	switch {
	case s.LastID == 0:
		return 0, errors.New("stands for the last ID that was shown alone or made, and there is none yet")
	case noun != "" && noun != s.LastNoun:
		return 0, fmt.Errorf("stands for %s %d, not for %s", s.LastNoun, s.LastID, withArticle(noun))
	}
	return s.LastID, nil
}

// read parses the bound texts.
func (b *binder) read() (Input, error) {
	in := Input{values: map[string]any{}, resolved: map[string]any{}, given: b.bindings}
	var invalid repo.Invalid
	for _, g := range b.bindings {
		value, err := any(true), error(nil)
		if !g.kind.IsSwitch() {
			value, err = g.kind.Parse(b.session, g.text)
			if err != nil && g.text == lastID && (g.kind.isID || g.kind.Noun != "") {
				value, err = b.session.last(g.kind.Noun)
			}
			if err != nil && g.kind.refers(g.text) {
				value, err = reference(g.text), nil
			}
		}
		if err != nil {
			invalid.Problems = append(invalid.Problems, repo.Problem{Field: g.label, Text: err.Error()})
		}
		in.values[g.name] = value
	}
	if invalid.Problems != nil {
		return Input{}, invalid
	}
	return in, nil
}
