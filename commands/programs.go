package commands

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
)

// This file finds the programs that a line hands its answer to: customer list | sort | head -3. The words of a program
// go to it as they are; no shell reads them. The config must allow the program.

// Programs are the programs that the config allows to read answers. The zero value allows none.
type Programs struct {
	any   bool
	names []string
}

// ParsePrograms reads the value of shell.pipe: names with spaces between them, true for any program, or false or
// nothing for none.
func ParsePrograms(text string) (Programs, error) {
	names := strings.Fields(text)
	switch {
	case len(names) == 0 || len(names) == 1 && names[0] == "false":
		return Programs{}, nil
	case len(names) == 1 && names[0] == "true":
		return Programs{any: true}, nil
	case slices.ContainsFunc(names, isNoProgram):
		return Programs{}, errors.New("want names of programs with spaces between them, or true for all")
	}
	return Programs{names: names}, nil
}

// isNoProgram reports whether a word of shell.pipe is a mistake: a list with commas, or a switch among names.
func isNoProgram(name string) bool {
	return name == "true" || name == "false" || strings.Contains(name, ",")
}

// pipeSign is the index of the first | that is no text; -1 if there is none.
func pipeSign(words []Word) int {
	return slices.IndexFunc(words, func(w Word) bool { return w.begins("|") })
}

// cutPrograms returns the words of a command and the programs that read its answer, each with its arguments. A command
// whose last argument is a line keeps the whole line.
func (s *Session) cutPrograms(c Command, words []Word) (rest []Word, programs [][]string, err error) {
	at := pipeSign(words)
	if at < 0 || len(c.Args) > 0 && c.Args[len(c.Args)-1].Kind.IsLine {
		return words, nil, nil
	}
	rest = words[:at]
	for _, w := range words[at:] {
		text, isSign := w.Value, w.begins("|")
		if isSign {
			programs = append(programs, nil)
			text = text[len("|"):]
		}
		if last := len(programs) - 1; text != "" || !isSign {
			programs[last] = append(programs[last], text)
		}
	}
	for _, p := range programs {
		if err := s.Programs.check(p); err != nil {
			return rest, nil, err
		}
	}
	if c.prints {
		return rest, nil, usagef("%s hands no answer to a program: its commands do, one by one", c.Name)
	}
	return rest, programs, nil
}

// check returns an error if the program is not allowed or missing, so that the command does not run.
func (p Programs) check(program []string) error {
	switch {
	case len(program) == 0:
		return usageHint("a | that is text needs quotes", "| needs the name of a program")
	case !p.any && len(p.names) == 0:
		return usageHint(`the key shell.pipe of the config allows programs: pipe: "less head grep"; a | that is text `+
			"needs quotes", "answers are not handed to programs here")
	case !p.any && !slices.Contains(p.names, program[0]):
		return usageHint("the key shell.pipe of the config allows programs", "%s may not read answers: want %s",
			show(program[0]), oneOf(p.names))
	}
	if _, err := exec.LookPath(program[0]); err != nil {
		return usagef("there is no program %s", show(program[0]))
	}
	return nil
}
