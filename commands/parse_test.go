package commands

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"crm/repo"
	"crm/security"
)

// The language is tested on a farm, because it knows no entity.

func farmTable() Table {
	echo := func(_ context.Context, _ *Session, in Input) (Output, error) {
		return Output{
			Columns: []Column{{Name: "id"}, {Name: "name"}},
			Rows:    [][]any{{int64(7), "Dolly"}, {int64(8), in.Has("id")}},
		}, nil
	}
	id := Arg{Name: "id", Kind: ID, Help: "the animal's number"}
	return Table{
		{
			Name: "login", Short: "Sign in", Args: []Arg{{Name: "email", Kind: Required(Email), Help: "your address"}},
			Needs: security.Public, Run: echo,
		},
		{
			Name: "animal list", Short: "List animals", Needs: "animal.view", Run: echo,
			Flags: []Flag{
				{Name: "mine", Aliases: []string{"assigned"}, Kind: Switch, Help: "only your own"},
				{Name: "kind", Kind: Enum("KIND", "cow", "sheep", "goat"), Help: "only of this kind"},
				{Name: "search", Kind: Text(255), Help: "only with this text"},
				{Name: "columns", Kind: Columns("id", "name", "weight"), Help: "what to print"},
			},
			Examples: []string{"animal list --mine", "animal list --kind cow --format json"},
		},
		{
			Name: "animal add", Short: "Add an animal", Needs: "animal.add", Run: echo,
			Args: []Arg{
				{Name: "name", Kind: Required(Text(100)), Help: "what it is called"},
				{Name: "owner-name", Kind: Text(100), Help: "whose it is", Optional: true},
			},
			Flags: []Flag{
				{Name: "pen-name", Aliases: []string{"nickname"}, Kind: Text(20), Help: "what it writes under"},
				{Name: "email", Kind: Email, Help: "where to write to it"},
				{Name: "phone", Kind: Phone, Help: "where to call it"},
				{Name: "born", Kind: Moment, Help: "when"},
				{Name: "fee", Kind: Amount, Help: "what it costs"},
				{Name: "legs", Kind: Count, Help: "how many"},
			},
		},
		{
			Name: "animal feed", Short: "Feed an animal", Needs: "animal.feed", Run: echo,
			Args:  []Arg{id, {Name: "amount", Kind: Payment, Help: "what it gets"}},
			Flags: []Flag{{Name: "on", Kind: Day, Help: "when"}},
		},
		{
			Name: "animal delete", Short: "Delete an animal", Args: []Arg{id}, Needs: "animal.delete",
			Destructive: true, Run: echo,
		},
		{Name: "barn list", Short: "List barns", Needs: "barn.view", Run: echo},
		{Name: "barn burn", Short: "Burn a barn", Needs: "barn.burn", Run: echo},
		{
			Name: "watch", Short: "Repeat a command", Needs: security.SignedIn, Run: echo,
			Args: []Arg{
				{Name: "seconds", Kind: Number("SECONDS", 1, 3600), Optional: true, Help: "how often"},
				{Name: "command", Kind: Line, Help: "what"},
			},
		},
		{
			Name: "source", Short: "Run a script", Args: []Arg{{Name: "file", Kind: Path}}, Needs: security.Public,
			Run: echo,
		},
		{
			Name: "help", Short: "Explain commands", Args: []Arg{{Name: "noun", Kind: Token("NOUN"), Optional: true}},
			Needs: security.Public, Run: echo,
		},
	}
}

// farmSession is that of a shepherd in Paris at noon on 2026-03-26, who may not feed animals.
func farmSession(t testing.TB) *Session {
	t.Helper()
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	return &Session{
		Me: &repo.User{Role: "shepherd"},
		Matrix: security.Matrix{
			"animal.view": security.All, "animal.add": security.Own, "animal.delete": security.Own,
			"barn.view": security.All,
		},
		Locale: Locale{
			Zone: paris, Region: "FR",
			Now: func() time.Time { return time.Date(2026, 3, 26, 11, 0, 0, 0, time.UTC) },
		},
		Table: farmTable(),
	}
}

