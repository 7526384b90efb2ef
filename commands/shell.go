package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"crm/repo"
	"crm/security"
)

// This file has the commands of the conversation itself: help, settings, source, watch, exit.

// ErrExit asks the shell to exit. It is not a failure.
var ErrExit = errors.New("exit")

// Settings are the settings of one conversation, which `set` shows and changes.
type Settings struct {
	Format string // of answers: table, vertical, json, csv, tsv, markdown
	Color  string // auto, always, never
	Limit  int    // rows of a list
	Timing bool   // whether answers say how long they took
}

// A setting is one entry of `set`.
type setting struct {
	name, help string
	kind       Kind
	get        func(*Settings) any
	set        func(*Settings, any)
}

var settings = []setting{
	{
		"format", "how answers are written", Format, func(s *Settings) any { return s.Format },
		func(s *Settings, v any) { s.Format = v.(string) },
	},
	{
		"color", "when answers are coloured", Color, func(s *Settings) any { return s.Color },
		func(s *Settings, v any) { s.Color = v.(string) },
	},
	{
		"limit", "rows of a list", Number("N", 1, 10_000), func(s *Settings) any { return s.Limit },
		func(s *Settings, v any) { s.Limit = v.(int) },
	},
	{
		"timing", "whether answers say how long they took", onOff,
		func(s *Settings) any { return map[bool]string{true: "on", false: "off"}[s.Timing] },
		func(s *Settings, v any) { s.Timing = v == "on" },
	},
}

var onOff = Enum("on|off", "on", "off")

// Color is the kind of when to use colour.
var Color = Enum("WHEN", "auto", "always", "never")

// settingValue is the kind of a value of any setting. The value is checked when the setting is set.
var settingValue = Kind{Name: "VALUE", Parse: Token("VALUE").Parse, After: func(s *Session, name string) []Choice {
	if i := slices.Index(settingNames(), name); i >= 0 && settings[i].kind.Values != nil {
		return settings[i].kind.Values(s)
	}
	return nil
}}

// MayHaveWritten reports whether the command, or a command that it ran, may have changed stored data.
func (c Command) MayHaveWritten() bool {
	return c.Writes() || slices.Contains([]security.Action{security.SignedIn, security.Limited, security.Enrol},
		c.Needs)
}

// A shown is a setting with its value.
type shown struct {
	setting
	value any
}

var settingFields = []Field[shown]{
	{Column{Name: "name"}, func(s shown) any { return s.name }},
	{Column{Name: "value"}, func(s shown) any { return s.value }},
	{Column{Name: "meaning", Long: true}, func(s shown) any { return s.help }},
}

func shellCommands() Table {
	return Table{
		{
			Name: "next", Short: "Show the next page of the last list, as Enter on an empty line does",
			Needs: security.Public,
			Run:   noNextPage,
		},
		{
			Name: "help", Short: "Show the commands, or explain one", Needs: security.Public,
			Args: []Arg{
				{Name: "noun", Kind: helpNoun, Help: "a noun or a session command", Optional: true},
				{Name: "verb", Kind: helpVerb, Help: "a verb of the noun", Optional: true},
			},
			Examples: []string{"help", "help customer", "help contract pay"},
			Run:      runHelp,
		},
		{
			Name: "set", Short: "Show the settings of this conversation, or change one", Needs: security.Public,
			Args: []Arg{
				{Name: "name", Kind: Enum("NAME", settingNames()...), Help: "a setting", Optional: true},
				{Name: "value", Kind: settingValue, Help: "its new value", Optional: true},
			},
			Flags:    []Flag{formatFlag},
			Examples: []string{"set", "set format json"},
			Run:      runSet,
		},
		{
			Name: "source", Short: "Run the commands of a file", Needs: security.SignedIn,
			Args: []Arg{{Name: "file", Kind: Path, Help: "a file with one command a line"}}, prints: true,
			Run: sourceFile,
		},
		watchCommand(),
		{
			Name: "clear", Short: "Empty the screen", Needs: security.Public,
			Run: clearScreen,
		},
		{Name: "exit", Short: "Exit, as Ctrl-D does", Needs: security.Public, Run: leave},
		{Name: "quit", Short: "Exit, as Ctrl-D does", Needs: security.Public, Run: leave},
	}
}

