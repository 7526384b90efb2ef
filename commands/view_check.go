package commands

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// This file checks the command of a view when it is saved.

// A trespass is what a view may not hold, and why.
type trespass struct{ what, why, hint string }

// toFile are flags that write the answer of a command to a file.
var toFile = []string{"out", "force"}

// trespass returns what forbids a view to hold the command with the words after its name; what is empty if nothing
// does. The command only reads, and hands its answer neither to a file nor to a program. So what others share changes
// neither a record nor a file of those who run it. It is checked when a view runs, too: others can write one with raw
// SQL.
func (c Command) trespass(s *Session, rest []Word) (t trespass, bound binder, err error) {
	bound = binder{session: s, command: c, flags: c.AllFlags()}
	if _, verb, _ := strings.Cut(string(c.Needs), "."); verb != "view" || c.exports || c.StandsFor != nil {
		return trespass{c.Name, "a view only reads", "alias gives any command a name, for yourself"}, bound, nil
	}
	for _, w := range rest {
		if w.begins("|") || w.begins(">") {
			return trespass{
				show(w.Value), "a view names no file and no program",
				"a | or > that is text needs quotes; view NAME > FILE writes the answer to a file",
			}, bound, nil
		}
	}
	if err := bound.bind(rest); err != nil {
		return t, bound, err
	}
	for _, g := range bound.bindings {
		if slices.Contains(toFile, strings.TrimPrefix(g.label, "--")) || g.kind.Files {
			return trespass{g.label, "a view names no file", "view NAME --out FILE writes to one"}, bound, nil
		}
	}
	return t, bound, nil
}

// saveable checks a command for a view and returns it with its name in full.
func (s *Session) saveable(line string) (string, error) {
	if s.Table.HoldsSecret(line) {
		return "", usagef("a view holds no password")
	}
	words, err := Split(line)
	if err == nil {
		words, err = Split(dollarsAside.Replace(s.expand(line, words))) // an alias is the user's alone
	}
	if err != nil {
		return "", err
	}
	c, rest, err := s.Table.Find(s, words, s.Typed)
	switch {
	case err != nil:
		return "", err
	case !s.May(c.Needs):
		return "", forbidden(s, c.Name)
	case wantsHelp(rest):
		return "", usagef("--help cannot be saved")
	}
	if err := c.checkTemplate(s, rest); err != nil {
		return "", err
	}
	text := strings.ReplaceAll(strings.TrimSpace(c.Name+" "+joinRaw(rest)), "\uE024", `\$`)
	most, _ := placeholders(text)
	for n := 1; n < most; n++ {
		if mark := fmt.Sprintf("$%d", n); !strings.Contains(dollarsAside.Replace(text), mark) {
			return "", usagef("$%d cannot be saved without %s: number the arguments from $1 on", most, mark)
		}
	}
	if n := utf8.RuneCountInString(text); n > viewLimit {
		return "", usagef("the command has %d characters: at most %d are possible", n, viewLimit)
	}
	if strings.ContainsAny(text, "\r\n") {
		return "", usagef("invalid COMMAND: want one line")
	}
	return text, nil
}

// checkTemplate checks the words after a command's name, except for values with placeholders.
func (c Command) checkTemplate(s *Session, rest []Word) error {
	t, b, err := c.trespass(s, rest)
	if err != nil {
		return err
	}
	if t.what != "" {
		return usageHint(t.hint, "%s cannot be saved: %s", t.what, t.why)
	}
	if err := b.needs(b.missing()); err != nil {
		return err
	}
	for _, g := range b.bindings {
		if mark := tooHigh.FindString(g.text); mark != "" {
			return usagef("%s cannot be saved: the arguments of a view are $1 to $9", mark)
		}
		if mark := outsideValues(g); mark != "" {
			return usageHint(`such as --where "status = $1"`,
				"%s cannot be saved: in a condition only a value can be an argument", mark)
		}
	}
	b.bindings = slices.DeleteFunc(b.bindings, func(g binding) bool { return placeholder.MatchString(g.text) })
	_, err = b.read()
	return err
}

// tooHigh matches a placeholder that would be another one with a digit behind it.
var tooHigh = regexp.MustCompile(`\$[0-9]{2,}`)

// outsideValues returns a placeholder of a condition that is no part of a value; empty if there is none.
func outsideValues(g binding) string {
	if g.kind.Clauses == nil {
		return ""
	}
	parts, _ := splitWhere(g.text)
	inValue := false
	for _, p := range parts {
		switch {
		case p.isSign:
			inValue = p.text != "(" && p.text != ")"
		case p.is("and"), p.is("or"):
			inValue = false
		case !inValue && placeholder.MatchString(p.text):
			return placeholder.FindString(p.text)
		}
	}
	return ""
}

// placeFor returns the kind of the value of a view's command that is the placeholder; that of a text if there is none.
func (s *Session) placeFor(mark, command string) Kind {
	c, rest, err := s.commandOf(command)
	b := binder{session: s, command: c, flags: c.AllFlags()}
	if err != nil || b.bind(rest) != nil {
		return Text(textLimit)
	}
	for _, g := range b.bindings {
		if g.text == mark {
			return g.kind
		}
	}
	return Text(textLimit)
}
