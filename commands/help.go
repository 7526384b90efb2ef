package commands

// This file derives usage lines, help and the README's command reference from the table.

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const helpWidth = 80 // characters

// Usage returns the command's usage line: contract pay ID AMOUNT [--on DATE]. Optional arguments and flags are in
// brackets. Flags that every command has are left out.
func (c Command) Usage() string { return strings.Join(c.usageParts(), " ") }

func (c Command) usageParts() []string {
	parts := c.usageArgs()
	for _, f := range c.AllFlags() {
		if f.Required {
			parts = append(parts, f.usage())
		} else if f.Name == "yes" || slices.ContainsFunc(c.Flags, func(own Flag) bool { return own.Name == f.Name }) {
			parts = append(parts, "["+f.usage()+"]")
		}
	}
	return parts
}

// usageArgs returns the arguments of the usage line. Optional ones are nested at its end: set [NAME [VALUE]].
func (c Command) usageArgs() []string {
	parts := []string{c.Name}
	open := 0
	for i, a := range c.Args {
		part := a.label()
		if a.Kind.Rest {
			part += "…"
		}
		switch {
		case a.Optional && i+1 < len(c.Args) && !c.Args[i+1].Optional:
			part = "[" + part + "]"
		case a.Optional:
			part = "[" + part
			open++
		}
		parts = append(parts, part)
	}
	parts[len(parts)-1] += strings.Repeat("]", open)
	return parts
}

func (f Flag) usage() string {
	if f.Kind.IsSwitch() {
		return "--" + f.Name
	}
	return "--" + f.Name + " " + f.Kind.Name
}

// Help returns the help text for all commands that the session may use, for those of a noun, or for one. Lines have at
// most 80 characters. Words may be abbreviated; an unknown word is an ErrUsage. An alias is explained with its command.
func (t Table) Help(s *Session, words []string) (string, error) {
	all := t
	t = t.Allowed(s)
	if len(words) == 0 {
		return t.overview(s), nil
	}
	if line, ok := s.Aliases.find(words[0]); ok && len(words) == 1 {
		return all.aliasHelp(s, words[0], line)
	}
	noun, err := choose("", words[0], all.Nouns(), t.Nouns(), true)
	switch {
	case err != nil:
		return "", t.orVerb(err, words[0], words[0])
	case !slices.Contains(t.Nouns(), noun):
		return "", forbidden(s, noun)
	}
	name := noun
	if len(words) > 1 {
		verb, err := choose(noun+" ", words[1], all.Verbs(noun), t.Verbs(noun), true)
		name += " " + verb
		switch {
		case err != nil:
			return "", t.orVerb(err, noun+" "+words[1], words[1])
		case !slices.Contains(t.Verbs(noun), verb):
			return "", forbidden(s, name)
		}
	}
	if c, ok := t.named(name); ok && (len(words) > 1 || len(t.Verbs(noun)) == 0) {
		return c.help(s), nil
	}
	return t.nounHelp(noun), nil
}

// aliasHelp returns the help for an alias: its line, and the help for the command in it.
func (t Table) aliasHelp(s *Session, name, line string) (string, error) {
	words, err := Split(line)
	if err != nil {
		return "", err
	}
	c, _, err := t.Find(s, words, true)
	if err == nil && !s.May(c.Needs) {
		err = forbidden(s, c.Name)
	}
	return fmt.Sprintf("%s = %s\n\n", name, line) + c.help(s), err
}

const habits = `A command is a noun and a verb, then what they need: customer get 12.
Quote values with spaces: "Kevin Casey". # starts a comment, \ at the end of a line
joins the next one, -- ends the flags. Dates: 2026-03-28 18:30, today, +3d.
--help explains any command; --format prints its answer as `

func (t Table) overview(s *Session) string {
	var b strings.Builder
	writeWrapped(&b, "", "", strings.Fields(habits+oneOf(texts(Format.Values(s)))))
	nouns := slices.DeleteFunc(t.Nouns(), func(noun string) bool { return len(t.Verbs(noun)) == 0 })
	if len(nouns) > 0 {
		b.WriteString("\nRecords\n")
	}
	for _, noun := range nouns {
		writeColumns(&b, noun, strings.Join(t.Verbs(noun), " "), columnWidth(nouns))
	}
	t.writeSession(&b)
	return b.String()
}

func texts(choices []Choice) []string {
	all := make([]string, len(choices))
	for i, c := range choices {
		all[i] = c.Text
	}
	return all
}

