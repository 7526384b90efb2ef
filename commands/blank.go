package commands

// This file asks for the required values that a typed line leaves out: customer add needs a company and a person.

import (
	"context"
	"errors"
	"slices"
	"strings"

	"crm/repo"
)

// A Blank is a required argument or flag that has no value on the line.
type Blank struct {
	Label string // as in usage lines and messages: COMPANY_NAME, --name
	Help  string
	Kind  Kind
	// Set stores an answer. If the answer names a record, note says which one. The error says what is wrong with the
	// answer; context.Canceled ends the questions.
	Set func(ctx context.Context, text string) (note string, err error)

	placeholder string   // of a flag's value
	unless      []string // flags that may stand in place of an argument
	flag        string   // its name; empty for an argument
	words       []Word   // the answer
}

// Missing returns the required arguments and flags of a command without a value on the line, arguments first; nil if
// the words are wrong in another way.
func (c Command) Missing(s *Session, words []Word) []Blank {
	b := binder{session: s, command: c, flags: c.AllFlags()}
	if wantsHelp(words) || b.bind(words) != nil {
		return nil
	}
	return b.missing()
}

// missing returns the required arguments and flags that nothing is bound to.
func (b *binder) missing() (blanks []Blank) {
	for _, a := range b.command.Args[min(b.args, len(b.command.Args)):] {
		without := slices.ContainsFunc(b.bindings, func(g binding) bool { return slices.Contains(a.Unless, g.name) })
		if !a.Optional && !without {
			kind := a.Kind
			if blanks == nil {
				kind = kind.behind(b.last.Value)
			}
			blanks = append(blanks, Blank{Label: a.label(), Help: a.Help, Kind: kind, unless: a.Unless})
		}
	}
	for _, f := range b.command.Flags {
		if f.Required && !slices.ContainsFunc(b.bindings, func(g binding) bool { return g.label == "--"+f.Name }) {
			blanks = append(blanks, Blank{
				Label: "--" + f.Name, Help: f.Help, Kind: f.Kind, flag: f.Name,
				placeholder: f.Kind.Name,
			})
		}
	}
	return blanks
}

// needs returns the usage error that names the blanks; nil if there are none.
func (b *binder) needs(blanks []Blank) error {
	if len(blanks) == 0 {
		return nil
	}
	labels := make([]string, len(blanks))
	for i, blank := range blanks {
		ways := []string{strings.TrimSpace(blank.Label + " " + blank.placeholder)}
		for _, flag := range blank.unless {
			ways = append(ways, "--"+flag)
		}
		labels[i] = oneOf(ways)
	}
	return usageHint("usage: "+b.command.Usage(), "%s needs %s", b.command.Name, allOf(labels))
}

// fill asks for the blanks of a line and returns its words with the answers. Flags come first, so that -- and
// arguments of several words do not take them. If a value on the line is invalid, fill asks nothing.
func (s *Session) fill(ctx context.Context, c Command, words []Word) ([]Word, error) {
	blanks := c.Missing(s, words)
	if s.Ask == nil || len(blanks) == 0 {
		return words, nil
	}
	b := binder{session: s, command: c, flags: c.AllFlags()}
	if err := b.bind(words); err != nil {
		return nil, err
	}
	if _, err := b.read(); err != nil {
		return nil, err
	}
	for i := range blanks {
		blank := &blanks[i]
		blank.Set = func(ctx context.Context, text string) (string, error) {
			if i+1 < len(blanks) {
				blanks[i+1].Kind = blanks[i+1].Kind.behind(text)
			}
			return blank.set(ctx, s, text)
		}
	}
	if err := s.Ask(ctx, c, blanks); err != nil {
		return nil, err
	}
	filled := slices.Clone(words)
	for _, blank := range slices.Backward(blanks) {
		if blank.flag != "" {
			filled = append(slices.Clone(blank.words), filled...)
		}
	}
	for _, blank := range blanks {
		if blank.flag == "" {
			filled = append(filled, blank.words...)
		}
	}
	return filled, nil
}

// set checks an answer and stores it as words. It removes quotes around the whole answer, because an answer needs
// none.
func (blank *Blank) set(ctx context.Context, s *Session, text string) (note string, err error) {
	words, err := Split(text)
	if err == nil && len(words) == 1 && words[0].Quoted {
		text = words[0].Value
	}
	switch {
	case blank.Kind.IsLine && err != nil:
		return "", err
	case blank.Kind.IsLine && len(words) == 0:
		return "", blank.wrong(errors.New("may not be empty"))
	case blank.Kind.IsLine:
		blank.words = words
		return "", nil
	}
	b := binder{session: s, bindings: []binding{{blank.Label, blank.Label, blank.Kind, text}}}
	in, err := b.read()
	if err != nil {
		return "", err
	}
	switch value := in.values[blank.Label].(type) {
	case int64:
		if err := blank.Kind.fits(ctx, s, value); err != nil {
			return "", err
		}
	case reference:
		choice, err := blank.Kind.one(ctx, s, string(value), true)
		if err != nil {
			return "", err
		}
		text, note = choice.Text, blank.Kind.Noun+" "+choice.Text+": "+choice.Help
	}
	word := Word{Value: text, Raw: Quote(text), Quoted: true}
	if blank.flag != "" {
		word = Word{Value: blank.Label + "=" + text, Raw: blank.Label + "=" + Quote(text)}
	}
	blank.words = []Word{word}
	return note, nil
}

// wrong adds the blank's label to the error of an invalid answer.
func (blank *Blank) wrong(err error) error {
	return repo.Invalid{Problems: []repo.Problem{{Field: blank.Label, Text: err.Error()}}}
}

// CompleteAnswer completes an answer; before is the text up to the cursor. Values in answers need no quotes.
func (blank Blank) CompleteAnswer(s *Session, before string) Completion {
	if blank.Kind.IsLine {
		return s.Table.Complete(s, before)
	}
	c := Completion{Word: before, bare: true}
	if blank.Kind.Live != nil || blank.Kind.Files {
		c.Kind = blank.Kind
	}
	if blank.Kind.Values != nil {
		c.Choices = c.Rank(blank.Kind.Values(s))
	}
	return c
}
