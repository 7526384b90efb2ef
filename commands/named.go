package commands

// This file finds the records that a line gives by name instead of ID: customer get bouzin, event assign 46 kate.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"crm/repo"
	"crm/security/finding"
)

// mostListed is the number of records that the error of an ambiguous name lists.
const mostListed = 10

// A reference is a name in place of a record's ID, until resolve finds the record.
type reference string

// A mention is a name in place of an ID in a condition, until resolve finds the record.
type mention struct {
	kind Kind
	text string
}

// beginsName matches the beginning of a name: a letter, or a word of digits and letters such as 3M.
var beginsName = regexp.MustCompile(`^(\pL|\d+\pL[\pL\d]*( |$))`)

// refers reports whether the text may be a name and not a mistyped number.
func (k Kind) refers(text string) bool {
	return k.Noun != "" && k.Search != nil && beginsName.MatchString(text)
}

// resolve replaces the references of an input with IDs, and returns a line for each that says which record it is. It
// returns repo.ErrNotFound if no record has the name, and repo.ErrInvalid if several have it and the user does not
// choose one. A command that destroys or pays accepts a name only at the prompt, where it asks.
func (in Input) resolve(ctx context.Context, s *Session, c Command, typed bool) (named []string, err error) {
	for _, g := range in.given {
		if w, isWhere := in.values[g.name].(repo.Where); isWhere {
			found, err := resolveWhere(ctx, s, &w, typed)
			if err != nil {
				return nil, err
			}
			in.values[g.name], named = w, append(named, found...)
		}
		text, isReference := in.values[g.name].(reference)
		if !isReference {
			continue
		}
		if !typed && (c.Destructive || c.pays(in) && g.name == c.Args[0].Name) {
			return nil, usageHint("find "+Quote(string(text))+" shows it",
				"%s wants the number of the %s in a script, not %s", c.Name, g.kind.Noun, show(string(text)))
		}
		kind := g.kind
		if id, is := in.values["id"].(int64); is {
			kind = kind.behind(strconv.FormatInt(id, 10))
		}
		id, line, err := kind.identify(ctx, s, string(text), typed)
		if err != nil {
			return nil, err
		}
		in.values[g.name], named = id, append(named, line)
	}
	return named, nil
}

// namesRecord reports whether the record that the command is about is given by name.
func (in Input) namesRecord(c Command) bool {
	_, is := in.values[c.Args[0].Name].(reference)
	return is
}

// resolveWhere replaces the mentions of a condition with IDs; see resolve.
func resolveWhere(ctx context.Context, s *Session, w *repo.Where, typed bool) (named []string, err error) {
	w.Parts = slices.Clone(w.Parts)
	for i := range w.Parts {
		found, err := resolveWhere(ctx, s, &w.Parts[i], typed)
		if err != nil {
			return nil, err
		}
		named = append(named, found...)
	}
	m, isMention := w.Value.(mention)
	if !isMention {
		return named, nil
	}
	id, line, err := m.kind.identify(ctx, s, m.text, typed)
	if text, hint := Describe(err); errors.Is(err, repo.ErrNotFound) {
		column := strings.ReplaceAll(w.Column, "-", "_")
		if m.kind.Noun == "user" || m.kind.Noun == "contact" { // others are always there
			hint += "\n" + column + " is empty finds those without one"
		}
		err = &worded{"invalid --where: " + column + ": " + text, hint, err}
	}
	w.Value = id
	return append(named, line), err
}

// identify returns the ID of the record that the text names, and a line that says which record it is; see one.
func (k Kind) identify(ctx context.Context, s *Session, text string, typed bool) (id int64, line string, err error) {
	choice, err := k.one(ctx, s, text, typed)
	if err != nil {
		return 0, "", err
	}
	id, err = strconv.ParseInt(choice.Text, 10, 64)
	return id, fmt.Sprintf("%s %d: %s", k.Noun, id, choice.Help), err
}

// one returns the record that the text names. If there are several and the line was typed, it asks which.
func (k Kind) one(ctx context.Context, s *Session, text string, typed bool) (Choice, error) {
	if s.DB == nil || s.Me == nil {
		return Choice{}, forbidden(s, "")
	}
	text = strings.Join(strings.Fields(text), " ") // a line end in quotes is a blank
	found, err := k.Search(ctx, s, text)
	if err != nil {
		return Choice{}, err
	}
	if !strings.Contains(text, "@") { // an email is not in the line; words begin words there
		found = slices.DeleteFunc(found,
			func(c Choice) bool { return finding.Score(text, c.Help) < finding.MatchStart })
	}
	if exact := slices.DeleteFunc(slices.Clone(found),
		func(c Choice) bool { return !c.isNamed(text) }); len(exact) > 0 {
		found = exact
	}
	what := cmp.Or(k.Finds, k.Noun)
	switch {
	case len(found) == 0:
		hint := "find " + Quote(text) + " searches all records"
		if k.Finds == "deleted "+k.Noun {
			hint = k.Noun + " list --deleted shows the deleted ones"
		}
		return Choice{}, &worded{fmt.Sprintf("no %s fits %s", what, show(text)), hint, repo.ErrNotFound}
	case len(found) == 1:
		return found[0], nil
	case typed && s.Choose != nil:
		return s.Choose(ctx, fmt.Sprintf("%s is the name of several %ss", show(text), what), found)
	}
	lines := make([]string, 0, mostListed)
	for _, c := range found[:min(len(found), mostListed)] {
		lines = append(lines, c.Text+" "+c.Help)
	}
	more := ""
	if len(found) > mostListed {
		more = "; and more"
	}
	return Choice{}, &worded{fmt.Sprintf("%s fits several %ss: %s%s", show(text), what, strings.Join(lines, "; "),
		more), "give the number", repo.ErrInvalid}
}

// fits returns repo.ErrNotFound if the kind finds only some of the noun's records, and not the one with the ID.
func (k Kind) fits(ctx context.Context, s *Session, id int64) error {
	if k.Search == nil || slices.Contains([]string{"", k.Noun, "deleted " + k.Noun}, k.Finds) {
		return nil
	}
	number := strconv.FormatInt(id, 10)
	found, err := k.Search(ctx, s, number)
	if err != nil || slices.ContainsFunc(found, func(c Choice) bool { return c.Text == number }) {
		return err
	}
	return &worded{fmt.Sprintf("%s %d is no %s", k.Noun, id, k.Finds), "", repo.ErrNotFound}
}

// isNamed reports whether the text is the whole name of the choice, in any spelling and ignoring punctuation.
func (c Choice) isNamed(text string) bool {
	names := strings.FieldsFunc(c.Help, func(r rune) bool { return r == '—' || r == ',' })
	return slices.ContainsFunc(names, func(name string) bool { return sameWords(name, text) })
}

// sameWords reports whether two texts have the same words, in any spelling and ignoring punctuation.
func sameWords(a, b string) bool {
	return slices.ContainsFunc(finding.Spellings(a), func(a string) bool {
		return slices.ContainsFunc(finding.Spellings(b), func(b string) bool {
			return slices.Equal(finding.Words(a), finding.Words(b))
		})
	})
}

// id parses an ID, or returns the ID of the record that the text names.
func (k Kind) id(ctx context.Context, s *Session, text string) (int64, error) {
	value, err := k.Parse(s, text)
	if err == nil {
		return value.(int64), nil
	}
	if !k.refers(text) {
		return 0, repo.Invalid{Problems: []repo.Problem{{Field: "ID", Text: err.Error()}}}
	}
	choice, err := k.one(ctx, s, text, s.Typed)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(choice.Text, 10, 64)
}
