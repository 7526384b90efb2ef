package commands

// This file says what may come next on a line, from memory alone: it is asked at every key.
// What only the database or the file system knows is left to the caller, who gets the kind
// of the value and ranks what it finds in the same way.

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	longestCompleted = 10_000 // bytes of a line; longer ones are pasted, not typed
	mostChoices      = 100
)

// A Completion is what may stand in place of the word being typed.
type Completion struct {
	Start   int      // where that word begins, in bytes; the end of the text for a new word
	Word    string   // what there is of it, without quotes
	Choices []Choice // the best first, at most 100, ready to be put at Start
	Kind    Kind     // of the value being typed if its Live or Files knows more; zero otherwise
	Hint    string   // what is due, for people, while nothing of it is typed
	base    string   // the part of Word that choices leave as it is: values before a comma
}

// Complete analyses the line up to the cursor. Only what the session may use is offered.
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
	if verbs := t.Verbs(noun); len(verbs) > 0 {
		if len(words) == 1 {
			return nothing.offer(t.verbChoices(noun))
		}
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

// analysis finds out which argument or flag the word being typed belongs to.
type analysis struct {
	binder
	table    Table
	before   string
	typing   Word
	onlyArgs bool // after --
}

// complete binds the finished words, leniently, and completes the one after them.
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
			if a.bindings[len(a.bindings)-1].kind.isLine() {
				return a.nested(w.Start)
			}
			used = n
		case w.Value == "--":
			a.onlyArgs = true
		default:
			if f, ok := a.awaits(words); ok {
				return a.value(f.Kind, a.typing.Start, a.typing.Value, f.usage()+": "+f.Help)
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

// awaits returns the flag that the last finished word is, if its value comes next.
func (a *analysis) awaits(words []Word) (Flag, bool) {
	f, ok := findFlag(a.flags, words[0].Value[len("--"):])
	return f, ok && len(words) == 1 && !f.Kind.IsSwitch()
}

func (a *analysis) flagBeingTyped() Completion {
	name, value, assigned := strings.Cut(a.typing.Value, "=")
	if !assigned {
		c := Completion{Start: a.typing.Start, Word: strings.ReplaceAll(name, "_", "-")}
		return c.offer(a.flagChoices())
	}
	f, ok := findFlag(a.flags, name[len("--"):])
	if !ok || f.Kind.IsSwitch() || !strings.HasPrefix(a.typing.Raw, name+"=") {
		return Completion{Start: a.typing.Start, Word: a.typing.Value}
	}
	return a.value(f.Kind, a.typing.Start+len(name)+1, value, f.usage()+": "+f.Help)
}

// flagChoices are the flags that were not given yet.
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

// arg completes the positional argument that is due, and offers flags where one may come.
func (a *analysis) arg() Completion {
	due := a.command.Args[min(a.args, len(a.command.Args)):]
	c := Completion{Start: a.typing.Start, Word: a.typing.Value}
	if len(due) > 0 {
		kind := due[0].Kind
		if kind.After != nil {
			kind.Values = func(s *Session) []Choice { return kind.After(s, a.last.Value) }
		}
		c = a.value(kind, a.typing.Start, a.typing.Value, due[0].label()+": "+due[0].Help)
	}
	if line := slices.IndexFunc(due, func(a Arg) bool { return a.Kind.isLine() }); line == 0 || line == 1 && due[0].Optional {
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

// nested completes the command inside of the command, which begins at start.
func (a *analysis) nested(start int) Completion {
	c := a.table.Complete(a.session, a.before[start:])
	c.Start += start
	return c
}

// value completes a value of which word is typed; start is where.
func (a *analysis) value(k Kind, start int, word, hint string) Completion {
	c := Completion{Start: start, Word: word}
	if word == "" {
		c.Hint = hint
	}
	if strings.HasSuffix(k.Name, listMark) {
		c.base = word[:strings.LastIndexByte(word, ',')+1]
	}
	if k.Live != nil || k.Files {
		c.Kind = k
	}
	if k.Values != nil {
		c.Choices = c.Rank(k.Values(a.session))
	}
	return c
}

// Rank returns the values that match the word being typed, ready to be put at Start: the
// word itself, what begins with it, what has a word that does, what is explained by one
// that does; if there is nothing of that, what has its letters in that order. Case and
// accents do not matter.
func (c Completion) Rank(values []Choice) []Choice {
	ranked := rank(values, strings.TrimPrefix(c.Word, c.base), true)
	for i := range ranked {
		ranked[i].Text = Quote(c.base + ranked[i].Text)
	}
	return ranked
}

// offer ranks words of the language, which need no quotes.
func (c Completion) offer(words []Choice) Completion {
	c.Choices = rank(words, c.Word, false)
	return c
}

func rank(choices []Choice, typed string, explained bool) []Choice {
	var by [4][]Choice
	var loose []Choice
	typed = fold(typed)
	for _, c := range choices {
		text := fold(c.Text)
		switch {
		case text == typed:
			by[0] = append(by[0], c)
		case strings.HasPrefix(text, typed):
			by[1] = append(by[1], c)
		case hasWord(text, typed):
			by[2] = append(by[2], c)
		case len(typed) < 2: // a letter is somewhere in nearly everything
		case explained && hasWord(fold(c.Help), typed):
			by[3] = append(by[3], c)
		case hasLetters(text, typed):
			loose = append(loose, c)
		}
	}
	all := slices.Concat(by[:]...)
	if all == nil {
		all = loose
	}
	if all == nil && explained && len(typed) > 2 && !strings.ContainsAny(typed, "0123456789") { // boui finds Bouzin
		all = slices.DeleteFunc(slices.Clone(choices), func(c Choice) bool { return !hasLetters(fold(c.Help), typed) })
		slices.SortStableFunc(all, func(a, b Choice) int { return cmp.Compare(spread(fold(a.Help), typed), spread(fold(b.Help), typed)) })
	}
	return all[:min(len(all), mostChoices)]
}

// fold takes case and accents out of a text.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(text))
}

// hasWord tells whether a word in the text begins with prefix.
func hasWord(text, prefix string) bool {
	for at := 0; ; at++ {
		i := strings.Index(text[at:], prefix)
		if i < 0 {
			return false
		}
		at += i
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		if at == 0 || !unicode.IsLetter(before) && !unicode.IsDigit(before) {
			return true
		}
	}
}

// spread is over how much of a text the letters are: 0 in one word that begins with the first of them, 1 in one word, 2 in several.
func spread(text, letters string) int {
	least := 2
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if hasLetters(word, letters) {
			first, _ := utf8.DecodeRuneInString(letters)
			begin, _ := utf8.DecodeRuneInString(word)
			least = min(least, map[bool]int{true: 0, false: 1}[first == begin])
		}
	}
	return least
}

// hasLetters tells whether the letters occur in the text in their order.
func hasLetters(text, letters string) bool {
	for _, want := range letters {
		_, rest, found := strings.Cut(text, string(want))
		if !found {
			return false
		}
		text = rest
	}
	return true
}
