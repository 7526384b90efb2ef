package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"crm/repo"
	"crm/security"
)

// This file stores a user's aliases in a file, one "name = command" per line.

// Aliases are a user's own names for commands. They are read from a file when a conversation starts.
type Aliases struct {
	path string
	list []alias
	err  error // why the file could not be read; then it is never overwritten
}

type alias struct{ name, line string }

// OpenAliases reads the file. A missing file has no aliases. If the file cannot be read, the command `alias` returns
// the error.
func OpenAliases(path string) *Aliases {
	a := &Aliases{path: path}
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.err = usagef("the aliases cannot be read: %v", err)
	}
	for line := range strings.Lines(string(content)) {
		if name, text, ok := strings.Cut(line, "="); ok {
			a.list = append(a.list, alias{strings.TrimSpace(name), strings.TrimSpace(text)})
		}
	}
	return a
}

func (a *Aliases) find(name string) (string, bool) {
	if a == nil {
		return "", false
	}
	if i := slices.IndexFunc(a.list, func(x alias) bool { return x.name == name }); i >= 0 {
		return a.list[i].line, true
	}
	return "", false
}

// put sets an alias, or removes it when line is empty, and writes the file.
func (a *Aliases) put(name, line string) error {
	if a.err != nil {
		return a.err
	}
	list := slices.DeleteFunc(slices.Clone(a.list), func(x alias) bool { return x.name == name })
	if line != "" {
		list = append(list, alias{name, line})
	}
	var b strings.Builder
	for _, x := range list {
		fmt.Fprintf(&b, "%s = %s\n", x.name, x.line)
	}
	err := os.MkdirAll(filepath.Dir(a.path), 0o700)
	if err == nil {
		err = os.WriteFile(a.path+".new", []byte(b.String()), 0o600)
	}
	if err == nil {
		err = os.Rename(a.path+".new", a.path)
	}
	if err != nil {
		return usagef("the aliases cannot be written: %v", err)
	}
	a.list = list
	return nil
}

// expand replaces an alias at the beginning of a line, and "?" with "help". An alias cannot shadow a command and is
// not expanded inside another alias.
func (s *Session) expand(line string, words []Word) string {
	isFirst := func(c Command) bool { return c.Noun() == words[0].Value }
	if len(words) == 0 || words[0].Quoted || slices.ContainsFunc(s.Table, isFirst) {
		return line
	}
	if words[0].Value == "?" {
		return "help" + line[words[0].End:]
	}
	if text, ok := s.Aliases.find(words[0].Value); ok {
		return text + line[words[0].End:]
	}
	return line
}

// Writes reports whether a typed line is a command that may change stored data.
func (s *Session) Writes(line string) bool {
	words, err := Split(line)
	if err != nil || len(words) == 0 {
		return false
	}
	if words, err = Split(s.expand(line, words)); err != nil {
		return false
	}
	c, _, err := s.Table.Find(s, words, true)
	return err == nil && (c.Writes() || c.Name == "source")
}

var aliasFields = []Field[alias]{
	{Column{Name: "name"}, func(a alias) any { return a.name }},
	{Column{Name: "command", Whole: true}, func(a alias) any { return a.line }},
}

func aliasCommands() Table {
	return Table{
		{
			Name: "alias", Short: "List your own names for commands, or make one: alias NAME = COMMAND",
			Needs: security.Public,
			Args: []Arg{
				{Name: "name", Kind: Token("NAME"), Help: "a new word, or list", Optional: true},
				{Name: "=", Kind: Enum("=", "="), Help: "makes an alias for the command", Optional: true},
				{Name: "command", Kind: Line, Help: "the command that it runs", Optional: true},
			},
			Flags:    []Flag{formatFlag},
			Examples: []string{"alias unpaid = contract list --unpaid --mine", "alias list"},
			Run:      runAlias,
		},
		{
			Name: "unalias", Short: "Forget an alias", Needs: security.Public,
			Args: []Arg{{Name: "name", Kind: aliasName, Help: "the alias"}},
			Run: func(_ context.Context, s *Session, in Input) (Output, error) {
				name := Value[string](in, "name")
				if _, ok := s.Aliases.find(name); !ok {
					return Output{}, &worded{fmt.Sprintf("there is no alias %s", show(name)), "", repo.ErrNotFound}
				}
				return Output{Message: "alias " + name + " forgotten"}, s.Aliases.put(name, "")
			},
		},
	}
}

var aliasName = Kind{
	Name: "NAME", Parse: Token("NAME").Parse,
	Values: func(s *Session) []Choice { return s.Aliases.choices() },
}

func (a *Aliases) choices() []Choice {
	if a == nil {
		return nil
	}
	all := make([]Choice, len(a.list))
	for i, x := range a.list {
		all[i] = Choice{x.name, x.line}
	}
	return all
}

func runAlias(_ context.Context, s *Session, in Input) (Output, error) {
	name, line := Value[string](in, "name"), Value[string](in, "command")
	if s.Aliases.err != nil {
		return Output{}, s.Aliases.err
	}
	if !in.Has("=") && (line != "" || strings.Contains(name, "=")) {
		return Output{}, usagef("want alias NAME = COMMAND, with a space before and after =")
	}
	if !in.Has("=") {
		found := s.Aliases.list
		if in.Has("name") && name != "list" {
			text, ok := s.Aliases.find(name)
			if !ok {
				return Output{}, &worded{
					fmt.Sprintf("there is no alias %s", show(name)),
					"alias NAME = COMMAND makes one", repo.ErrNotFound,
				}
			}
			found = []alias{{name, text}}
		}
		return list(aliasFields, found), nil
	}
	switch {
	case slices.Contains(s.Table.Nouns(), name) || name == "list":
		return Output{}, usagef("%s is a command: an alias does not shadow one", name)
	case strings.ContainsAny(name, `='"\#?`) || strings.HasPrefix(name, "-"):
		return Output{}, usagef("invalid NAME: want a plain word")
	case strings.ContainsAny(line, "\n"):
		return Output{}, usagef("invalid COMMAND: want one line")
	}
	words, err := Split(line)
	if err != nil {
		return Output{}, err
	}
	if len(words) == 0 {
		return Output{}, usagef("alias %s = needs a command", name)
	}
	if _, ok := s.Aliases.find(words[0].Value); ok {
		return Output{}, usagef("%s is an alias: an alias runs a command of crm, not another alias", words[0].Value)
	}
	if _, _, err := s.Table.Find(s, words, true); err != nil && s.Me != nil {
		return Output{}, err
	}
	return Output{Message: fmt.Sprintf("alias %s = %s", name, line)}, s.Aliases.put(name, line)
}
