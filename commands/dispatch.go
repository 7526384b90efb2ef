package commands

// This file runs one line. It finds the command, checks the permission before anything is fetched (R28), parses the
// arguments, asks before a destructive command, and runs it.

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"crm/repo"
)

// An Answer is the result of a line.
type Answer struct {
	Command Command // set even if it failed; zero for an empty line or an unknown command
	Output  Output
	Format  string // from --format; "" means the session's format
	Raw     bool   // from --raw
	To      Destination
	Used    []Use // the values given to a command that succeeded
}

// A Use is a value that was given to an argument or flag. Here all IDs of a noun have the same kind.
type Use struct{ Kind, Text string }

// Use returns a Use of the kind with the value.
func (k Kind) Use(text string) Use { return Use{cmp.Or(k.Noun, k.Identity()), text} }

// uses returns the given values.
func (in Input) uses() (all []Use) {
	for _, g := range in.given {
		text := g.text
		if id, ok := in.values[g.name].(int64); ok {
			text = strconv.FormatInt(id, 10) // the ID, even if the record was given by name
		}
		all = append(all, g.kind.Use(text))
	}
	return all
}

// Dispatch runs the command of a line. An empty line or a comment has an empty answer. Commands may be abbreviated if
// the line was typed at a prompt.
func Dispatch(ctx context.Context, s *Session, line string, typed bool) (Answer, error) {
	words, err := Split(line)
	if err != nil || len(words) == 0 {
		return Answer{}, err
	}
	if s.Next != "" && len(words) == 1 && words[0].Value == "next" {
		line = s.Next
		if words, err = Split(line); err != nil {
			return Answer{}, err
		}
	}
	if words[0].Value != "edit" && !HoldsSecret(line) {
		s.Last = line
	}
	if words, err = Split(s.expand(line, words)); err != nil {
		return Answer{}, err
	}
	if len(words) <= 2 && wantsHelp(words[len(words)-1:]) {
		return s.help(values(words[:len(words)-1]))
	}
	c, rest, err := s.permitted(ctx, words, typed)
	answer := Answer{Command: c}
	var programs [][]string
	if err == nil {
		rest, programs, err = s.cutPrograms(c, rest)
	}
	if err == nil && c.StandsFor != nil {
		if words, err = s.replaced(ctx, c, rest, typed); err == nil {
			line = joinRaw(words) // for the next page
			c, rest, err = s.permitted(ctx, words, false)
			answer.Command = c
		}
	}
	if err != nil {
		return answer, err
	}
	if programs != nil {
		line = strings.TrimSpace(c.Name + " " + joinRaw(rest)) // for the next page
	}
	if typed {
		asked := len(rest)
		if rest, err = s.fill(ctx, c, rest); err != nil {
			return answer, err
		}
		if len(rest) != asked {
			line = c.Name + " " + joinRaw(rest) // for the next page
		}
	}
	in, err := c.Parse(s, rest)
	if err != nil {
		return answer, err
	}
	if in.Help {
		answer, err = s.help(strings.Fields(c.Name))
		answer.To.Programs = programs
		return answer, err
	}
	if answer.To, err = in.destination(c, programs); err != nil {
		return answer, err
	}
	answer.Format, answer.Raw = Value[string](in, "format"), in.Has("raw")
	named, err := in.resolve(ctx, s, c, typed)
	if err != nil {
		return answer, err
	}
	if (c.Destructive || c.Pays && named != nil) && !in.Has("yes") {
		if err := s.confirm(ctx, c, in, rest, named); err != nil {
			return answer, s.noteRefusal(ctx, c, in, s.inCurrency(s.explainSignedOut(ctx, err)))
		}
	}
	answer.Output, err = c.Run(ctx, s, in)
	err = s.noteRefusal(ctx, c, in, s.inCurrency(s.explainSignedOut(ctx, err)))
	if err == nil && in.Has("columns") {
		answer.Output, err = answer.Output.choose(Value[[]string](in, "columns"))
	}
	answer.Format = cmp.Or(answer.Format, answer.Output.Format)
	s.Next = ""
	if err == nil {
		s.remember(answer.Output, line)
		answer.Used = in.uses()
		answer.Output.prependMessage(named...)
		answer.Output.addMessage(in.inFull(s)...)
		answer.Output.Warnings = append(answer.Output.Warnings, in.doubts()...)
		answer.Output.warnOfUnopened()
		if answer.Output.Rest == nil {
			s.NoteExport(ctx, answer, len(answer.Output.Rows))
		}
	}
	return answer, err
}

