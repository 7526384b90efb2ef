package commands

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// completed is a Completion as a test can compare it.
type completed struct {
	start int
	texts string // of the choices
	kind  string
	hint  string
}

func TestComplete(t *testing.T) {
	s := farmSession(t)
	s.Table = append(s.Table,
		Command{Name: "barn open", Short: "Open a barn", Needs: "barn.view", Args: []Arg{
			{Name: "name", Kind: Kind{Name: "NAME", Parse: Text(9).Parse, Values: func(*Session) []Choice {
				return []Choice{
					{"Big Red", "the oldest"},
					{"O'Hara's", "by the lake"},
					{"Étable", "milk"},
					{"red-roof", ""},
				}
			}}, Help: "which"},
		}},
		Command{Name: "barn visit", Short: "Visit a barn", Needs: "barn.view", Args: []Arg{
			{
				Name: "id", Kind: Kind{
					Name: "ID", Parse: ID.Parse,
					Live: func(context.Context, *Session) ([]Choice, error) { return nil, nil },
				}, Help: "which",
			},
		}, Flags: []Flag{{Name: "map", Kind: Path, Help: "where it is"}}},
		Command{
			Name: "barn note", Short: "Note it", Needs: "barn.view",
			Args: append(recordArgs(false), Arg{Name: "tag", Kind: tagName, Help: "a word"}),
		})
	const flags = "--mine --kind --search --columns --format --raw --out --force --excel --help"
	for before, want := range map[string]completed{
		"":                            {0, "login animal barn watch source help", "", ""},
		"  ":                          {2, "login animal barn watch source help", "", ""},
		"an":                          {0, "animal", "", ""},
		"  anml":                      {2, "animal", "", ""},
		"zebra ":                      {6, "", "", ""},
		"animal ":                     {7, "list add delete", "", ""},
		"an l":                        {3, "list", "", ""},
		"animal f":                    {7, "", "", ""}, // feed is not permitted
		"animal feed ":                {12, "", "", ""},
		"animal list ":                {12, flags, "", ""},
		"animal list -":               {12, flags, "", ""},
		"animal list --":              {12, flags, "", ""},
		"animal list --mi":            {12, "--mine", "", ""},
		"animal list --mine --m":      {19, "--columns --format", "", ""},
		"animal list --assigned --mi": {23, "", "", ""},
		"animal list --kind ":         {19, "cow sheep goat", "", "--kind KIND: only of this kind"},
		"animal list --kind sh":       {19, "sheep", "", ""},
		"animal list --kind=s":        {19, "sheep", "", ""},
		"animal list --kind='s":       {19, "sheep", "", ""},
		"animal list --kind=":         {19, "cow sheep goat", "", "--kind KIND: only of this kind"},
		"animal list --kind cow ": {
			23,
			"--mine --search --columns --format --raw --out --force --excel --help", "", "",
		},
		"animal list --mine=":         {12, "", "", ""},
		"animal list --nothing=x":     {12, "", "", ""},
		"animal list --columns na":    {22, "name", "", ""},
		"animal list --columns id,":   {22, "id,id id,name id,weight", "", ""},
		"animal list --columns id,we": {22, "id,weight", "", ""},
		"animal list -- --":           {15, "", "", ""},
		"animal list x y":             {14, "", "", ""},
		"animal add ":                 {11, "", "", "NAME: what it is called"},
		"animal add Dolly ": {
			17,
			"--pen-name --email --phone --born --fee --legs --format --raw --out --force --excel --help", "",
			"OWNER_NAME: whose it is",
		},
		"animal add Dolly --pen_":            {17, "--pen-name", "", ""},
		"animal add Dolly --born ":           {24, "today tomorrow +7d", "", "--born DATE: when"},
		"animal add Dolly --born to":         {24, "today tomorrow", "", ""},
		"animal add Dolly --born fri":        {24, "tomorrow", "", ""}, // the day that it means
		"animal delete 7 ":                   {16, "--yes --format --raw --out --force --excel --help", "", ""},
		"barn open ":                         {10, `'Big Red' O'Hara's Étable red-roof`, "", "NAME: which"},
		"barn open red":                      {10, `red-roof 'Big Red'`, "", ""},
		"barn open ETA":                      {10, "Étable", "", ""},
		`barn open "big r`:                   {10, "'Big Red'", "", ""},
		`barn open 'O`:                       {10, "O'Hara's", "", ""},
		"barn open lake":                     {10, "O'Hara's", "", ""},
		"barn open rf":                       {10, "red-roof", "", ""},
		"barn note c":                        {10, "customer contract", "", ""},
		"barn note event ":                   {16, "", "EVENT_ID", "RECORD_ID: its number, or words of its name"},
		"barn note customer ":                {19, "", "CUSTOMER_ID", "RECORD_ID: its number, or words of its name"},
		"barn note barn ":                    {15, "", "", "RECORD_ID: its number, or words of its name"},
		"barn note customer 2 ":              {21, "", "TAG", "TAG: a word"},
		"barn visit ":                        {11, "", "ID", "ID: which"},
		"barn visit --map ":                  {17, "", "FILE", "--map FILE: where it is"},
		"source ":                            {7, "", "FILE", "FILE: "},
		"source 'my ":                        {7, "", "FILE", ""},
		"watch ":                             {6, "login animal barn watch source help", "", "SECONDS: how often"},
		"watch an":                           {6, "animal", "", ""},
		"watch 5 an":                         {8, "animal", "", ""},
		"watch 5 animal list --kind=g":       {27, "goat", "", ""},
		"watch watch watch animal list --mi": {30, "--mine", "", ""},
		"animal list # --mi":                 {18, "", "", ""},
		`animal list \`:                      {13, "", "", ""},
		"animal \x00":                        {8, "", "", ""},
		"animal list --kind \\\ns":           {21, "sheep", "", ""},
	} {
		c := s.Table.Complete(s, before)
		got := completed{start: c.Start, texts: strings.Join(texts(c.Choices), " "), kind: c.Kind.Name, hint: c.Hint}
		if got != want {
			t.Errorf("%q:\n got %+v\nwant %+v", before, got, want)
		}
	}
}

func TestCompleteExplains(t *testing.T) {
	s := farmSession(t)
	for before, want := range map[string][]Choice{
		"b":                                  {{"barn", "list"}},
		"log":                                {{"login", "Sign in"}},
		"animal a":                           {{"add", "Add an animal"}},
		"animal list --se":                   {{"--search", "only with this text"}},
		"animal add Dolly --born tomor":      {{"tomorrow", "Fri 2026-03-27"}},
		"animal add Dolly --born 2026-03-26": {{"today", "Thu 2026-03-26"}},
		"animal add Dolly --born 2027":       {},
	} {
		if got := s.Table.Complete(s, before).Choices; len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v; want %v", before, got, want)
		}
	}
}

func TestCompleteSignedOut(t *testing.T) {
	s := farmSession(t)
	s.Me, s.Matrix = nil, nil
	for before, want := range map[string]string{"": "login source help", "animal ": "", "animal list --": ""} {
		if got := strings.Join(texts(s.Table.Complete(s, before).Choices), " "); got != want {
			t.Errorf("%q: %s; want %s", before, got, want)
		}
	}
}

func TestRank(t *testing.T) {
	live := []Choice{
		{"12", "Kevin Casey, Cool Startup"},
		{"31", "Élodie"},
		{"3", "Casey 3"},
		{"1234", ""},
		{"Kevin Casey", ""},
		{"\xff", "a\xff"},
	}
	for word, want := range map[string][]string{
		"":     {"12", "31", "3", "1234", "'Kevin Casey'", "\xff"},
		"3":    {"3", "31"},
		"12":   {"12", "1234"},
		"cas":  {"'Kevin Casey'", "12", "3"},
		"elod": {"31"},
		"24":   {"1234"},
		"kc":   {"'Kevin Casey'"},
		"asey": {"'Kevin Casey'"},
		"zz":   nil,
	} {
		if got := texts(Completion{Word: word}.Rank(live)); len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q; want %q", word, got, want)
		}
	}
	loose := []Choice{{"15", "Weser-Kulturbetrieb Ohm und Ing"}, {"7", "Labouzin"}, {"2", "Bouzin SARL"}}
	if got := texts(Completion{Word: "boui"}.Rank(loose)); !reflect.DeepEqual(got, []string{"2", "7", "15"}) {
		t.Errorf("boui: %q", got)
	}
	many := make([]Choice, 5000)
	for i := range many {
		many[i].Text = fmt.Sprint(i)
	}
	if got := (Completion{}).Rank(many); len(got) != mostChoices {
		t.Errorf("%d choices are offered; want %d", len(got), mostChoices)
	}
}

// Whatever is typed, each choice put in its place is one word that says what was chosen.
func FuzzComplete(f *testing.F) {
	for _, seed := range hostile() {
		f.Add(seed)
		f.Add("animal list --kind " + seed)
		f.Add("barn list " + seed)
		f.Add("animal add x --born " + seed)
	}
	s := farmSession(f)
	f.Fuzz(func(t *testing.T, before string) {
		c := s.Table.Complete(s, before)
		if c.Start < 0 || c.Start > len(before) {
			t.Fatalf("%q: the word begins at %d", before, c.Start)
		}
		for _, choice := range c.Choices {
			words, err := Split(before[:c.Start] + choice.Text)
			if err != nil || len(words) == 0 || !strings.HasSuffix(words[len(words)-1].Raw, choice.Text) {
				t.Errorf("%q: %q gives %+v, %v", before, choice.Text, words, err)
			}
		}
	})
}

// TestRankSpellings ranks names with umlauts by what is typed of them without, with and in place of them.
func TestRankSpellings(t *testing.T) {
	all := []Choice{{Text: "7", Help: "Haus Straße — Åse Ærø"}, {Text: "8", Help: "Müller Köln — Jens Sørensen"}, {Text: "köln"}}
	for typed, want := range map[string]string{
		"muel": "8", "müll": "8", "mull": "8", "koel": "köln 8", "aas": "7", "aero": "7", "strasse": "7", "soerens": "8",
	} {
		var got []string
		for _, c := range rank(all, typed, true) {
			got = append(got, c.Text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q offers %q, want %q", typed, got, want)
		}
	}
}
