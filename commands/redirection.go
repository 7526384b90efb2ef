package commands

import (
	"slices"
	"strings"
)

// A Redirection is a typed command whose answer is written to a file.
type Redirection struct {
	Line    string // the command
	File    string
	Replace bool // an existing file is replaced without asking
}

// ParseRedirection parses the redirection at the end of a line: > FILE, or >| FILE to replace a file. ok is false for
// a line without one. The file name's extension determines the format unless the line has --format or hands the answer
// to a program. A > in quotes is text.
func ParseRedirection(line string) (r Redirection, ok bool, err error) {
	words, err := Split(line)
	if err != nil {
		return r, false, nil // Dispatch returns the error
	}
	at := slices.IndexFunc(words, func(w Word) bool { return !w.Quoted && strings.HasPrefix(w.Value, ">") })
	if at < 1 {
		return r, false, nil
	}
	target := strings.TrimPrefix(words[at].Value, ">")
	target, r.Replace = strings.CutPrefix(target, "|")
	rest := words[at+1:]
	if target == "" && len(rest) > 0 {
		target, rest = rest[0].Value, rest[1:]
	}
	switch {
	case target == "":
		return r, false, usagef("> needs the name of a file")
	case len(rest) > 0:
		return r, false, usageHint("a > that is text needs quotes", "> FILE ends a command, and %s follows",
			show(rest[0].Value))
	}
	r.File, r.Line = target, strings.TrimSpace(line[:words[at].Start])
	hasFormat := slices.ContainsFunc(words[:at], func(w Word) bool {
		return w.IsFlag() && strings.HasPrefix(w.Value, "--format")
	})
	if format := formatOf(target); format != "" && !hasFormat && pipeSign(words[:at]) < 0 {
		r.Line += " --format " + format
	}
	return r, true, nil
}

// Redirection parses the redirection at the end of a typed line. A command whose argument is another command, such as
// alias, takes none: the file would get its own answer, not that of the other one.
func (s *Session) Redirection(line string) (Redirection, bool, error) {
	r, ok, err := ParseRedirection(line)
	if !ok || err != nil {
		return r, ok, err
	}
	words, err := Split(r.Line)
	if err == nil {
		words, err = Split(s.expand(r.Line, words))
	}
	if err != nil {
		return r, ok, nil // Dispatch returns the error
	}
	c, _, err := s.Table.Find(s, words, true)
	if err == nil && slices.ContainsFunc(c.Args, func(a Arg) bool { return a.Kind.IsLine }) {
		return r, false, usageHint("write the answer to a file when the other command runs: NAME > FILE",
			"%s takes no > FILE", c.Name)
	}
	return r, true, nil
}