func parseLine(s *Session, line string) (Input, error) {
	words, err := Split(line)
	if err != nil {
		return Input{}, err
	}
	c, rest, err := s.Table.Find(s, words, false)
	if err != nil {
		return Input{}, err
	}
	return c.Parse(s, rest)
}

func TestParse(t *testing.T) {
	s := farmSession(t)
	type values = map[string]any
	for line, want := range map[string]values{
		"animal list":                                  {},
		"animal list --mine --kind cow":                {"mine": true, "kind": "cow"},
		"animal list --assigned":                       {"mine": true},
		"animal list --search=--mine":                  {"search": "--mine"},
		"animal list --search '--mine'":                {"search": "--mine"},
		"animal list --search -1":                      {"search": "-1"},
		"animal list --search=a=b":                     {"search": "a=b"},
		"animal list --search ''":                      {"search": ""},
		"animal list --search=":                        {"search": ""},
		"animal list --columns name,id --format json":  {"columns": []string{"name", "id"}, "format": "json"},
		"animal add Dolly":                             {"name": "Dolly"},
		"animal add --pen_name D Dolly":                {"name": "Dolly", "pen-name": "D"},
		"animal add --nickname=D Dolly Ian":            {"name": "Dolly", "owner-name": "Ian", "pen-name": "D"},
		"animal add -- --mine":                         {"name": "--mine"},
		"animal add '--help'":                          {"name": "--help"},
		"animal add -1":                                {"name": "-1"},
		"animal add Dolly --email a@b.example --fee 0": {"name": "Dolly", "email": "a@b.example", "fee": repo.Money(0)},
		"animal add Dolly --fee '1 200,50' --legs 4":   {"name": "Dolly", "fee": repo.Money(120050), "legs": 4},
		"animal feed 7 12":                             {"id": int64(7), "amount": repo.Money(1200)},
		"animal delete 7 --yes":                        {"id": int64(7), "yes": true},
		"watch animal list --mine":                     {"command": "animal list --mine"},
		"watch 5 animal add 'a  b' --legs 4":           {"seconds": 5, "command": "animal add 'a  b' --legs 4"},
	} {
		in, err := parseLine(s, line)
		if err != nil || !reflect.DeepEqual(in.values, want) {
			t.Errorf("%s: %+v, %v; want %+v", line, in.values, err, want)
		}
	}
}

