package commands

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"crm/repo"
)

func TestDispatch(t *testing.T) {
	columns := []Column{{Name: "id"}, {Name: "name"}}
	all := Output{Noun: "animal", Columns: columns, Rows: [][]any{{int64(7), "Dolly"}, {int64(8), false}}}
	one := Output{Noun: "animal", Columns: columns, Rows: [][]any{{int64(7), "Dolly"}, {int64(8), true}}}
	refused := errors.New("no, thanks")
	for _, test := range []struct {
		line, command string
		out           Output
		format, err   string
		asked         string
	}{
		{line: ""},
		{line: "  # nothing"},
		{line: "animal list", command: "animal list", out: all},
		{line: "animal list --format json", command: "animal list", out: all, format: "json"},
		{
			line: "animal list --columns name", command: "animal list",
			out: Output{Noun: "animal", Columns: columns[1:], Rows: [][]any{{"Dolly"}, {false}}},
		},
		{
			line: "animal list --columns weight", command: "animal list",
			err: `there is no column "weight": want some of id,name`,
		},
		{line: "an l", err: `unknown command "an": did you mean animal?`},
		{line: "'", err: "the quote ' is not closed"},
		{line: "animal feed", command: "animal feed", err: `"animal feed" is not permitted to the role shepherd`},
		{
			line: "animal feed --help", command: "animal feed",
			err: `"animal feed" is not permitted to the role shepherd`,
		},
		{line: "animal delete x", command: "animal delete", err: "invalid ID: want a number as printed, like 12"},
		{line: "animal delete 7 --yes", command: "animal delete", out: one},
		{line: "animal delete 7", command: "animal delete", err: "no, thanks", asked: "animal delete 7?"},
	} {
		s := farmSession(t)
		asked := ""
		s.Confirm = func(_ context.Context, question string) error {
			asked = question
			return refused
		}
		answer, err := Dispatch(t.Context(), s, test.line, false)
		if answer.Command.Name != test.command || !reflect.DeepEqual(answer.Output, test.out) ||
			answer.Format != test.format || message(err) != test.err || asked != test.asked {
			t.Errorf("%s: %q %+v %q, error %q, asked %q; want %+v", test.line, answer.Command.Name, answer.Output,
				answer.Format, message(err), asked, test)
		}
	}
}

func TestDispatchConfirmed(t *testing.T) {
	s := farmSession(t)
	if _, err := Dispatch(t.Context(), s, "animal delete 7", true); message(err) != "animal delete needs --yes" ||
		!errors.Is(err, ErrUsage) {
		t.Errorf("without anybody to ask: %v", err)
	}
	s.Confirm = func(context.Context, string) error { return nil }
	answer, err := Dispatch(t.Context(), s, "an del 7", true)
	if answer.Command.Name != "animal delete" || len(answer.Output.Rows) != 2 || err != nil {
		t.Errorf("confirmed: %+v, %v", answer, err)
	}
}

// R5, R28: nothing of a line is looked at before the permission.
func TestDispatchSignedOut(t *testing.T) {
	s := farmSession(t)
	s.Me, s.Matrix = nil, nil
	for _, line := range []string{
		"animal list", "animal", "animal nonsense", "animal add --nonsense",
		"animal delete x", "watch", "barn burn --help",
	} {
		answer, err := Dispatch(t.Context(), s, line, false)
		if message(err) != `not signed in: use "login EMAIL"` || !errors.Is(err, repo.ErrSignedOut) ||
			answer.Output.Rows != nil {
			t.Errorf("%s: %+v, %v", line, answer, err)
		}
	}
	if _, err := Dispatch(t.Context(), s, "animl list", true); message(err) != `unknown command "animl"` {
		t.Errorf("what is not permitted is suggested: %v", err)
	}
}

func TestDispatchHelp(t *testing.T) {
	s := farmSession(t)
	for line, words := range map[string][]string{
		"--help":                    {},
		"animal --help":             {"animal"},
		"an --help":                 {"animal"},
		"animal add --help":         {"animal", "add"},
		"animal add 1 2 --x --help": {"animal", "add"},
		"login --help":              {"login"},
		"login me --help":           {"login"},
	} {
		want, err := s.Table.Help(s, words)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := Dispatch(t.Context(), s, line, false)
		if !reflect.DeepEqual(answer, Answer{Output: Output{Text: want}}) || err != nil {
			t.Errorf("%s: %+v, %v; want %s", line, answer, err, want)
		}
	}
}