// noNextPage runs next after a list that was shown to its end. Dispatch replaces next after any other list.
func noNextPage(context.Context, *Session, Input) (Output, error) {
	return Output{}, &worded{"there is no next page of the last list", "", repo.ErrNotFound}
}

func sourceFile(ctx context.Context, s *Session, in Input) (Output, error) {
	return Output{}, s.Source(ctx, Value[string](in, "file"))
}

func clearScreen(_ context.Context, s *Session, _ Input) (Output, error) {
	s.Clear()
	return Output{}, nil
}

// watchCommand returns `watch COMMAND`.
func watchCommand() Command {
	return Command{
		Name: "watch", Short: "Repeat a command until Ctrl-C, showing what changes", Needs: security.SignedIn,
		Args: []Arg{
			{
				Name: "seconds", Kind: Number("SECONDS", 1, 86_400),
				Help: "the seconds between two runs (default 2)", Optional: true,
			},
			{Name: "command", Kind: Line, Help: "a command that only reads"},
		},
		Run: watch,
	}
}

func watch(ctx context.Context, s *Session, in Input) (Output, error) {
	line := Value[string](in, "command")
	words, err := Split(line)
	if err != nil {
		return Output{}, err
	}
	if words, err = Split(s.expand(line, words)); err != nil {
		return Output{}, err
	}
	c, rest, err := s.Table.Find(s, words, false)
	if err != nil {
		return Output{}, err
	}
	if _, verb, ok := strings.Cut(string(c.Needs), "."); !ok || verb != "view" {
		return Output{}, usagef("%s cannot be watched: want a command that only reads", c.Name)
	}
	if !s.May(c.Needs) {
		return Output{}, forbidden(s, c.Name)
	}
	if _, err := c.Parse(s, rest); err != nil {
		return Output{}, err
	}
	if s.Watch == nil {
		return Output{}, usagef("watch needs a terminal")
	}
	every := 2
	if in.Has("seconds") {
		every = Value[int](in, "seconds")
	}
	s.watching = true
	defer func() { s.watching = false }()
	return Output{}, s.Watch(ctx, time.Duration(every)*time.Second, line)
}

func runHelp(_ context.Context, s *Session, in Input) (Output, error) {
	var words []string
	for _, name := range []string{"noun", "verb"} {
		if in.Has(name) {
			words = append(words, Value[string](in, name))
		}
	}
	text, err := s.Table.Help(s, words)
	return Output{Text: text}, err
}

func leave(context.Context, *Session, Input) (Output, error) { return Output{}, ErrExit }

// helpNoun and helpVerb are the kinds of the words that help explains.
var (
	helpNoun = Kind{
		Name: "NOUN", Parse: Token("NOUN").Parse,
		Values: func(s *Session) []Choice { return choices(s.Table.Allowed(s).Nouns()) },
	}
	helpVerb = Kind{Name: "VERB", Parse: Token("VERB").Parse, After: func(s *Session, noun string) []Choice {
		return choices(s.Table.Allowed(s).Verbs(noun))
	}}
)

func settingNames() []string {
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i] = s.name
	}
	return names
}

func runSet(_ context.Context, s *Session, in Input) (Output, error) {
	if !in.Has("name") {
		all := make([]shown, len(settings))
		for i, st := range settings {
			all[i] = shown{st, st.get(s.Settings)}
		}
		return list(settingFields, all), nil
	}
	st := settings[slices.Index(settingNames(), Value[string](in, "name"))]
	if !in.Has("value") {
		return single(settingFields, shown{st, st.get(s.Settings)}), nil
	}
	value, err := st.kind.Parse(s, Value[string](in, "value"))
	if err != nil {
		return Output{}, repo.Invalid{Problems: []repo.Problem{{Field: st.name, Text: err.Error()}}}
	}
	st.set(s.Settings, value)
	return Output{Message: fmt.Sprintf("%s is %v", st.name, value)}, nil
}

// All returns all commands, in the order of help.
func All() Table {
	all := slices.Concat(
		accountCommands(), shellCommands(), fateCommands(), editCommands(), undoCommands(), aliasCommands(),
		findCommands(), waitingCommands(), customerCommands(), privacyCommands(), contactCommands(),
		contractCommands(), eventCommands(), noteCommands(), tagCommands(), viewCommands(), mapCommands(),
		userCommands(), accessCommands(), factorCommands(), sessionCommands(), auditCommands(),
	)
	return withExports(forImport(forMany(overtaking(all))))
}
