package config

import (
	"regexp"
	"strings"

	"crm/commands"
)

// This file has the scripts of a command line: -c, -f, and the words of one command.

// A Script is a command of -c, or the name of a file of -f.
type Script struct {
	IsFile bool
	Text   string
}

// join returns a text that the shell splits into these words again. A word that begins with -- stays a flag.
func join(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		name, value, hasValue := strings.Cut(w, "=")
		switch {
		case !flagName.MatchString(name):
			quoted[i] = commands.Quote(w)
		case hasValue:
			quoted[i] = name + "=" + commands.Quote(value)
		default:
			quoted[i] = w
		}
	}
	return strings.Join(quoted, " ")
}

var flagName = regexp.MustCompile(`^--[a-z-]*$`)

type scripts []Script

// A scriptFlag is -c or -f. Both append to one list, which keeps their order.
type scriptFlag struct {
	isFile bool
	given  *scripts
}

func (f *scriptFlag) Set(text string) error {
	*f.given = append(*f.given, Script{f.isFile, text})
	return nil
}

func (*scriptFlag) String() string { return "" }

func (f *scriptFlag) Type() string {
	if f.isFile {
		return "file"
	}
	return "command"
}
