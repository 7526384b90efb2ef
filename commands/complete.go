package commands

// This file completes a line. It runs at every key, so it uses memory only. For values in the database or the file
// system it returns their kind; the caller fetches the values and ranks them with Rank.

import (
	"slices"
	"strings"
)

const (
	longestCompleted = 10_000 // bytes of a line; longer ones are pasted, not typed
	mostChoices      = 100
)

// A Completion has the choices that may replace the word at the cursor.
type Completion struct {
	Start   int      // where the word begins, in bytes; the end of the text for a new word
	Word    string   // the typed part of the word, without quotes
	Choices []Choice // the best first, at most 100, quoted for insertion at Start
	Kind    Kind     // of the value, if Live or Files has more choices; zero otherwise
	Hint    string   // explains the expected value while the word is empty
	bare    bool     // choices are not quoted, because the value is an answer and no word of a line
	base    string   // the part of Word that stays: the values before a comma
	// reports whether a value of several parts is complete, so that its quote closes; nil: every value is
	isWhole func(value string) bool
	quote   rune // the quote in which a value that is not whole stays: the typed one
}

// Complete completes a line; before is the text up to the cursor. It offers only commands that the session may run.
func (t Table) Complete(s *Session, before string) Completion {
	nothing := Completion{Start: len(before)}
	if len(before) > longestCompleted {
		return nothing
	}
	l, err := lex(before)
	if err != nil || l.open == '#' || l.open == '\\' {
		return nothing
	}
	words, typing := l.words, Word{Start: len(before), End: len(before)}
	if last := len(words) - 1; last >= 0 && words[last].End == len(before) {
		words, typing = words[:last], words[last]
	}
	nothing = Completion{Start: typing.Start, Word: typing.Value}
	t = t.Allowed(s)
	if pipeSign(words) > 0 {
		return nothing.program(s, words[len(words)-1])
	}
	if len(words) == 0 {
		return nothing.offer(append(t.nounChoices(), s.Aliases.choices()...))
	}
	if expanded := s.expand(before, words); expanded != before {
		c := t.Complete(s, expanded)
		c.Start += len(before) - len(expanded)
		return c
	}
	noun, err := choose("", words[0].Value, t.Nouns(), t.Nouns(), true)
	if err != nil {
		return nothing
	}
	name, rest := noun, words[1:]
	alone, _ := t.named(noun)
	verbs := t.Verbs(noun)
	switch {
	case len(verbs) > 0 && len(words) == 1:
		c := nothing.offer(t.verbChoices(noun))
		if alone.StandsFor != nil {
			c.Kind = alone.Args[0].Kind
		}
		return c
	case len(verbs) > 0 && (alone.StandsFor == nil || slices.Contains(verbs, words[1].Value)):
		verb, err := choose(noun+" ", words[1].Value, verbs, verbs, true)
		if err != nil {
			return nothing
		}
		name, rest = noun+" "+verb, words[2:]
	}
	c, _ := t.named(name)
	a := analysis{binder: binder{session: s, command: c, flags: c.AllFlags()}, table: t, before: before, typing: typing}
	return a.complete(rest)
}

// program completes the name of a program behind a |, and the names of files behind that. before is the word before.
func (c Completion) program(s *Session, before Word) Completion {
	if before.Raw == "|" {
		c = c.offer(choices(s.Programs.names))
		c.Hint = "PROGRAM: reads the answer"
		return c
	}
	c.Kind = Path
	return c
}

func (t Table) nounChoices() []Choice {
	var all []Choice
	for _, noun := range t.Nouns() {
		help := strings.Join(t.Verbs(noun), " ")
		if c, ok := t.named(noun); ok && help == "" {
			help = c.Short
		}
		all = append(all, Choice{noun, help})
	}
	return all
}

func (t Table) verbChoices(noun string) []Choice {
	var all []Choice
	for _, c := range t {
		if c.Noun() == noun && c.Verb() != "" {
			all = append(all, Choice{c.Verb(), c.Short})
		}
	}
	return all
}

// An analysis finds the argument or flag that the word at the cursor belongs to.
type analysis struct {
	binder
	table    Table
	before   string
	typing   Word
	onlyArgs bool // after --
}

