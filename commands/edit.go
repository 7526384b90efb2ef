package commands

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"crm/repo"
	"crm/security"
)

// This file edits a record as a text: what `NOUN update` may change, as YAML in the user's editor.

// since is the argument by which edit tells an update which version of the record it has seen; it
// is no flag, for only a program has seen a version.
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
			return nil, fmt.Errorf("want %s", either(s.Table.updatable()))
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
	sheet := newSheet(s, update, record)
	text, err := s.Editor("yaml", sheet.text(noun, id))
	if err != nil {
		return Output{}, usagef("%v", err)
	}
	return sheet.save(ctx, s, id, text)
}

// A sheet is the changeable part of a record as text.
type sheet struct {
	update Command
	flags  []Flag            // in the order of the text
	was    map[string]string // by flag
	at     time.Time         // the version of the record
}

func newSheet(s *Session, update Command, record Output) sheet {
	sh := sheet{update: update, was: map[string]string{}}
	for i, c := range record.Columns {
		if at, ok := record.Rows[0][i].(time.Time); ok && c.Name == "updated_at" {
			sh.at = at
		}
		if f, ok := findFlag(update.Flags, c.Name); ok {
			sh.flags = append(sh.flags, f)
			sh.was[f.Name] = written(s, record.Rows[0][i])
		}
	}
	return sh
}

// written is a cell as a user would type it.
func written(s *Session, cell any) string {
	switch v := cell.(type) {
	case nil:
		return ""
	case time.Time:
		return clock(s, v)
	}
	return fmt.Sprint(cell)
}

func (sh sheet) text(noun string, id int64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s %d: change values, save and leave; what you do not change stays as it is\n", noun, id)
	for _, f := range sh.flags {
		value, _ := yaml.Marshal(sh.was[f.Name])
		fmt.Fprintf(&b, "# %s\n%s: %s", f.Help, strings.ReplaceAll(f.Name, "-", "_"), value)
	}
	return b.String()
}

// save writes what the text has changed, if nobody else has changed the record meanwhile.
func (sh sheet) save(ctx context.Context, s *Session, id int64, text string) (Output, error) {
	var is map[string]string
	if err := yaml.Unmarshal([]byte(text), &is); err != nil {
		return Output{}, &worded{"the text is not YAML: nothing was changed", strings.TrimPrefix(err.Error(), "yaml: "), repo.ErrInvalid}
	}
	line := []string{fmt.Sprint(id)}
	var differences []string
	for _, f := range sh.flags {
		value, there := is[strings.ReplaceAll(f.Name, "-", "_")]
		if !there || value == sh.was[f.Name] {
			continue
		}
		line = append(line, "--"+f.Name, Quote(value))
		differences = append(differences, fmt.Sprintf("%s: %s → %s", f.Name, cmp.Or(sh.was[f.Name], "--"), cmp.Or(value, "--")))
	}
	for key := range is {
		if _, ok := findFlag(sh.flags, key); !ok {
			return Output{}, &worded{fmt.Sprintf("there is no field %s: nothing was changed", show(key)), "", repo.ErrInvalid}
		}
	}
	if len(differences) == 0 {
		return Output{Message: "nothing was changed"}, nil
	}
	words, err := Split(strings.Join(line, " "))
	if err != nil {
		return Output{}, err
	}
	in, err := sh.update.Parse(s, words)
	if err != nil {
		return Output{}, err
	}
	if err := s.Confirm(ctx, strings.Join(differences, "\n")+"\nsave?"); err != nil {
		return Output{}, err
	}
	in.values[since] = sh.at
	return sh.update.Run(ctx, s, in)
}
