package commands

import (
	"slices"
	"strings"
)

// This file finds commands in the table: by words, abbreviated at the prompt, and by the nouns and verbs of help.

// Find returns the command at the beginning of the words, even if the session may not use it, and the words after it.
// With abbreviations a unique prefix is enough; commands that the session may use have priority. Only those are
// suggested.
func (t Table) Find(s *Session, words []Word, abbreviations bool) (Command, []Word, error) {
	if len(words) == 0 {
		return Command{}, nil, usagef("no command")
	}
	if len(words) > 1 { // the usual case, at once
		if c, ok := t.named(words[0].Value + " " + words[1].Value); ok && s.May(c.Needs) {
			return c, words[2:], nil
		}
	}
	allowed := t.Allowed(s)
	noun, err := choose("", words[0].Value, t.Nouns(), allowed.Nouns(), abbreviations)
	if err != nil {
		return Command{}, nil, allowed.orVerb(err, words[0].Value, words[0].Value)
	}
	alone, standsAlone := t.named(noun)
	switch {
	case standsAlone && (len(words) == 1 || len(t.Verbs(noun)) == 0 ||
		alone.StandsFor != nil && !slices.Contains(t.Verbs(noun), words[1].Value)):
		return alone, words[1:], nil
	case len(allowed.Verbs(noun)) == 0:
		return Command{}, nil, forbidden(s, noun)
	case len(words) == 1 || words[1].IsFlag():
		return Command{}, nil, usagef("%s needs a verb: %s", noun, oneOf(allowed.Verbs(noun)))
	}
	verb, err := choose(noun+" ", words[1].Value, t.Verbs(noun), allowed.Verbs(noun), abbreviations)
	if err != nil {
		return Command{}, nil, allowed.orVerb(err, noun+" "+words[1].Value, words[1].Value)
	}
	c, _ := t.named(noun + " " + verb)
	return c, words[2:], nil
}

// orVerb returns the error of an unknown command that names the commands with the verb, or otherwise if there are none.
func (t Table) orVerb(otherwise error, typed, verb string) error {
	var names []string
	for _, c := range t {
		if verb != "" && c.Verb() == verb {
			names = append(names, c.Name)
		}
	}
	switch {
	case len(names) == 1:
		return usagef("unknown command %s: did you mean %s?", show(typed), names[0])
	case len(names) > 1 && typed == verb:
		return usageHint("a noun comes first: "+oneOf(names), "unknown command %s", show(typed))
	}
	return otherwise
}

// Nouns returns the first words of the commands, each once, in the order of the table.
func (t Table) Nouns() []string {
	var nouns []string
	for _, c := range t {
		if !slices.Contains(nouns, c.Noun()) {
			nouns = append(nouns, c.Noun())
		}
	}
	return nouns
}

// Verbs returns the second words of the noun's commands.
func (t Table) Verbs(noun string) []string {
	var verbs []string
	for _, c := range t {
		if c.Noun() == noun && c.Verb() != "" {
			verbs = append(verbs, c.Verb())
		}
	}
	return verbs
}

func (t Table) named(name string) (Command, bool) {
	for i := range t {
		if t[i].Name == name {
			return t[i], true
		}
	}
	return Command{}, false
}

// choose returns the word of all that typed is or abbreviates. before is the text before it on the line, for messages.
func choose(before, typed string, all, allowed []string, abbreviations bool) (string, error) {
	if slices.Contains(all, typed) {
		return typed, nil
	}
	if abbreviations && typed != "" {
		matches := beginning(allowed, typed)
		if len(matches) > 1 {
			return "", usagef("%s may be %s", show(before+typed), before+oneOf(matches))
		}
		if len(matches) == 0 {
			matches = beginning(all, typed)
		}
		if len(matches) == 1 {
			return matches[0], nil
		}
	}
	if word := nearest(typed, allowed); word != "" {
		return "", usagef("unknown command %s: did you mean %s?", show(before+typed), before+word)
	}
	return "", usageHint(`"help" lists the commands`, "unknown command %s", show(before+typed))
}

func beginning(words []string, prefix string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return !strings.HasPrefix(w, prefix) })
}
