//go:build linux

package program

import (
	"archive/zip"
	"bytes"
	"cmp"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"crm/commands"
	"crm/repo"
	"crm/repo/embedded/pgtest"
)

// odd are values for any argument or flag; few are right for one.
var odd = append([]string{
	"1", "2", "3", "4", "46", "60", "0", "-1", "007", "+5", "1.5", "999999", "2147483648", "9223372036854775807",
	"9223372036854775808", "1e400", "NaN", "Infinity", "-0", "0x10", "1,234.56", "8 450,50 €", "50€", "12;", "me", "bou",
	"bouzin", "kate", "bill", "sales", "signed", "to_send", "admin", "today", "monday", "-1d", "+2h", "18:00", "2027-02-29",
	"0000-00-00", "9999-12-31", "10000-01-01", "31/12/2027", "2027-06-04 25:00", "2027-06-04T18:00:00+15:00", "24:00",
	"", " ", "\t", "a\nb", "$1", "$_", "$", "%", "_", "*", "?", "\\", "null", "true", "--", "-", "-x", "--yes", "@/dev/null", "@", "@nowhere",
	"'; drop table crm.customer; --", "id > 1", "name = x", "status = signed and (", "x@y.example", "+33612345678",
	"06 12", "https://x.example", "id", "id,name", "id:desc", "customer", "event", "contract", "json", "table", "customer list",
	"list", "\u202eabc", "e\u0301", "🎉👩‍👩‍👧", "İ", "ﬁ", "\u200b", "\u00a0", "日本", "ﷺ", "ZZ", "fr-FR-x-y", "en", "XXX",
	strings.Repeat("x", 300), strings.Repeat("é", 5000), strings.Repeat("1", 400), strings.Repeat("(", 60),
}, nasty...)

// unfit are commands that a test of random lines leaves out: they end or replace its session, wait, or start programs.
var unfit = []string{"exit", "quit", "login", "logout", "password", "watch", "source", "edit", "mfa", "sessions", "set", "fate"}

// A babbler writes random commands.
type babbler struct {
	*rand.Rand
	session *commands.Session
	dir     string
}

// fits are values for the kinds of a name.
var fits = map[string][]string{
	"AMOUNT": {"12.50", "100", "8 450,50 €", "99999999.99"}, "DATE": {"today", "2026-12-31", "31/12/2027", "monday", "+2h", "2027-06-04 18:00"},
	"N": {"1", "3", "50", "10000"}, "NUMBER": {"E0042", "7"}, "EMAIL": {"new@x.example", "lou@bouzin.example"}, "ID": {"1", "2", "46", "$_"},
	"PHONE": {"+33612345678", "06 12 34 56 78"}, "TEXT": {"bou", "Zoé Nova", "two\nlines"}, "TAG": {"vip", "regular"}, "LANGUAGE": {"fr"},
	"NAME": {"one", "two"}, "HEADER=COLUMN,…": {"a=company_name,b=full_name", "one"}, "COMMAND": {"customer list --search $1", "event list"},
	"TEXT|@FILE|-": {"a note", "two\nlines"}, "USER_ID": {"3", "me"}, "SALES_ID": {"3", "me"},
}

// value returns a value for a kind, mostly one that fits.
func (b *babbler) value(k commands.Kind) string {
	fitting := fits[k.Name]
	switch {
	case b.IntN(4) == 0:
	case k.Files:
		return filepath.Join(b.dir, strconv.Itoa(b.IntN(20))+[]string{".csv", ".json", ".xlsx", ".vcf", ".tsv", ".ics", ""}[b.IntN(7)])
	case k.Clauses != nil:
		return b.condition(k)
	case k.Noun != "" && fitting == nil:
		return strconv.Itoa(1 + b.IntN(46))
	case fitting != nil:
		return fitting[b.IntN(len(fitting))]
	case k.Values != nil:
		if all := k.Values(b.session); len(all) > 0 {
			return all[b.IntN(len(all))].Text
		}
	}
	return odd[b.IntN(len(odd))]
}

// condition returns a condition made of completions, and of odd values where there are none.
func (b *babbler) condition(k commands.Kind) (text string) {
	for range 3 + b.IntN(9) {
		kept, next, _ := k.Clauses(b.session, text)
		if text = kept; len(next) > 0 && b.IntN(12) > 0 {
			text += next[b.IntN(len(next))].Text
		} else {
			text += []string{"1", "2026-12-31", "bou", "12.50", "signed", odd[b.IntN(len(odd))]}[b.IntN(6)]
		}
		text += " "
	}
	return text
}

