package commands

// This file runs one line. It finds the command, checks the permission before anything is fetched (R28), parses the
// arguments, asks before a destructive command, and runs it.

import (
	"cmp"
	"context"
	"fmt"
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

// A dispatch is a line on its way to its command.
type dispatch struct {
	s        *Session
	typed    bool   // at a prompt: words may be abbreviated, and missing arguments are asked for
	line     string // what next repeats for the next page
	command  Command
	rest     []Word     // the words after the command's name
	programs [][]string // that get the answer
}

// Dispatch runs the command of a line. An empty line or a comment has an empty answer. Commands may be abbreviated if
// the line was typed at a prompt.
func Dispatch(ctx context.Context, s *Session, line string, typed bool) (Answer, error) {
	words, line, err := s.readLine(line)
	if err != nil || len(words) == 0 {
		return Answer{}, err
	}
	if len(words) <= 2 && wantsHelp(words[len(words)-1:]) {
		return s.help(values(words[:len(words)-1]))
	}
	d := dispatch{s: s, typed: typed, line: line}
	err = d.find(ctx, words)
	answer := Answer{Command: d.command}
	if err != nil {
		return answer, err
	}
	in, err := d.command.Parse(s, d.rest)
	if err != nil {
		return answer, err
	}
	if in.Help {
		answer, err = s.help(strings.Fields(d.command.Name))
		answer.To.Programs = d.programs
		return answer, err
	}
	if answer.To, err = in.destination(s, d.command, d.programs); err != nil {
		return answer, err
	}
	answer.Format, answer.Raw = Value[string](in, "format"), in.Has("raw")
	err = d.run(ctx, in, &answer)
	return answer, err
}

// readLine splits a line into words. It replaces next by the command of the last list, and aliases. line is the line
// that next repeats.
func (s *Session) readLine(text string) (words []Word, line string, err error) {
	words, err = Split(text)
	if err != nil || len(words) == 0 {
		return nil, text, err
	}
	if expanded, _ := Split(s.expand(text, words)); s.Next != "" && len(expanded) == 1 && expanded[0].Value == "next" {
		text = s.Next
		if words, err = Split(text); err != nil {
			return nil, text, err
		}
	}
	if words[0].Value != "edit" && !s.Table.HoldsSecret(text) {
		s.Last = text
	}
	words, err = Split(s.expand(text, words))
	return words, text, err
}

// find finds the command of the words, and asks for missing arguments at a prompt.
func (d *dispatch) find(ctx context.Context, words []Word) (err error) {
	if d.command, d.rest, err = d.s.permitted(ctx, words, d.typed); err != nil {
		return err
	}
	if d.rest, d.programs, err = d.s.cutPrograms(d.command, d.rest); err != nil {
		return err
	}
	if d.command.StandsFor != nil {
		if words, err = d.s.replaced(ctx, d.command, d.rest, d.typed); err != nil {
			return err
		}
		d.line = joinRaw(words)
		if d.command, d.rest, err = d.s.permitted(ctx, words, false); err != nil {
			return err
		}
	}
	if d.programs != nil {
		d.line = strings.TrimSpace(d.command.Name + " " + joinRaw(d.rest))
	}
	if !d.typed {
		return nil
	}
	given := len(d.rest)
	if d.rest, err = d.s.fill(ctx, d.command, d.rest); err == nil && len(d.rest) != given {
		d.line = d.command.Name + " " + joinRaw(d.rest)
	}
	return err
}

// run resolves names, asks for confirmation, runs the command and completes its answer.
func (d *dispatch) run(ctx context.Context, in Input, answer *Answer) error {
	s, c := d.s, d.command
	asks := c.Destructive || c.pays(in) && in.namesRecord(c)
	named, err := in.resolve(ctx, s, c, d.typed)
	if err != nil {
		return err
	}
	if asks && !in.Has("yes") {
		if err := s.confirm(ctx, c, in, d.rest, named); err != nil {
			return s.noteRefusal(ctx, c, in, s.inCurrency(s.explainSignedOut(ctx, err)))
		}
	}
	answer.Output, err = c.Run(ctx, s, in)
	err = s.sayGone(ctx, in.datesRead(s, s.noteRefusal(ctx, c, in, s.inCurrency(s.explainSignedOut(ctx, err)))))
	if err == nil && in.Has("columns") {
		answer.Output, err = answer.Output.choose(Value[[]string](in, "columns"))
	}
	answer.Format = cmp.Or(answer.Format, answer.Output.Format)
	s.Next = ""
	if err != nil {
		return err
	}
	answer.Output.Noun = c.Noun()
	s.remember(c, answer.Output, d.line)
	answer.Used = in.uses()
	answer.Output.prependMessage(named...)
	answer.Output.addMessage(in.inFull(s)...)
	answer.Output.Warnings = append(answer.Output.Warnings, in.doubts()...)
	answer.Output.warnOfUnopened()
	if answer.Output.Rest == nil {
		s.NoteExport(ctx, *answer, len(answer.Output.Rows))
	}
	return nil
}

// permitted returns the command at the beginning of the words and the words after it, or an error if the session may
// not run it.
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

// cell returns a value of the first row; nil if there is none.
func (out Output) cell(column string) any {
	i := slices.IndexFunc(out.Columns, func(c Column) bool { return c.Name == column })
	if i < 0 || len(out.Rows) == 0 {
		return nil
	}
	return out.Rows[0][i]
}

// remember stores the ID of an answer's single record for $_, and the command for the next page of a list. A login
// forgets the ID: the user's own is not one that a next command means. So whoami, which says no kind of record, does
// not count.
func (s *Session) remember(c Command, out Output, line string) {
	if c.Name == "login" {
		s.LastID = 0
		return
	}
	if id, ok := out.cell("id").(int64); ok && out.Single {
		noun := c.Noun()
		if c.Verb() == "" { // such as undo
			noun, _ = out.cell("entity").(string)
		}
		if noun != "" {
			s.LastID, s.LastNoun = id, noun
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
