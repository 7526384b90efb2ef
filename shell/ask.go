package shell

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"crm/commands"
	"crm/repo"
	"crm/shell/render"
)

// This file asks questions at the prompt. Esc, Ctrl-C and Ctrl-D decline a question; then the command does not run.

// helpBeside is the maximal width of a blank's help beside its label. Longer help is shown on a separate line, and that
// of records too.
const helpBeside = 40

// An asker shows a question and returns the typed answer, or an error if the question is declined. If blank is not
// nil, answers are completed as its values.
type asker func(question string, blank *commands.Blank) (string, error)

// confirm asks before a destructive command. It returns context.Canceled for a no, and ErrUsage in a script without
// --yes.
func (sh *Shell) confirm(_ context.Context, question string) error {
	if sh.Yes {
		return nil
	}
	if sh.asks == nil {
		question = sh.preface(question)
		return fmt.Errorf("%w: %s needs --yes in a script", commands.ErrUsage, strings.TrimSuffix(question, "?"))
	}
	answer, err := sh.ask(question + " [y/N] ")
	if err != nil || !strings.HasPrefix(strings.ToLower(answer), "y") {
		return context.Canceled
	}
	return nil
}

// choose offers choices in the box, or lists them where there is none, asks for the number of one, and returns it.
func (sh *Shell) choose(ctx context.Context, question string, choices []commands.Choice) (chosen commands.Choice,
	err error,
) {
	sh.say(question + ":")
	if !sh.hasBox {
		for _, c := range choices {
			sh.say(fmt.Sprintf("%6s  %s", c.Text, c.Help))
		}
	}
	err = sh.fillOne(ctx, "number: ", commands.Blank{
		Kind: commands.Kind{Name: "ID", Values: func(*commands.Session) []commands.Choice { return choices }},
		Set: func(_ context.Context, answer string) (string, error) {
			i := slices.IndexFunc(choices, func(c commands.Choice) bool { return c.Text == strings.TrimSpace(answer) })
			if i < 0 {
				return "", fmt.Errorf("%w: want one of the numbers; %s cancels", commands.ErrUsage, sh.declines)
			}
			chosen = choices[i]
			return "", nil
		},
	})
	return chosen, err
}

// retyped asks the user to type one of the words. It returns context.Canceled for another answer. With --yes it does
// not ask.
func (sh *Shell) retyped(_ context.Context, question string, words ...string) error {
	if sh.Yes {
		return nil
	}
	if answer, err := sh.ask(question); err != nil || !slices.Contains(words, answer) {
		return context.Canceled
	}
	return nil
}

// fill asks for the blanks of a typed command, each until its answer is valid.
func (sh *Shell) fill(ctx context.Context, c commands.Command, blanks []commands.Blank) error {
	if sh.asks == nil {
		return fmt.Errorf("%w: %s needs %s", commands.ErrUsage, c.Name, blanks[0].Label)
	}
	if !sh.Quiet {
		sh.say(sh.declines + " cancels")
	}
	for _, blank := range blanks {
		question := blank.Label + ": "
		if blank.Kind.Live != nil || len(blank.Label+blank.Help) > helpBeside { // leaves room for the names in the box
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

// fillOne asks for one blank. It returns only errors that another answer cannot mend.
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

// ask prints the question, wrapped between words, and returns the answer, which is typed after its last line.
func (sh *Shell) ask(question string) (string, error) {
	last := sh.preface(question)
	if sh.Screen.Width != nil {
		if lines := render.Wrap(last, sh.Screen.Width()-len("yes")); len(lines) > 1 {
			last = sh.preface(strings.Join(lines, "\n")) + " "
		}
	}
	answer, err := sh.asks(last, nil)
	return strings.TrimSpace(answer), err
}

// preface prints the lines of a question before its last one, and returns the last line.
func (sh *Shell) preface(question string) (last string) {
	i := strings.LastIndexByte(question, '\n')
	if i < 0 {
		return question
	}
	for line := range strings.SplitSeq(question[:i], "\n") {
		sh.say(line)
	}
	return question[i+1:]
}
