package commands

import (
	"slices"
	"strings"
)

// This file detects passwords that were typed on a line, so that they are neither stored nor printed.

// secretless maps the commands that read secrets only from a file or the terminal to the number of words that they
// take.
var secretless = map[string]int{"login": 1, "password": 0}

// MayStore reports whether a line may be stored in the history: it holds no password that HoldsSecret finds, and its
// first word is, or is like, a command or an alias. A password that was typed at the prompt is like none.
func (s *Session) MayStore(line string) bool {
	if HoldsSecret(line) {
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

// HoldsSecret reports whether a line may contain a password: further words after "login EMAIL" or "password", even
// misspelled, or the value of a flag such as --password, which no command has. Such a line is not stored in the
// history.
func HoldsSecret(line string) bool {
	words, err := Split(line)
	if err != nil { // a quote that stays open
		for text := range strings.FieldsSeq(line) {
			words = append(words, Word{Value: text, Raw: text})
		}
	}
	if slices.ContainsFunc(words, namesSecret) {
		return true
	}
	if len(words) == 0 {
		return false
	}
	most, ok := secretless[nearest(words[0].Value, []string{"login", "password"})]
	return ok && len(operands(words[1:])) > most
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
func operands(words []Word) (rest []string) {
	for i := 0; i < len(words); i++ {
		switch {
		case !words[i].IsFlag():
			rest = append(rest, words[i].Value)
		case words[i].Value != "--" && !strings.Contains(words[i].Value, "="):
			i++
		}
	}
	return rest
}
