package commands

import (
	"slices"
	"strings"
)

// This file detects passwords that were typed on a line, so that they are neither stored nor printed.

// asked is the Secret of commands that ask for it.
const asked = "it is asked for without being shown"

// MayStore reports whether a line may be stored in the history: it holds no password that HoldsSecret finds, and its
// first word is, or is like, a command or an alias. A password that was typed at the prompt is like none.
func (s *Session) MayStore(line string) bool {
	if s.Table.HoldsSecret(line) {
		return false
	}
	words, _ := Split(line)
	if len(words) == 0 {
		first, _, _ := strings.Cut(strings.TrimSpace(line), " ") // an open quote, or a comment
		words = []Word{{Value: first}}
	}
	first := words[0].Value
	if _, isAlias := s.Aliases.find(first); isAlias || first == "?" || strings.HasPrefix(first, "#") {
		return true
	}
	nouns := s.Table.Nouns()
	return len(beginning(nouns, first)) > 0 || nearest(first, nouns) != ""
}

// HoldsSecret reports whether a line may contain a password or a code: a word after the arguments of a command with a
// Secret, even misspelled, or the value of a flag such as --password, which no command has. The history does not store
// such a line.
func (t Table) HoldsSecret(line string) bool {
	words, err := Split(line)
	if err != nil { // a quote that stays open
		for text := range strings.FieldsSeq(line) {
			words = append(words, Word{Value: text, Raw: text})
		}
	}
	if slices.ContainsFunc(words, namesSecret) {
		return true
	}
	return slices.ContainsFunc(t, func(c Command) bool {
		if c.Secret == "" {
			return false
		}
		name := strings.Fields(c.Name)
		if len(words) <= len(name) {
			return false
		}
		for i, word := range name {
			if nearest(words[i].Value, []string{word}) == "" {
				return false
			}
		}
		return len(c.operands(words[len(name):])) > len(c.Args)
	})
}

// namesSecret reports whether a word is a flag like --password or --code, with or without a value.
func namesSecret(w Word) bool {
	if !w.IsFlag() || len(w.Value) < len("--") {
		return false
	}
	name, _, _ := strings.Cut(strings.ToLower(w.Value[len("--"):]), "=")
	name = strings.ReplaceAll(name, "_", "-")
	if strings.HasSuffix(name, "-file") {
		return false
	}
	return slices.ContainsFunc([]string{"pass", "pwd", "secret", "code", "otp", "token"},
		func(part string) bool { return strings.Contains(name, part) })
}

// operands returns the words that are neither flags nor their values.
func (c Command) operands(words []Word) (rest []string) {
	for i := 0; i < len(words); i++ {
		name, _, assigned := strings.Cut(strings.TrimPrefix(words[i].Value, "--"), "=")
		f, known := findFlag(c.AllFlags(), name)
		switch {
		case !words[i].IsFlag():
			rest = append(rest, words[i].Value)
		case words[i].Value != "--" && !assigned && !(known && f.Kind.IsSwitch()):
			i++
		}
	}
	return rest
}
