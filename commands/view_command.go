package commands

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"crm/repo"
)

// This file puts arguments in place of $1 … when a view runs. An argument becomes one value of the command, whatever it
// contains: it is never split into words again, is never a flag, and in a condition of --where it is a text in quotes.

// placeholder is $1 to $9, or $@ for all arguments with blanks between them.
var placeholder = regexp.MustCompile(`\$[1-9@]`)

// view returns the words of the command that "view NAME ARG… --flag …" stands for.
func (s *Session) view(ctx context.Context, rest []Word) ([]Word, error) {
	if len(rest) == 0 || rest[0].IsFlag() {
		return nil, usagef("view needs NAME: view list lists them")
	}
	v, err := s.viewNamed(ctx, strings.ToLower(rest[0].Value))
	if err != nil {
		return nil, err
	}
	args, more := argumentsOf(rest[1:])
	if args, err = s.askArguments(ctx, v, args); err != nil {
		return nil, err
	}
	if err := checkArguments(v, args, len(more) > 0); err != nil {
		return nil, err
	}
	c, own, err := s.commandOf(v.Command)
	if err != nil {
		return nil, err
	}
	t, _, err := c.trespass(s, own)
	if err != nil {
		return nil, err
	}
	if t.what != "" {
		return nil, usagef("the view %s cannot run %s: %s", v.Name, t.what, t.why)
	}
	name, err := Split(c.Name)
	if err != nil {
		return nil, err
	}
	if own, err = c.substitute(c.without(own, more), args); err != nil {
		return nil, err
	}
	for i, w := range own {
		if text := dollarsBack.Replace(w.Value); text != w.Value {
			own[i] = Word{Value: text, Raw: Quote(text), Quoted: true}
		}
	}
	return slices.Concat(name, own, more), nil
}

// commandOf returns the command that a view stands for and the words after its name. A dollar sign that begins no
// placeholder is put aside, see dollarsAside.
func (s *Session) commandOf(view string) (Command, []Word, error) {
	words, err := Split(dollarsAside.Replace(view))
	if err != nil {
		return Command{}, nil, err
	}
	return s.Table.Find(s, words, false)
}

// argumentsOf splits the words after the name of a view into its arguments and the flags that are added to its command.
// Behind -- everything is an argument.
func argumentsOf(words []Word) (args []string, more []Word) {
	flags := slices.IndexFunc(words, Word.IsFlag)
	switch {
	case flags < 0:
		return values(words), nil
	case words[flags].Value == "--":
		return values(slices.Delete(slices.Clone(words), flags, flags+1)), nil
	}
	return values(words[:flags]), words[flags:]
}

// \$ in the command of a view is a dollar sign and begins no placeholder. dollarsAside puts a character in its place
// that no text has, of Unicode's private use, and dollarsBack the dollar sign.
var (
	dollarsAside = strings.NewReplacer(`\$`, "\uE024")
	dollarsBack  = strings.NewReplacer("\uE024", "$")
)

// placeholders returns the highest number of a placeholder in a command, and whether $@ is one.
func placeholders(command string) (most int, all bool) {
	for _, mark := range placeholder.FindAllString(dollarsAside.Replace(command), -1) {
		if n, err := strconv.Atoi(mark[1:]); err == nil {
			most = max(most, n)
		} else {
			all = true
		}
	}
	return most, all
}

// askArguments asks for the arguments that a typed line leaves out.
func (s *Session) askArguments(ctx context.Context, v repo.View, args []string) ([]string, error) {
	most, all := placeholders(v.Command)
	if all {
		most = max(most, 1)
	}
	if !s.Typed || s.Ask == nil || len(args) >= most {
		return args, nil
	}
	blanks := make([]Blank, most-len(args))
	for i := range blanks {
		mark := fmt.Sprintf("$%d", len(args)+i+1)
		if n, _ := placeholders(v.Command); n <= len(args)+i {
			mark = "$@"
		}
		blanks[i] = Blank{Label: mark, Help: "in " + v.Command, Kind: s.placeFor(mark, v.Command)}
		blanks[i].Set = func(ctx context.Context, text string) (string, error) { return blanks[i].set(ctx, s, text) }
	}
	if err := s.Ask(ctx, Command{Name: "view " + v.Name, Short: v.Command}, blanks); err != nil {
		return nil, err
	}
	for _, b := range blanks {
		args = append(args, joinValues(b.words))
	}
	return args, nil
}