func TestParseUsage(t *testing.T) {
	s := farmSession(t)
	const addUsage = "usage: animal add NAME [OWNER_NAME] [--pen-name TEXT] [--email EMAIL] [--phone PHONE] " +
		"[--born DATE] [--fee AMOUNT] [--legs N]"
	for line, want := range map[string][2]string{
		"animal add": {"animal add needs NAME", addUsage},
		"animal feed": {
			"animal feed needs ID and AMOUNT",
			"usage: animal feed ID AMOUNT [--on DATE]",
		},
		"watch": {"watch needs COMMAND", "usage: watch [SECONDS] COMMAND"},
		"animal delete 7 8": {
			`animal delete has no use for "8"`,
			"usage: animal delete ID [--yes]",
		},
		"animal delete 7 --yes 8": {`animal delete has no use for "8"`, "usage: animal delete ID [--yes]"},
		"animal list --search a cow b --mine": {
			`animal list has no use for "cow"`,
			"a value with spaces needs quotes: --search 'a cow b'",
		},
		"animal list --search=a cow": {
			`animal list has no use for "cow"`,
			"a value with spaces needs quotes: --search 'a cow'",
		},
		"animal list --search a; animal list": {
			`animal list has no use for "animal"`,
			"a ; does not begin another command: write one command on a line",
		},
		"animal list --kind a cow": {
			`animal list has no use for "cow"`,
			"usage: animal list [--mine] [--kind KIND] [--search TEXT] [--columns COLUMN,…]",
		},
		"animal add Dolly Ian Wilmut": {`animal add has no use for "Wilmut"`, "a value with spaces needs quotes"},
		"animal feed 7 5 tomorrow":    {`animal feed has no use for "tomorrow"`, "usage: animal feed ID AMOUNT [--on DATE]"},
		"animal list --mine 7": {
			`animal list has no use for "7"`,
			"usage: animal list [--mine] [--kind KIND] [--search TEXT] [--columns COLUMN,…]",
		},
		"barn list 7":                       {`barn list has no use for "7"`, "usage: barn list"},
		"animal list --kind":                {"--kind needs a value: --kind KIND", ""},
		"animal list --kind --mine":         {"--kind needs a value: --kind KIND", ""},
		"animal list --kind -- cow":         {"--kind needs a value: --kind KIND", ""},
		"animal list --mine=true":           {"--mine takes no value", ""},
		"animal list --mine --assigned":     {"--mine is given twice", ""},
		"animal list --kind cow --kind cow": {"--kind is given twice", ""},
		"animal list --kimd cow":            {`unknown flag "--kimd": did you mean --kind?`, ""},
		"animal add D --pen_nam=x":          {`unknown flag "--pen_nam": did you mean --pen-name?`, ""},
		"animal add D --password=Secret1!":  {`unknown flag "--password"`, addUsage},
		"animal list --yes": {
			`unknown flag "--yes"`,
			"usage: animal list [--mine] [--kind KIND] [--search TEXT] [--columns COLUMN,…]",
		},
		"animal list --=x": {
			`unknown flag "--"`,
			"usage: animal list [--mine] [--kind KIND] [--search TEXT] [--columns COLUMN,…]",
		},
		"custmer list":      {`unknown command "custmer"`, `"help" lists the commands`},
		"animl list":        {`unknown command "animl": did you mean animal?`, ""},
		"Animal list":       {`unknown command "Animal": did you mean animal?`, ""},
		"animal lsit":       {`unknown command "animal lsit": did you mean animal list?`, ""},
		"animal del 7":      {`unknown command "animal del": did you mean animal delete?`, ""},
		"animal list —mine": {`animal list has no use for "—mine"`, "a flag begins with two hyphens: --mine"},
		"delete 7":          {`unknown command "delete": did you mean animal delete?`, ""},
		"barn delete 7":     {`unknown command "barn delete": did you mean animal delete?`, ""},
		"list":              {`unknown command "list"`, "a noun comes first: animal list or barn list"},
		"animal fed 7":      {`unknown command "animal fed"`, `"help" lists the commands`},
		"animal":            {"animal needs a verb: list, add or delete", ""},
		"animal --mine":     {"animal needs a verb: list, add or delete", ""},
		"barn":              {"barn needs a verb: list", ""},
		"''":                {`unknown command ""`, `"help" lists the commands`},
		"'\u202e" + strings.Repeat("x", 99) + "'": {
			`unknown command "\u202e` + strings.Repeat("x", 59) + `"…`,
			`"help" lists the commands`,
		},
	} {
		in, err := parseLine(s, line)
		text, hint := Describe(err)
		if !reflect.DeepEqual(in, Input{}) || text != want[0] || hint != want[1] || !errors.Is(err, ErrUsage) {
			t.Errorf("%s:\n got %q, %q\nwant %q, %q", line, text, hint, want[0], want[1])
		}
	}
}

func TestParseGathersInvalidValues(t *testing.T) {
	_, err := parseLine(farmSession(t),
		"animal add ' ' --email x --phone y --fee -1 --legs many --born 2026-02-30 --format xml")
	want := repo.Invalid{Problems: []repo.Problem{
		{Field: "NAME", Text: "may not be empty"},
		{Field: "--email", Text: "want an address like ada@example.com"},
		{Field: "--phone", Text: "want a phone number, with + and the country code if it is abroad"},
		{Field: "--fee", Text: "-1.00 is too little: at least 0.00 is possible"},
		{Field: "--legs", Text: "want a whole number from 0 to 1000000000"},
		{Field: "--born", Text: "there is no day 2026-02-30"},
		{Field: "--format", Text: "want table, vertical, json, ndjson, csv, tsv, markdown, xlsx, vcard or ics"},
	}}
	if !reflect.DeepEqual(err, error(want)) || ExitStatus(err) != StatusRefused {
		t.Errorf("got %v; want %v", err, want)
	}
}