// line returns a command with arguments and flags, of which some are missing, odd, twice or too many.
func (b *babbler) line() string {
	c := b.session.Table[b.IntN(len(b.session.Table))]
	words := []string{c.Name}
	for _, a := range c.Args {
		if (a.Optional || b.IntN(30) == 0) && b.IntN(2) == 0 {
			break
		}
		words = append(words, commands.Quote(b.value(a.Kind)))
	}
	if b.IntN(30) == 0 {
		words = append(words, commands.Quote(odd[b.IntN(len(odd))]))
	}
	for _, f := range c.AllFlags() {
		if !f.Required && (b.IntN(len(c.AllFlags())) > 1 || f.Name == "help") && (f.Name != "yes" || b.IntN(3) == 0) {
			continue
		}
		word := "--" + f.Name
		if !f.Kind.IsSwitch() {
			word += []string{" ", "="}[b.IntN(2)] + commands.Quote(b.value(f.Kind))
		}
		words = append(words, word)
	}
	if b.IntN(20) == 0 {
		words = append(words, ">", commands.Quote(filepath.Join(b.dir, "out"+strconv.Itoa(b.IntN(9)))))
	}
	return strings.Join(words, " ")
}

// mutate returns a text with some random changes: parts cut, doubled, moved, or replaced by odd values and bytes.
func (b *babbler) mutate(text []byte) []byte {
	text = slices.Clone(text)
	for range 1 + b.IntN(3) {
		from := b.IntN(len(text) + 1)
		to := min(len(text), from+b.IntN(40))
		part := slices.Clone(text[from:to])
		switch b.IntN(6) {
		case 0:
			part = nil
		case 1:
			part = append(part, part...)
		case 2:
			part = []byte(odd[b.IntN(len(odd))])
		case 3:
			part = append(part, byte(b.IntN(256)))
		case 4:
			part = append(part, []string{"\n", "\r\n", `"`, ";", ",", "\t", "\x00", "\ufeff", "|"}[b.IntN(9)]...)
		case 5:
			if to = len(text); b.IntN(4) > 0 {
				to = from
			}
		}
		text = slices.Concat(text[:from], part, text[to:])
	}
	return text
}