// checkArguments returns the error of too few or too many arguments.
func checkArguments(v repo.View, args []string, withFlags bool) error {
	most, all := placeholders(v.Command)
	hint := "its command is: " + v.Command
	if withFlags {
		hint += "\nits arguments come before flags"
	}
	switch {
	case all && len(args) == 0 && most == 0:
		return usageHint(hint, "view %s needs $@: one value or more", v.Name)
	case len(args) < most:
		return usageHint(hint, "view %s needs $%d", v.Name, len(args)+1)
	case len(args) > most && !all:
		return usageHint(hint, "view %s has no use for %s", v.Name, show(args[most]))
	}
	return nil
}

// substitute puts arguments in place of placeholders. A word with a placeholder stays one word, and is no flag unless
// it was one.
func (c Command) substitute(words []Word, args []string) ([]Word, error) {
	var kind Kind // of the next word, if it is the value of a flag
	filled := slices.Clone(words)
	for i, w := range words {
		switch name, value, assigned := strings.Cut(w.Value, "="); {
		case !w.IsFlag():
			text, err := kind.substitute(w.Value, args)
			if err != nil {
				return nil, err
			}
			if kind = (Kind{}); text != w.Value {
				filled[i] = Word{Value: text, Raw: Quote(text), Quoted: true}
			}
		case assigned:
			f, _ := findFlag(c.AllFlags(), name[len("--"):])
			text, err := f.Kind.substitute(value, args)
			if err != nil {
				return nil, err
			}
			if text != value {
				filled[i] = Word{Value: name + "=" + text, Raw: name + "=" + Quote(text)}
			}
		default:
			f, _ := findFlag(c.AllFlags(), name[len("--"):])
			kind = f.Kind
		}
	}
	return filled, nil
}

// substitute puts arguments in place of the placeholders of a value.
func (k Kind) substitute(value string, args []string) (string, error) {
	if k.Clauses != nil {
		return substituteWhere(value, args)
	}
	return placeholder.ReplaceAllStringFunc(value, func(mark string) string { return argument(mark, args) }), nil
}

func argument(mark string, args []string) string {
	if n, err := strconv.Atoi(mark[1:]); err == nil {
		return args[n-1]
	}
	return strings.Join(args, " ")
}

// substituteWhere puts arguments in place of the placeholders of a condition, each part with one as a text in quotes.
func substituteWhere(condition string, args []string) (string, error) {
	parts, _ := splitWhere(condition)
	var b strings.Builder
	end := 0
	for _, p := range parts {
		if !placeholder.MatchString(p.text) {
			continue
		}
		text := placeholder.ReplaceAllStringFunc(p.text, func(mark string) string { return argument(mark, args) })
		quote := "'"
		if strings.Contains(text, quote) {
			quote = `"`
		}
		if strings.Contains(text, quote) {
			return "", repo.Invalid{Problems: []repo.Problem{{
				Field: "ARG", Text: `a value of a condition cannot have both ' and "`,
			}}}
		}
		b.WriteString(condition[end:p.at] + quote + text + quote)
		end = p.end
	}
	return b.String() + condition[end:], nil
}

// without returns the words without the flags that more has too: those on the line of the user count.
func (c Command) without(words, more []Word) []Word {
	flags := c.AllFlags()
	given := func(w Word) (Flag, bool) {
		if !w.IsFlag() || w.Value == "--" {
			return Flag{}, false
		}
		name, _, _ := strings.Cut(w.Value[len("--"):], "=")
		return findFlag(flags, name)
	}
	again := map[string]bool{}
	for _, w := range more {
		if f, ok := given(w); ok {
			again[f.Name] = true
		}
	}
	var kept []Word
	for i := 0; i < len(words); i++ {
		f, ok := given(words[i])
		switch {
		case !ok || !again[f.Name]:
			kept = append(kept, words[i])
		case !f.Kind.IsSwitch() && !strings.Contains(words[i].Value, "="):
			i++ // its value
		}
	}
	return kept
}
