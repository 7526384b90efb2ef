package shell

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"crm/commands"
	"crm/repo"
)

// This file asks questions at the prompt. Every question is declined with Esc, Ctrl-C or Ctrl-D, and then nothing
// happens.

// helpBeside is the number of columns that a blank's help may take beside its label. Longer help has a line of its own.
const helpBeside = 40

// An asker shows a question and returns the line that is typed behind it; an error if the question is declined.
// Answers are completed as values of the blank, unless that is nil.
type asker func(question string, blank *commands.Blank) (string, error)

// confirm asks whether to do what destroys something. It returns context.Canceled for a no, and ErrUsage in a script
// without --yes.
func (sh *Shell) confirm(_ context.Context, question string) error {
	if sh.Yes {
		return nil
	}
	if sh.asks == nil {
		return fmt.Errorf("%w: %s needs --yes in a script", commands.ErrUsage, strings.TrimSuffix(question, "?"))
	}
	answer, err := sh.ask(question + " [y/N] ")
	if err != nil || !strings.HasPrefix(strings.ToLower(answer), "y") {
		return context.Canceled
	}
	return nil
}

// choose lists choices and asks for the number of one of them.
func (sh *Shell) choose(_ context.Context, question string, choices []commands.Choice) (commands.Choice, error) {
	lines := []string{question + ":"}
	for _, c := range choices {
		lines = append(lines, fmt.Sprintf("%6s  %s", c.Text, c.Help))
	}
	answer, err := sh.ask(strings.Join(append(lines, "number: "), "\n"))
	i := slices.IndexFunc(choices, func(c commands.Choice) bool { return c.Text == answer })
	if err != nil || i < 0 {
		return commands.Choice{}, context.Canceled
	}
	return choices[i], nil
}

// retyped asks for one of the words, and returns context.Canceled for any other. With --yes it asks nothing.
func (sh *Shell) retyped(_ context.Context, question string, words ...string) error {
	if sh.Yes {
		return nil
	}
	if answer, err := sh.ask(question); err != nil || !slices.Contains(words, answer) {
		return context.Canceled
	}
	return nil
}

// fill asks for the required arguments and flags that a typed command lacks, each until its answer is valid.
func (sh *Shell) fill(ctx context.Context, c commands.Command, blanks []commands.Blank) error {
	if sh.asks == nil {
		return fmt.Errorf("%w: %s needs %s", commands.ErrUsage, c.Name, blanks[0].Label)
	}
	if !sh.Quiet {
		sh.say(sh.declines + " cancels")
	}
	for _, blank := range blanks {
		question := blank.Label + ": "
		if len(blank.Label+blank.Help) > helpBeside {
			sh.say(blank.Label + " is " + blank.Help)
		} else {
			question = fmt.Sprintf("%s, %s: ", blank.Label, blank.Help)
		}
		if err := sh.fillOne(ctx, question, blank); err != nil {
			return err
		}
	}
	return nil
}

// fillOne asks for one blank. It returns errors that another answer would not mend.
func (sh *Shell) fillOne(ctx context.Context, question string, blank commands.Blank) error {
	for {
		answer, err := sh.asks(question, &blank)
		if err != nil {
			return context.Canceled
		}
		note, err := blank.Set(ctx, answer)
		switch {
		case err == nil && note != "":
			sh.say(note)
			return nil
		case errors.Is(err, repo.ErrInvalid), errors.Is(err, repo.ErrNotFound), errors.Is(err, commands.ErrUsage):
			sh.fail(err)
		default:
			return err
		}
	}
}

// ask says all lines of a question but the last, and returns the answer that is typed behind that one.
func (sh *Shell) ask(question string) (string, error) {
	if i := strings.LastIndexByte(question, '\n'); i >= 0 {
		for line := range strings.SplitSeq(question[:i], "\n") {
			sh.say(line)
		}
		question = question[i+1:]
	}
	answer, err := sh.asks(question, nil)
	return strings.TrimSpace(answer), err
}
