package commands

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestUsage(t *testing.T) {
	for name, want := range map[string]string{
		"animal list":   "animal list [--mine] [--kind KIND] [--search TEXT] [--columns COLUMN,…]",
		"animal feed":   "animal feed ID AMOUNT [--on DATE]",
		"animal delete": "animal delete ID [--yes]",
		"watch":         "watch [SECONDS] COMMAND",
	} {
		c, _ := farmTable().named(name)
		if got := c.Usage(); got != want {
			t.Errorf("%s: %s; want %s", name, got, want)
		}
	}
}

func TestHelp(t *testing.T) {
	s := farmSession(t)
	for words, want := range map[string]string{
		"": `A command is a noun and a verb, then what they need: customer get 12. Quote
values with spaces: "Kevin Casey". # starts a comment, \ at the end of a line
joins the next one, -- ends the flags. Dates: 2026-03-28 18:30, today, +3d.
--help explains any command; --format prints its answer as table, vertical,
json, ndjson, csv, tsv or markdown

Records
  animal  list add delete
  barn    list

Session
  login EMAIL              Sign in
  watch [SECONDS] COMMAND  Repeat a command
  source FILE              Run a script
  help [NOUN]              Explain commands
`,
		"an": `  animal list    List animals
  animal add     Add an animal
  animal delete  Delete an animal

help animal VERB explains one of them
`,
		"animal list": `List animals

  animal list [--mine] [--kind KIND] [--search TEXT] [--columns COLUMN,…]

  --mine              only your own (also --assigned)
  --kind KIND         only of this kind: cow, sheep, goat
  --search TEXT       only with this text
  --columns COLUMN,…  what to print: id, name, weight
  --format FORMAT     the format of the answer: table, vertical, json, ndjson,
                      csv, tsv, markdown, xlsx, vcard, ics
  --raw               csv, tsv: do not escape formulas
  --out FILE          write the answer to this file, formatted by its extension
  --force             with a file: replace it
  --excel             csv: with the separators that Excel expects in this locale
  --help              explain the command

Examples
  animal list --mine
  animal list --kind cow --format json
`,
		"animal add": `Add an animal

  animal add NAME [OWNER_NAME] [--pen-name TEXT] [--email EMAIL] [--phone PHONE]
    [--born DATE] [--fee AMOUNT] [--legs N]

  NAME             what it is called
  OWNER_NAME       whose it is
  --pen-name TEXT  what it writes under (also --nickname)
  --email EMAIL    where to write to it
  --phone PHONE    where to call it
  --born DATE      when
  --fee AMOUNT     what it costs
  --legs N         how many
  --format FORMAT  the format of the answer: table, vertical, json, ndjson, csv,
                   tsv, markdown, xlsx, vcard, ics
  --raw            csv, tsv: do not escape formulas
  --out FILE       write the answer to this file, formatted by its extension
  --force          with a file: replace it
  --excel          csv: with the separators that Excel expects in this locale
  --help           explain the command
`,
		"login": `Sign in

  login EMAIL

  EMAIL   your address
  --help  explain the command
`,
	} {
		got, err := s.Table.Help(s, strings.Fields(words))
		if got != want || err != nil {
			t.Errorf("help %s: %v\n%s\nwant\n%s", words, err, got, want)
		}
	}
}

// S14: help explains only what the session may use, and says why it does not explain the rest.
func TestHelpUnknown(t *testing.T) {
	s := farmSession(t)
	for words, want := range map[string]string{
		"animal feed": `"animal feed" is not permitted to the role shepherd`,
		"animal lst":  `unknown command "animal lst": did you mean animal list?`,
		"barn burn":   `"barn burn" is not permitted to the role shepherd`,
		"barn delete": `unknown command "barn delete": did you mean animal delete?`,
		"delete":      `unknown command "delete": did you mean animal delete?`,
		"nothing":     `unknown command "nothing"`,
		"login me":    `unknown command "login me"`,
	} {
		if text, err := s.Table.Help(s, strings.Fields(words)); text != "" || message(err) != want {
			t.Errorf("help %s: %q, %v; want %s", words, text, err, want)
		}
	}
}

// Help fits the terminal, however long names and texts are.
func TestHelpWidth(t *testing.T) {
	s := farmSession(t)
	s.Table = append(farmTable(), Command{
		Name: "barn paint", Short: strings.Repeat("colour ", 30), Needs: "barn.view",
		Args:  []Arg{{Name: "a-very-long-name-for-something", Kind: ID, Help: strings.Repeat("word ", 40)}},
		Flags: []Flag{{Name: strings.Repeat("x", 40), Kind: Text(1), Help: strings.Repeat("word ", 40)}},
	})
	for _, words := range [][]string{nil, {"animal"}, {"barn"}, {"animal", "add"}, {"barn", "paint"}} {
		text, err := s.Table.Help(s, words)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text) {
			if utf8.RuneCountInString(line) > helpWidth+1 {
				t.Errorf("help %v has a long line: %s", words, line)
			}
		}
	}
}

func TestReference(t *testing.T) {
	table := farmTable()[3:9]
	optional := func(name string) Arg { return Arg{Name: name, Optional: true} }
	table = append(table, Command{Name: "pipe", Short: "a|b", Args: []Arg{optional("x"), optional("y"), optional("z")}})
	const want = "### animal\n\n| command | what it does |\n|---|---|\n" +
		"| `animal feed ID AMOUNT [--on DATE]` | Feed an animal |\n" +
		"| `animal delete ID [--yes]` | Delete an animal |\n\n" +
		"### barn\n\n| command | what it does |\n|---|---|\n| `barn list` | List barns |\n" +
		"| `barn burn` | Burn a barn |\n\n" +
		"### conversation\n\n| command | what it does |\n|---|---|\n" +
		"| `watch [SECONDS] COMMAND` | Repeat a command |\n" +
		"| `source FILE` | Run a script |\n| `pipe [X [Y [Z]]]` | a\\|b |\n\n"
	if got := table.Reference(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