// permitted returns the command at the beginning of the words and the words after it, or an error if the session may not
// run it.
func (s *Session) permitted(ctx context.Context, words []Word, typed bool) (Command, []Word, error) {
	c, rest, err := s.Table.Find(s, words, typed)
	if err != nil {
		return Command{}, nil, s.noteRefusal(ctx, Command{Name: words[0].Value}, Input{}, err)
	}
	if !s.May(c.Needs) {
		in, _ := c.Parse(s, rest) // for the trail
		return c, nil, s.noteRefusal(ctx, c, in, forbidden(s, c.Name))
	}
	return c, rest, nil
}

// replaced returns the words of the command that a command stands for.
func (s *Session) replaced(ctx context.Context, c Command, rest []Word, typed bool) (words []Word, err error) {
	if typed {
		if rest, err = s.fill(ctx, c, rest); err != nil {
			return nil, err
		}
	}
	words, err = c.StandsFor(ctx, s, rest)
	return words, s.noteRefusal(ctx, c, Input{}, s.explainSignedOut(ctx, err))
}

// remember stores the ID of an answer's single record for $_, and the command for the next page of a list.
func (s *Session) remember(out Output, line string) {
	if i := slices.IndexFunc(out.Columns, func(c Column) bool { return c.Name == "id" }); out.Single && i >= 0 {
		if id, ok := out.Rows[0][i].(int64); ok {
			s.LastID = id
		}
	}
	if out.Next == "" {
		return
	}
	words, err := Split(line)
	if err != nil {
		return
	}
	var raw []string
	for i := 0; i < len(words); i++ {
		if name, _, assigned := strings.Cut(words[i].Value, "="); words[i].IsFlag() && name == "--after" {
			if !assigned {
				i++
			}
			continue
		}
		raw = append(raw, words[i].Raw)
	}
	s.Next = strings.Join(append(raw, out.Next), " ")
}

// forbidden returns the error of a command, or of a noun, that the session may not use.
func forbidden(s *Session, name string) error {
	if s.Me == nil {
		return &worded{`not signed in: use "login EMAIL"`, "", repo.ErrSignedOut}
	}
	if s.Duty != "" {
		return s.due()
	}
	return &worded{fmt.Sprintf("%q is not permitted to the role %v", name, s.Me.Role), "", repo.ErrDenied}
}

func (s *Session) help(words []string) (Answer, error) {
	text, err := s.Table.Help(s, words)
	return Answer{Output: Output{Text: text}}, err
}

func values(words []Word) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = w.Value
	}
	return all
}

// confirm asks whether to run a command, and shows which records its names mean. If the command would be refused, it
// returns that error without asking.
func (s *Session) confirm(ctx context.Context, c Command, in Input, rest []Word, named []string) error {
	if s.Confirm == nil {
		return usagef("%s needs --yes", c.Name)
	}
	if c.Question == nil || !s.Typed {
		return s.Confirm(ctx, strings.Join(append(named, strings.TrimSpace(c.Name+" "+joinRaw(rest))+"?"), "\n"))
	}
	question, err := c.Question(ctx, s, in)
	if err == nil {
		err = s.rehearse(ctx, c, in)
	}
	if err != nil {
		return err
	}
	return s.Confirm(ctx, question+"?")
}

// rehearse runs a command in a transaction that is rolled back, and returns its error.
func (s *Session) rehearse(ctx context.Context, c Command, in Input) error {
	in.values = maps.Clone(in.values)
	in.values["yes"] = true
	return s.trial(ctx, func(t *Session) error {
		_, refused := c.Run(ctx, t, in)
		return refused
	})
}

