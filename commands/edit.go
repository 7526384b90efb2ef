package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"crm/repo"
	"crm/security"
)

// This file edits a record in the user's editor: the values that `NOUN update` may change, as YAML.

// since is the name under which edit passes the version of the record to an update. It is not a flag, because users do
// not know versions.
const since = "since"

func editCommands() Table {
	return Table{{
		Name: "edit", Short: "Edit a record, or the last command, in your editor", Needs: security.SignedIn,
		Args: []Arg{
			{Name: "noun", Kind: editable, Help: "the kind of record", Optional: true},
			{Name: "id", Kind: Words, Help: "its number, or words that name it", Optional: true},
		},
		Run: edit,
	}}
}

// updatable returns the nouns that have an update command.
func (t Table) updatable() []string {
	var nouns []string
	for _, c := range t {
		if c.Verb() == "update" {
			nouns = append(nouns, c.Noun())
		}
	}
	return nouns
}

// either joins words as alternatives: "a, b or c".
func either(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// editable is the kind of a noun that can be updated.
var editable = Kind{
	Name: "NOUN",
	Parse: func(s *Session, text string) (any, error) {
		if _, ok := s.Table.named(text + " update"); !ok {
			return nil, fmt.Errorf("want %s%s", either(s.Table.updatable()), DidYouMean(text, s.Table.updatable()))
		}
		return text, nil
	},
	Values: func(s *Session) []Choice {
		var nouns []Choice
		for _, c := range s.Table.Allowed(s) {
			if c.Verb() == "update" {
				nouns = append(nouns, Choice{Text: c.Noun()})
			}
		}
		return nouns
	},
}

func edit(ctx context.Context, s *Session, in Input) (Output, error) {
	if s.Editor == nil {
		return Output{}, usagef("edit needs a terminal: use update in a script")
	}
	if !in.Has("noun") {
		text, err := s.Editor("txt", s.Last)
		if err != nil {
			return Output{}, usagef("%v", err)
		}
		s.Retype(text)
		return Output{}, nil
	}
	noun := Value[string](in, "noun")
	if !in.Has("id") {
		return Output{}, usagef("edit %s needs an ID", noun)
	}
	update, _ := s.Table.named(noun + " update")
	if !s.May(update.Needs) {
		return Output{}, forbidden(s, update.Name)
	}
	id, err := update.Args[0].Kind.id(ctx, s, Value[string](in, "id"))
	if err != nil {
		return Output{}, err
	}
	get, _ := s.Table.named(noun + " get")
	record, err := get.Run(ctx, s, Input{values: map[string]any{"id": id}})
	if err != nil {
		return Output{}, err
	}
	sh := newSheet(s, update, record)
	if err := sh.permitted(ctx, s, id); err != nil {
		return Output{}, err
	}
	return sh.edit(ctx, s, noun, id)
}

// edit opens the editor until the text can be saved. A text that cannot be saved is opened again with the error above
// the wrong line. If the user leaves it unchanged, or somebody else has changed the record, edit saves the text in a
// file and names the file in its error.
func (sh sheet) edit(ctx context.Context, s *Session, noun string, id int64) (Output, error) {
	shown := sh.text(noun, id)
	for {
		text, err := s.Editor("yaml", shown)
		if err != nil {
			return Output{}, keeping(usagef("%v", err), shown, sh.text(noun, id))
		}
		out, refused := sh.save(ctx, s, id, text)
		if not := (declined{}); refused == nil || errors.As(refused, &not) {
			return out, refused
		}
		if ctx.Err() != nil { // such as while it waited for another user's lock
			return Output{}, keeping(context.Canceled, text, sh.text(noun, id))
		}
		if errors.Is(refused, repo.ErrConflict) || !correctable(refused) ||
			withoutErrors(text) == withoutErrors(shown) {
			return Output{}, keeping(refused, text, sh.text(noun, id))
		}
		shown = withErrors(text, refused)
	}
}

// correctable reports whether the user can mend the error by changing the text.
func correctable(err error) bool { return errors.Is(err, repo.ErrInvalid) || errors.Is(err, ErrUsage) }

const errorMark = "# error: "

// withErrors returns the text with the error as comments: each problem above the line of its field, other errors above
// the line that they name or at the top.
func withErrors(text string, err error) string {
	lines := strings.Split(withoutErrors(text), "\n")
	problems := []string{strings.ReplaceAll(err.Error(), "\n", " ")}
	var invalid repo.Invalid
	if errors.As(err, &invalid) {
		problems = nil
		for _, p := range invalid.Problems {
			problems = append(problems, fmt.Sprintf("invalid %s: %s", p.Field, p.Text))
		}
	}
	if _, hint := Describe(err); hint != "" {
		problems[len(problems)-1] += "; " + strings.ReplaceAll(hint, "\n", " ")
	}
	for _, problem := range problems {
		lines = slices.Insert(lines, lineOf(lines, problem), errorMark+problem)
	}
	return strings.Join(lines, "\n")
}

// withoutErrors returns the text without the comments of withErrors.
func withoutErrors(text string) string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(text), "\n"),
		func(line string) bool { return strings.HasPrefix(line, errorMark) })
	return strings.Join(lines, "\n")
}

var namedLine = regexp.MustCompile(`\bline (\d+)\b`)

// lineOf returns the index of the line that a problem is about, 0 if it names none.
func lineOf(lines []string, problem string) int {
	if n := namedLine.FindStringSubmatch(problem); n != nil {
		at, _ := strconv.Atoi(n[1])
		return min(max(at-1, 0), len(lines))
	}
	for i, line := range lines {
		key, _, isField := strings.Cut(line, ":")
		if isField && strings.Contains(problem+" ", "--"+strings.ReplaceAll(key, "_", "-")+": ") || isField &&
			strings.Contains(problem, show(key)) {
			return i
		}
	}
	return 0
}

// keeping writes a text that could not be saved to a file of mode 0600 and adds its path to the error. It does not
// write an unchanged text.
func keeping(err error, text, opened string) error {
	if strings.TrimSpace(text) == strings.TrimSpace(opened) {
		return err
	}
	f, failed := os.CreateTemp("", "crm-edit-*.yaml") // 0600
	if failed == nil {
		_, failed = f.WriteString(text + "\n")
		failed = errors.Join(failed, f.Close())
	}
	words, hint := Describe(err)
	if errors.Is(err, context.Canceled) && failed == nil {
		return &worded{"cancelled: your text is kept in " + f.Name(), "", err}
	}
	if failed != nil {
		return &worded{words, strings.TrimPrefix(hint+"\nyour text could not be kept: "+failed.Error(), "\n"), err}
	}
	return &worded{words, strings.TrimPrefix(hint+"\nyour text is kept in "+f.Name(), "\n"), err}
}
