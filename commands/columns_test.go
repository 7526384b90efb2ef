package commands_test

import (
	"slices"
	"strings"
	"testing"

	"crm/commands"
	"crm/repo"
)

// A flag or argument of an add or update that has no column of its name would be dropped without a word: changeOf takes
// those with a column's name. Those listed here are read by the commands themselves.
func TestFlagsHaveColumns(t *testing.T) {
	own := map[string][]string{
		"user add":        {"password-file"},
		"user update":     {"reassign-to"},
		"contract update": {"yes"},
		"customer add":    {"force"},
		"customer update": {"force"},
	}
	columns := map[string][]repo.Column{
		"customer": repo.ColumnsOf[repo.Customer](), "contact": repo.ColumnsOf[repo.Contact](),
		"contract": repo.ColumnsOf[repo.Contract](),
		"event":    repo.ColumnsOf[repo.Event](), "user": repo.ColumnsOf[repo.User](),
		"note": repo.ColumnsOf[repo.Note](),
	}
	checked := 0
	for _, noun := range repo.Nouns() {
		for _, verb := range []string{"add", "update"} {
			name := noun + " " + verb
			i := slices.IndexFunc(commands.All(), func(c commands.Command) bool { return c.Name == name })
			if i < 0 {
				t.Errorf("there is no %s", name)
				continue
			}
			c := commands.All()[i]
			var flags []string
			for _, a := range c.Args {
				flags = append(flags, a.Name)
			}
			for _, f := range c.Flags {
				if f.Name == "where" { // from here on the flags select many records
					break
				}
				flags = append(flags, f.Name)
			}
			for _, flag := range flags {
				column := strings.ReplaceAll(flag, "-", "_")
				if !slices.Contains(own[name], flag) &&
					!slices.ContainsFunc(columns[noun], func(c repo.Column) bool { return c.Name == column }) {
					t.Errorf("%s --%s sets no column of %s", name, flag, noun)
				}
				checked++
			}
		}
	}
	if checked < 25 {
		t.Errorf("only %d flags were checked", checked)
	}
}

// Every noun that is found, undone and kept on the trail can be shown, listed, changed and looked up in its history.
func TestNounsHaveVerbs(t *testing.T) {
	for _, noun := range repo.Nouns() {
		for _, verb := range []string{"get", "list", "add", "update", "history"} {
			if !slices.Contains(commands.All().Verbs(noun), verb) {
				t.Errorf("there is no %s %s", noun, verb)
			}
		}
	}
}