// change returns a file with random changes; those of a workbook are in one of its parts.
func (b *babbler) change(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Ext(name) != ".xlsx" {
		if header, rows, ok := bytes.Cut(text, []byte("\n")); ok && filepath.Ext(name) == ".csv" {
			text = append(append(header, '\n'), bytes.Repeat(rows, 1+b.IntN(4))...)
		}
		return b.mutate(text)
	}
	from, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	to, which := zip.NewWriter(&out), b.IntN(len(from.File))
	for i, part := range from.File {
		r, err := part.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if i == which {
			content = b.mutate(content)
		}
		w, err := to.Create(part.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// trial is what random lines and files are tried with.
type trial struct {
	keyset string
	seed   uint64
	lines  int
	table  commands.Table // the commands that random lines have
}

func newTrial(t *testing.T) trial {
	t.Helper()
	keyset, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	setting := func(name string, otherwise uint64) uint64 {
		n, err := strconv.ParseUint(cmp.Or(os.Getenv(name), strconv.FormatUint(otherwise, 10)), 10, 31)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	table := slices.DeleteFunc(commands.All(), func(c commands.Command) bool {
		return slices.ContainsFunc(unfit, func(name string) bool {
			return c.Name == name || strings.HasPrefix(c.Name, name+" ")
		})
	})
	return trial{keyset, setting("CRM_BENCH_SEED", 1), int(setting("CRM_BENCH_LINES", 150)), table}
}

// babbler returns a source of random lines, another one for each number.
func (tr trial) babbler(t *testing.T, number int) *babbler {
	session := &commands.Session{Table: tr.table, Locale: commands.Locale{
		Zone: time.UTC, Region: "FR", Currency: "EUR", Language: "en", Now: time.Now,
	}}
	return &babbler{rand.New(rand.NewPCG(tr.seed, uint64(number))), session, t.TempDir()}
}

var (
	// foreign is what only a fault of crm shows: its internal errors, and words of PostgreSQL and Go.
	foreign    = regexp.MustCompile(`internal error|panic|goroutine|SQLSTATE|\bERROR:|syntax error at|pgx|pq:|%![a-zA-Z]\(`)
	lineNumber = regexp.MustCompile(`script\.crm:([0-9]+): `)
)

// run runs a script as a user, and wants answers of crm only.
func (tr trial) run(t *testing.T, who, dir string, script []string) {
	t.Helper()
	text, file := strings.Join(script, "\n")+"\n", filepath.Join(dir, "script.crm")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	database := pgtest.Database(t, "crm_demo")
	crm := command(t, database, tr.keyset, "--login", who+"@epic.example", "--keep-going", "-f", file)
	crm.Dir = dir // odd names are names of files too
	out, err := crm.CombinedOutput()
	if err == nil {
		t.Error("nothing is refused: the trial is not odd enough")
	}
	for _, at := range foreign.FindAllIndex(out, -1) {
		t.Errorf("seed %d: %s", tr.seed, out[max(0, at[0]-30):min(len(out), at[1]+300)])
		if found := lineNumber.FindSubmatch(out[max(0, at[0]-30):at[0]]); found != nil {
			n, _ := strconv.Atoi(string(found[1]))
			t.Log(strings.Join(strings.Split(text, "\n")[max(0, n-3):n+1], "\n"))
		}
	}
	if !strings.Contains(string(out), "commands ran") {
		t.Errorf("seed %d: the script did not end:\n%s", tr.seed, out[max(0, len(out)-2000):])
	}
}

// TestRandomCommands runs random lines as each role. Whatever they are, the answer is one of crm: no internal error, and
// nothing of PostgreSQL's or Go's. CRM_BENCH_SEED and CRM_BENCH_LINES make another trial.
func TestRandomCommands(t *testing.T) {
	tr := newTrial(t)
	for i, role := range repo.Roles() {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			b := tr.babbler(t, i)
			var script []string
			for range tr.lines {
				script = append(script, b.line())
			}
			who := map[string]string{"admin": "admin", "manage": "manage", "sales": "sales1", "support": "support1"}[role]
			tr.run(t, who, b.dir, script)
		})
	}
}

// TestRandomCompletion completes the beginnings of random lines. What is offered must be readable behind what is typed.
func TestRandomCompletion(t *testing.T) {
	tr := newTrial(t)
	b := tr.babbler(t, len(repo.Roles())+1)
	for range 20 * tr.lines {
		line := b.line()
		before := line[:b.IntN(len(line)+1)]
		c := tr.table.Complete(b.session, before)
		if c.Start < 0 || c.Start > len(before) {
			t.Fatalf("%q: the word begins at %d", before, c.Start)
		}
		for _, choice := range c.Choices {
			words, err := commands.Split(before[:c.Start] + choice.Text)
			if err != nil || len(words) == 0 || !strings.HasSuffix(words[len(words)-1].Raw, choice.Text) {
				t.Errorf("%q: %q gives %+v, %v", before, choice.Text, words, err)
			}
		}
	}
}

// nounOf returns what a file holds, by its name.
func nounOf(name string) string {
	for noun, words := range map[string][]string{
		"contract": {"contrats"}, "event": {"event", "evenements"}, "payment": {"payment", "paiements"},
	} {
		for _, word := range words {
			if strings.Contains(name, word) {
				return noun
			}
		}
	}
	return "customer"
}

// TestRandomFiles imports the files of other programs with random changes, as TestRandomCommands runs lines.
func TestRandomFiles(t *testing.T) {
	tr := newTrial(t)
	b := tr.babbler(t, len(repo.Roles()))
	files, err := filepath.Glob(filepath.Join("shell", "testdata", "imports", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	var script []string
	for i := range tr.lines {
		from := files[b.IntN(len(files))]
		name := filepath.Join(b.dir, strconv.Itoa(i)+filepath.Ext(from))
		if err := os.WriteFile(name, b.change(t, from), 0o600); err != nil {
			t.Fatal(err)
		}
		noun := nounOf(from)
		if b.IntN(8) == 0 {
			noun = []string{"customer", "contact", "contract", "event", "payment", "user"}[b.IntN(6)]
		}
		line := noun + " import " + name
		for _, flag := range []string{"--skip-bad", "--force", "--dry-run"} {
			if b.IntN(2) == 0 && (flag != "--force" || noun == "customer") {
				line += " " + flag
			}
		}
		script = append(script, line+[]string{"", "", "", " --key email", " --key id", " --map Nom=full_name"}[b.IntN(6)])
	}
	tr.run(t, "admin", b.dir, script)
	left, err := filepath.Glob(filepath.Join(b.dir, ".*"))
	if len(left) > 0 || err != nil {
		t.Errorf("seed %d: imports leave %v behind, %v", tr.seed, left, err)
	}
}