// complete binds the finished words, ignoring invalid ones, and completes the word after them.
func (a *analysis) complete(words []Word) Completion {
	nothing := Completion{Start: a.typing.Start, Word: a.typing.Value}
	for len(words) > 0 {
		used := 1
		switch w := words[0]; {
		case a.onlyArgs || !w.IsFlag():
			n, err := a.positional(words)
			if err != nil {
				return nothing
			}
			if a.bindings[len(a.bindings)-1].kind.IsLine {
				return a.nested(w.Start)
			}
			used = n
		case w.Value == "--":
			a.onlyArgs = true
		default:
			_, known := findFlag(a.flags, w.Value[len("--"):])
			if !known && len(words) == 1 && a.command.StandsFor != nil {
				return nothing // a flag of the command of a view, whose value comes next
			}
			if f, ok := a.awaits(words); ok {
				return a.value(f.Kind.behind(a.record()), a.typing.Start, a.typing.Value, f.usage()+": "+f.Help)
			}
			used, _ = a.flag(words)
		}
		words = words[used:]
	}
	if !a.onlyArgs && a.typing.IsFlag() {
		return a.flagBeingTyped()
	}
	return a.arg()
}

// awaits returns the flag of the last finished word, if its value comes next.
func (a *analysis) awaits(words []Word) (Flag, bool) {
	f, ok := findFlag(a.flags, words[0].Value[len("--"):])
	return f, ok && len(words) == 1 && !f.Kind.IsSwitch()
}

func (a *analysis) flagBeingTyped() Completion {
	name, value, assigned := strings.Cut(a.typing.Value, "=")
	if !assigned {
		c := Completion{Start: a.typing.Start, Word: strings.ReplaceAll(name, "_", "-")}
		if c = c.offer(a.flagChoices()); a.command.StandsFor != nil && len(a.bindings) > 0 {
			c.Kind, c.bare = viewFlag(a.bindings[0].text), true
		}
		return c
	}
	f, ok := findFlag(a.flags, name[len("--"):])
	if !ok || f.Kind.IsSwitch() || !strings.HasPrefix(a.typing.Raw, name+"=") {
		return Completion{Start: a.typing.Start, Word: a.typing.Value}
	}
	return a.value(f.Kind.behind(a.record()), a.typing.Start+len(name)+1, value, f.usage()+": "+f.Help)
}

// flagChoices returns the flags that are not on the line yet.
func (a *analysis) flagChoices() []Choice {
	var all []Choice
	for _, f := range a.flags {
		given := slices.ContainsFunc(a.bindings, func(g binding) bool { return g.label == "--"+f.Name })
		if !given {
			all = append(all, Choice{"--" + f.Name, f.Help})
		}
	}
	return all
}

// arg completes the next positional argument, and offers flags where the grammar allows one.
func (a *analysis) arg() Completion {
	due := a.command.Args[min(a.args, len(a.command.Args)):]
	c := Completion{Start: a.typing.Start, Word: a.typing.Value}
	if len(due) > 0 {
		kind := due[0].Kind.behind(a.last.Value)
		if kind.After != nil {
			kind.Values = func(s *Session) []Choice { return kind.After(s, a.last.Value) }
		}
		c = a.value(kind, a.typing.Start, a.typing.Value, due[0].label()+": "+due[0].Help)
	}
	if line := slices.IndexFunc(due, func(a Arg) bool { return a.Kind.IsLine }); line == 0 || line == 1 &&
		due[0].Optional {
		inner := a.nested(a.typing.Start)
		inner.Hint = c.Hint
		return inner
	}
	flagMayCome := c.Word == "" && (len(due) == 0 || due[0].Optional) || c.Word == "-"
	if flagMayCome && !a.onlyArgs && !a.typing.Quoted {
		c.Choices = append(c.Choices, c.offer(a.flagChoices()).Choices...)
		c.Choices = c.Choices[:min(len(c.Choices), mostChoices)]
	}
	return c
}

// nested completes the command that is an argument of this command and begins at start.
func (a *analysis) nested(start int) Completion {
	c := a.table.Complete(a.session, a.before[start:])
	c.Start += start
	return c
}

// value completes a value. word is its typed part, which begins at start.
func (a *analysis) value(k Kind, start int, word, hint string) Completion {
	c := Completion{Start: start, Word: word}
	if word == "" {
		c.Hint = hint
	}
	if k.Commas {
		c.base = word[:strings.LastIndexByte(word, ',')+1]
	}
	if k.Live != nil || k.Files {
		c.Kind = k
	}
	if k.Values != nil {
		c.Choices = c.Rank(k.Values(a.session))
	}
	if k.Clauses != nil {
		base, next, kind := k.Clauses(a.session, word)
		c.base = base
		if kind.Live != nil {
			c.Kind = kind
		}
		c.isWhole = func(value string) bool { _, err := k.Parse(a.session, value); return err == nil }
		c.quote = '"'
		if strings.HasPrefix(a.before[start:], "'") {
			c.quote = '\''
		}
		c.Choices = c.Rank(next)
	}
	return c
}
