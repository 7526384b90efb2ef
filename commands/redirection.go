package commands

import (
	"slices"
	"strings"
)

// A Redirection is a command whose answer is written to a file.
type Redirection struct {
	Line    string // the command
	File    string
	Replace bool // an existing file is replaced without asking
}

// Redirection parses the redirection at the end of a line: > FILE, or >| FILE to replace a file. ok is false for a line
// without one. A > in quotes is text. A command whose argument is another command, such as alias, takes none: the file
// would get its own answer, not that of the other one.
func (s *Session) Redirection(line string, typed bool) (r Redirection, ok bool, err error) {
	words, err := Split(line)
	if err != nil {
		return r, false, nil // Dispatch returns the error
	}
	at := slices.IndexFunc(words, func(w Word) bool { return w.begins(">") })
	if at < 1 {
		return r, false, nil
	}
	if r.File, r.Replace, err = targetOf(words[at:]); err != nil {
		return r, false, err
	}
	r.Line = strings.TrimSpace(line[:words[at].Start])
	words, err = Split(s.expand(r.Line, words[:at]))
	if err != nil {
		return r, true, nil // Dispatch returns the error
	}
	c, _, err := s.Table.Find(s, words, typed)
	if err != nil {
		return r, true, nil // Dispatch returns the error
	}
	if slices.ContainsFunc(c.Args, func(a Arg) bool { return a.Kind.IsLine }) {
		return r, false, usageHint("write the answer to a file when the other command runs: NAME > FILE",
			"%s takes no > FILE", c.Name)
	}
	return r, true, nil
}

// targetOf returns the file of a redirection, which begins with the first of the words.
func targetOf(words []Word) (file string, replace bool, err error) {
	file, rest := strings.TrimPrefix(words[0].Value, ">"), words[1:]
	file, replace = strings.CutPrefix(file, "|")
	if file == "" && len(rest) > 0 {
		file, rest = rest[0].Value, rest[1:]
	}
	switch {
	case file == "":
		return "", false, usagef("> needs the name of a file")
	case len(rest) > 0:
		return "", false, usageHint("a > that is text needs quotes", "> FILE ends a command, and %s follows",
			show(rest[0].Value))
	}
	return AtHome(file), replace, nil
}