func (t Table) writeSession(b *strings.Builder) {
	var usages []string
	session := slices.DeleteFunc(slices.Clone(t), func(c Command) bool { return c.Verb() != "" })
	for _, c := range session {
		usages = append(usages, strings.Join(c.usageArgs(), " "))
	}
	if len(session) > 0 {
		b.WriteString("\nSession\n")
	}
	for i, c := range session {
		writeColumns(b, usages[i], c.Short, columnWidth(usages))
	}
}

func (t Table) nounHelp(noun string) string {
	var b strings.Builder
	for _, c := range t {
		if c.Noun() == noun {
			writeColumns(&b, c.Name, c.Short, columnWidth(t.names(noun)))
		}
	}
	fmt.Fprintf(&b, "\nhelp %s VERB explains one of them\n", noun)
	return b.String()
}

func (t Table) names(noun string) []string {
	var names []string
	for _, c := range t {
		if c.Noun() == noun {
			names = append(names, c.Name)
		}
	}
	return names
}

func (c Command) help(s *Session) string {
	var b strings.Builder
	writeWrapped(&b, "", "", strings.Fields(c.Short))
	b.WriteString("\n")
	writeWrapped(&b, "  ", "    ", c.usageParts())
	var names, helps []string
	for _, a := range c.Args {
		names, helps = append(names, a.label()), append(helps, a.Help+explainValues(s, a.Kind))
	}
	for _, f := range c.AllFlags() {
		names, helps = append(names, f.usage()), append(helps, f.Help+explainValues(s, f.Kind)+explainAliases(f))
	}
	b.WriteString("\n")
	for i, name := range names {
		writeColumns(&b, name, helps[i], columnWidth(names))
	}
	if len(c.Examples) > 0 {
		b.WriteString("\nExamples\n")
	}
	for _, e := range c.Examples {
		b.WriteString("  " + e + "\n")
	}
	return b.String()
}

// explainValues lists the fixed values of a kind, unless they have explanations.
func explainValues(s *Session, k Kind) string {
	if k.Values == nil {
		return ""
	}
	plain := slices.DeleteFunc(slices.Clone(k.Values(s)), func(c Choice) bool { return c.Help != "" })
	if len(plain) == 0 {
		return ""
	}
	return ": " + strings.Join(texts(plain), ", ")
}

func explainAliases(f Flag) string {
	if len(f.Aliases) == 0 {
		return ""
	}
	return " (also --" + strings.Join(f.Aliases, ", --") + ")"
}

// columnWidth returns the width of the widest name, limited to leave room for the text beside it.
func columnWidth(names []string) int {
	const widest = 30
	width := 0
	for _, name := range names {
		width = max(width, utf8.RuneCountInString(name))
	}
	return min(width, widest)
}

// writeColumns writes a name and the text about it, beside it or, if the name is too wide, below it.
func writeColumns(b *strings.Builder, name, text string, width int) {
	const margin, gap = "  ", "  "
	lead := margin + name + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(name))) + gap
	indent := margin + strings.Repeat(" ", width) + gap
	if utf8.RuneCountInString(lead) > len(indent) {
		writeWrapped(b, margin, margin+margin, strings.Fields(name))
		lead = indent
	}
	writeWrapped(b, lead, indent, strings.Fields(text))
}

// writeWrapped writes parts with spaces between them. The first line begins with lead, the others with indent. A part
// is never broken.
func writeWrapped(b *strings.Builder, lead, indent string, parts []string) {
	line := lead
	for i, part := range parts {
		switch {
		case i == 0:
			line += part
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(part) > helpWidth:
			b.WriteString(line + "\n")
			line = indent + part
		default:
			line += " " + part
		}
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}

// Reference returns the table as Markdown, a section for each noun and one for the conversation.
func (t Table) Reference() string {
	var b strings.Builder
	for _, noun := range t.Nouns() {
		if len(t.Verbs(noun)) > 0 {
			t.writeSection(&b, noun, func(c Command) bool { return c.Noun() == noun })
		}
	}
	t.writeSection(&b, "conversation", func(c Command) bool { return len(t.Verbs(c.Noun())) == 0 })
	return b.String()
}

func (t Table) writeSection(b *strings.Builder, title string, in func(Command) bool) {
	fmt.Fprintf(b, "### %s\n\n| command | what it does |\n|---|---|\n", title)
	for _, c := range t {
		if in(c) {
			fmt.Fprintf(b, "| `%s` | %s |\n", strings.ReplaceAll(c.Usage(), "|", `\|`),
				strings.ReplaceAll(c.Short, "|", `\|`))
		}
	}
	b.WriteString("\n")
}