// trial calls do in a transaction that is rolled back, and returns its error.
func (s *Session) trial(ctx context.Context, do func(*Session) error) error {
	db, _, rollback, err := s.DB.Atomic(ctx)
	if err != nil {
		return err
	}
	trial := *s
	trial.DB = db
	refused := do(&trial)
	return cmp.Or(refused, rollback(ctx))
}

// choose keeps the named columns, in the order asked for.
func (o Output) choose(names []string) (Output, error) {
	known := make([]string, len(o.Columns))
	for i, c := range o.Columns {
		known[i] = c.Name
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return Output{}, usagef("there is no column %s: want some of %s", show(name), strings.Join(known, ","))
		}
	}
	return o.pick(names), nil
}

// Find returns the command at the beginning of the words, even if the session may not use it, and the words after it.
// With abbreviations a unique prefix is enough; commands that the session may use have priority. Only those are
// suggested.
func (t Table) Find(s *Session, words []Word, abbreviations bool) (Command, []Word, error) {
	if len(words) == 0 {
		return Command{}, nil, usagef("no command")
	}
	if len(words) > 1 { // the usual case, at once
		if c, ok := t.named(words[0].Value + " " + words[1].Value); ok && s.May(c.Needs) {
			return c, words[2:], nil
		}
	}
	allowed := t.Allowed(s)
	noun, err := choose("", words[0].Value, t.Nouns(), allowed.Nouns(), abbreviations)
	if err != nil {
		return Command{}, nil, err
	}
	alone, standsAlone := t.named(noun)
	switch {
	case standsAlone && (len(words) == 1 || len(t.Verbs(noun)) == 0 ||
		alone.StandsFor != nil && !slices.Contains(t.Verbs(noun), words[1].Value)):
		return alone, words[1:], nil
	case len(allowed.Verbs(noun)) == 0:
		return Command{}, nil, forbidden(s, noun)
	case len(words) == 1 || words[1].IsFlag():
		return Command{}, nil, usagef("%s needs a verb: %s", noun, oneOf(allowed.Verbs(noun)))
	}
	verb, err := choose(noun+" ", words[1].Value, t.Verbs(noun), allowed.Verbs(noun), abbreviations)
	if err != nil {
		return Command{}, nil, err
	}
	c, _ := t.named(noun + " " + verb)
	return c, words[2:], nil
}

// Nouns returns the first words of the commands, each once, in the order of the table.
func (t Table) Nouns() []string {
	var nouns []string
	for _, c := range t {
		if !slices.Contains(nouns, c.Noun()) {
			nouns = append(nouns, c.Noun())
		}
	}
	return nouns
}

// Verbs returns the second words of the noun's commands.
func (t Table) Verbs(noun string) []string {
	var verbs []string
	for _, c := range t {
		if c.Noun() == noun && c.Verb() != "" {
			verbs = append(verbs, c.Verb())
		}
	}
	return verbs
}

func (t Table) named(name string) (Command, bool) {
	for i := range t {
		if t[i].Name == name {
			return t[i], true
		}
	}
	return Command{}, false
}

// choose returns the word of all that typed is or abbreviates. before is the text before it on the line, for messages.
func choose(before, typed string, all, allowed []string, abbreviations bool) (string, error) {
	if slices.Contains(all, typed) {
		return typed, nil
	}
	if abbreviations && typed != "" {
		matches := beginning(allowed, typed)
		if len(matches) > 1 {
			return "", usagef("%s may be %s", show(before+typed), before+oneOf(matches))
		}
		if len(matches) == 0 {
			matches = beginning(all, typed)
		}
		if len(matches) == 1 {
			return matches[0], nil
		}
	}
	if word := nearest(typed, allowed); word != "" {
		return "", usagef("unknown command %s: did you mean %s?", show(before+typed), before+word)
	}
	return "", usageHint(`"help" lists the commands`, "unknown command %s", show(before+typed))
}

func beginning(words []string, prefix string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return !strings.HasPrefix(w, prefix) })
}
