package commands

import (
	"reflect"
	"slices"
	"testing"

	"crm/repo"
)

// An argument of a view is one value, whatever it contains.
func TestSubstitute(t *testing.T) {
	table := All()
	for _, test := range []struct {
		command string
		args    []string
		want    []string // the words after the command's name; nil: it is refused
	}{
		{"customer list --search $1", []string{"--deleted"}, []string{"--search", "--deleted"}},
		{"customer list --search=$1", []string{"x --deleted"}, []string{"--search=x --deleted"}},
		{"customer list --search '$1 and $2'", []string{"$2", "b"}, []string{"--search", "$2 and b"}},
		{"find $@", []string{"a b", "> c"}, []string{"a b > c"}},
		{"customer get $1", []string{"#1; exit"}, []string{"#1; exit"}},
		{
			`contract list --where "total_amount > $1 or status = '$2'"`,
			[]string{"5", "x' or id > 0"},
			[]string{"--where", `total_amount > '5' or status = "x' or id > 0"`},
		},
		{`contract list --where "total_amount > $1"`, []string{`'"`}, nil},
	} {
		words, err := Split(test.command)
		if err != nil {
			t.Fatal(err)
		}
		c, isNamed := table.named(words[0].Value)
		rest := words[1:]
		if !isNamed {
			c, _ = table.named(joinValues(words[:2]))
			rest = words[2:]
		}
		filled, err := c.substitute(rest, test.args)
		if (err != nil) != (test.want == nil) {
			t.Errorf("%s: %v", test.command, err)
			continue
		}
		if got := values(filled); test.want != nil && !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.command, got, test.want)
		}
		flags := slices.DeleteFunc(slices.Clone(filled), func(w Word) bool { return !w.IsFlag() })
		if before := slices.DeleteFunc(rest, func(w Word) bool { return !w.IsFlag() }); err == nil &&
			len(flags) != len(before) {
			t.Errorf("%s: has the flags %q", test.command, values(flags))
		}
		again, err := Split(joinRaw(filled))
		if err != nil || !slices.Equal(values(again), values(filled)) {
			t.Errorf("%s: as a line %q, %v", test.command, values(again), err)
		}
	}
}

// Flags on the line of the user replace those of the view.
func TestWithout(t *testing.T) {
	c, _ := All().named("customer list")
	words, err := Split("--limit 3 --mine --columns=id --search 'a b' --deleted")
	if err != nil {
		t.Fatal(err)
	}
	more, err := Split("--limit=1 --search c --deleted --columns id")
	if err != nil {
		t.Fatal(err)
	}
	if got := values(c.without(words, more)); !slices.Equal(got, []string{"--mine"}) {
		t.Errorf("left are %q", got)
	}
}

// The event of a view, which leaves the company's machines, does not hold its command.
func TestViewEvents(t *testing.T) {
	out := viewDone(repo.View{ID: 3, Name: "lou", Command: "find lou"}, "saved", "saved: find lou")
	if want := []Event{{"view saved", LevelInfo, "view", 3}}; !reflect.DeepEqual(out.Events, want) {
		t.Errorf("%+v", out.Events)
	}
}