func TestParseHelpHidesMistakes(t *testing.T) {
	for _, line := range []string{
		"animal add --help", "animal feed x y z --help --nonsense",
		"animal list --kind --help",
	} {
		if in, err := parseLine(farmSession(t), line); !in.Help || err != nil {
			t.Errorf("%s: %+v, %v; want help", line, in, err)
		}
	}
}

func TestFindAbbreviations(t *testing.T) {
	s := farmSession(t)
	for line, want := range map[string]string{
		"an l":     "animal list",
		"an de 7":  "animal delete",
		"a f 7 12": "animal feed", // not permitted, and found all the same
		"b l":      "barn list",   // burn is not permitted
		"bar bu":   "barn burn",
		"animal":   "animal needs a verb: list, add or delete",
		"l":        "login",
		"":         "no command",
		"x":        `unknown command "x"`,
	} {
		words, err := Split(line)
		if err != nil {
			t.Fatal(err)
		}
		c, _, err := s.Table.Find(s, words, true)
		if got := c.Name + message(err); got != want {
			t.Errorf("%s: %s; want %s", line, got, want)
		}
	}
	s.Matrix["barn.burn"] = security.All
	s.Matrix["barn.buy"] = security.All
	s.Table = append(s.Table, Command{Name: "barn buy", Needs: "barn.buy"})
	words := []Word{{Value: "barn"}, {Value: "bu"}}
	if _, _, err := s.Table.Find(s, words, true); message(err) != `"barn bu" may be barn burn or buy` {
		t.Errorf("ambiguous: %v", err)
	}
}

func TestInput(t *testing.T) {
	in := Input{values: map[string]any{"name": "", "mine": true}}
	if Value[string](in, "name") != "" || *Given[string](in, "name") != "" || !Value[bool](in, "mine") ||
		!in.Has("name") {
		t.Error("a given value is not seen")
	}
	if Given[string](in, "email") != nil || Value[int64](in, "id") != 0 || in.Has("email") {
		t.Error("a value that was not given is seen")
	}
	defer func() {
		if recover() == nil {
			t.Error("a value of another type is taken for none")
		}
	}()
	Value[int64](in, "name")
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func FuzzParse(f *testing.F) {
	for _, seed := range hostile() {
		f.Add(seed)
	}
	s := farmSession(f)
	lines := []string{
		"", "animal ", "animal list ", "animal list --kind ", "animal list --search=", "animal add ",
		"animal add Dolly --born ", "animal add Dolly --phone ", "animal feed 7 ", "animal delete ", "watch ",
		"source ", "help ",
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, line := range lines {
			for _, end := range []string{text, Quote(text)} {
				in, err := parseLine(s, line+end)
				if err != nil && !Readable(err) {
					t.Errorf("%q: %v is not readable", line+end, err)
				}
				if kept := Value[string](Input{values: onlyStrings(in)}, "search"); strings.ContainsFunc(kept, hidden) {
					t.Errorf("%q is kept", kept)
				}
				s.Table.Complete(s, line+end)
			}
		}
	})
}

func onlyStrings(in Input) map[string]any {
	kept := map[string]any{}
	for name, value := range in.values {
		if text, ok := value.(string); ok {
			kept[name] = text
		}
	}
	return kept
}

// A line of a megabyte takes a fraction of a second; were anything quadratic, it would take hours.
func TestParseLongLines(t *testing.T) {
	s := farmSession(t)
	const length = 1 << 17
	for _, part := range []string{"a ", "'", `\`, "--mine ", "--x", "e\u0301", "9", "a@", "id,", "watch "} {
		text := strings.Repeat(part, length/len(part))
		for _, line := range []string{text, "animal list --columns " + text, "animal add '" + text + "' --phone " +
			text, "watch " + text} {
			_, err := parseLine(s, line)
			if text, hint := Describe(err); len(text) > 2000 || len(hint) > 2000 {
				t.Errorf("%.20q…: the message has %d characters, the hint %d", line, len(text), len(hint))
			}
			s.Table.Complete(s, line)
		}
	}
}
