package commands

// This file writes a record as the text that a user edits, and saves what has changed in it.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"crm/repo"
)

// A sheet is the editable part of a record as text.
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
		if f, ok := findFlag(update.Flags, c.Name); ok && !f.Selects && !f.Kind.IsSwitch() {
			sh.flags = append(sh.flags, f)
			sh.was[f.Name] = written(s, record.Rows[0][i])
		}
	}
	return sh
}

// permitted returns an error if the user may not change the record. It tries an update that changes nothing.
func (sh sheet) permitted(ctx context.Context, s *Session, id int64) error {
	for _, f := range sh.flags {
		words, err := Split(fmt.Sprintf("%d --%s %s", id, f.Name, Quote(sh.was[f.Name])))
		if err != nil || sh.was[f.Name] == "" {
			continue
		}
		if in, err := sh.update.Parse(s, words); err == nil {
			return s.rehearse(ctx, sh.update, in)
		}
	}
	return nil
}

// written returns a cell as a user would type it.
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
		fmt.Fprintf(&b, "# %s\n%s: %s", f.Help, strings.ReplaceAll(f.Name, "-", "_"), inYAML(sh.was[f.Name]))
	}
	return b.String()
}

// inYAML returns a value with its line end. The encoder writes characters beyond 16 bits, such as emoji, as escapes,
// and then all lines as one; a text of which all characters are visible is written as it is.
func inYAML(value string) string {
	encoded, _ := yaml.Marshal(value)
	isVisible := func(r rune) bool { return r == '\n' || unicode.IsPrint(r) }
	hidden := strings.ContainsFunc(value, func(r rune) bool { return !isVisible(r) })
	isBeyond := func(r rune) bool { return r > 0xffff }
	if hidden || strings.HasSuffix(value, "\n") || !strings.ContainsFunc(value, isBeyond) {
		return string(encoded)
	}
	if !strings.Contains(value, "\n") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + "\"\n"
	}
	return "|2-\n  " + strings.ReplaceAll(value, "\n", "\n  ") + "\n"
}

// declined wraps the error of the question whether to save: the user answered no, or pressed Ctrl-C.
type declined struct{ error }

func (d declined) Unwrap() error { return d.error }

// save updates the record with the changed values of the text. It fails if somebody else has changed the record
// meanwhile.
func (sh sheet) save(ctx context.Context, s *Session, id int64, text string) (Output, error) {
	var is map[string]string // null is an empty text
	if err := yaml.Unmarshal([]byte(withoutErrors(text)), &is); err != nil {
		return Output{}, &worded{
			"the text is not YAML: nothing was changed", strings.TrimPrefix(err.Error(), "yaml: "),
			repo.ErrInvalid,
		}
	}
	line := []string{fmt.Sprint(id)}
	var differences []string
	for _, f := range sh.flags {
		value, there := is[strings.ReplaceAll(f.Name, "-", "_")]
		if !there || value == sh.was[f.Name] {
			continue
		}
		line = append(line, "--"+f.Name, Quote(value))
		differences = append(differences,
			fmt.Sprintf("%s: %s → %s", f.Name, cmp.Or(sh.was[f.Name], "--"), cmp.Or(value, "--")))
	}
	for key := range is {
		if _, ok := findFlag(sh.flags, key); !ok {
			return Output{}, &worded{
				fmt.Sprintf("there is no field %s: nothing was changed", show(key)), "",
				repo.ErrInvalid,
			}
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
	for _, g := range in.given {
		one := in
		one.given = []binding{g}
		named, err := one.resolve(ctx, s, sh.update, true)
		if err != nil && (errors.Is(err, repo.ErrNotFound) || correctable(err)) {
			text, hint := Describe(err)
			return Output{}, &worded{fmt.Sprintf("invalid --%s: %s", g.name, text), hint, repo.ErrInvalid}
		}
		if err != nil {
			return Output{}, err
		}
		differences = append(differences, named...)
	}
	if err := s.Confirm(ctx, strings.Join(differences, "\n")+"\nsave?"); err != nil {
		return Output{}, declined{err}
	}
	in.values[since] = sh.at
	return sh.update.Run(ctx, s, in)
}
