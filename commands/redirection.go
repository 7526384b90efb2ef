package commands

import (
	"slices"
	"strings"
)

// A Redirection is a command whose answer goes to a file, as typed at the prompt.
type Redirection struct {
	Line    string // the command
	File    string
	Replace bool // an existing file, without asking
}

// ParseRedirection returns the redirection at the end of a line: > FILE, or >| FILE to replace a file. ok is false for
// a line without one. The end of the file's name chooses the format unless the line has --format. A > in quotes is
// text.
func ParseRedirection(line string) (r Redirection, ok bool, err error) {
	words, err := Split(line)
	if err != nil {
		return r, false, nil // dispatching the line says so
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
	if format := formatOf(target); format != "" && !hasFormat {
		r.Line += " --format " + format
	}
	return r, true, nil
}
