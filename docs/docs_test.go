package docs

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"crm/commands"
	"crm/commands/config"
)

// The tests read the whole repository, from its top directory.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := os.Chdir(".."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

var update = flag.Bool("update", false, "write config.yaml.example")

// TestConfigExample compares config.yaml.example with the table of options.
func TestConfigExample(t *testing.T) {
	const file = "config.yaml.example"
	if *update {
		if err := os.WriteFile(file, []byte(config.Example()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != config.Example() {
		t.Errorf("%s is not what the options say (%v): run go test ./docs -run TestConfigExample -update", file, err)
	}
}

// TestThreatModel checks that every row of the threat model names tests that exist.
func TestThreatModel(t *testing.T) {
	doc, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, ".txtar") {
			return err
		}
		text, err := os.ReadFile(path)
		names[path], names[filepath.Base(path)] = true, true
		for _, f := range regexp.MustCompile(`(?m)^func (Test\w+)`).FindAllStringSubmatch(string(text), -1) {
			names[f[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`(Test\\w+|\\w+\\.txtar)`").FindAllStringSubmatch(string(doc), -1) {
		if !names[name[1]] {
			t.Errorf("docs/security.md names %s, which is not there", name[1])
		}
	}
	_, table, _ := strings.Cut(string(doc), "| attacker has | can | cannot | shown by |\n|---|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for row := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(row, "|\n "), "|")
		shown := regexp.MustCompile("`[^`]+`").FindAllString(cells[len(cells)-1], -1)
		if len(cells) != 4 || len(shown) == 0 && strings.TrimSpace(cells[3]) != "the same" {
			t.Errorf("no test shows: %s", row)
		}
		for _, name := range shown {
			if name = strings.Trim(name, "`"); !names[name] && !strings.HasSuffix(name, "/") && name != "repo/place" {
				t.Errorf("%s is not there: %s", name, row)
			}
		}
	}
	if strings.Count(table, "\n") < 14 {
		t.Error("the threat model is not where it was")
	}
}

var (
	citation    = regexp.MustCompile(`\b[RSD][1-9][0-9]?\b`)
	requirement = regexp.MustCompile(`(?m)^\| ([RSD][0-9]+) \|`)
)

// Every requirement that a comment, a test, a script or a document cites is a row of docs/requirements.md.
func TestRequirementsResolve(t *testing.T) {
	rows := map[string]bool{}
	text, err := os.ReadFile("docs/requirements.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range requirement.FindAllStringSubmatch(string(text), -1) {
		rows[row[1]] = true
	}
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != ".":
			return filepath.SkipDir
		case !slices.Contains([]string{".go", ".sql", ".txtar", ".md"}, filepath.Ext(path)):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, cited := range citation.FindAllString(string(text), -1) {
			if !rows[cited] {
				t.Errorf("%s cites %s, which docs/requirements.md does not have", path, cited)
			}
		}
		if number, _, found := strings.Cut(d.Name(), "_"); found && filepath.Ext(path) == ".txtar" &&
			citation.MatchString(unpadded(number)) {
			if !rows[unpadded(number)] {
				t.Errorf("%s is named after %s, which docs/requirements.md does not have", path, unpadded(number))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// unpadded is the requirement that a script's name begins with: R1 for r01.
func unpadded(name string) string {
	if len(name) != 3 {
		return name
	}
	return strings.ToUpper(name[:1]) + strings.TrimPrefix(name[1:], "0")
}

var inlineCommand = regexp.MustCompile("`([a-z-]+ [a-z][a-z-]+)([^`·\n]*)`")

// TestDocsNameCommands checks that the commands in the documents exist and have the flags that are shown.
func TestDocsNameCommands(t *testing.T) {
	table := commands.All()
	files, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range append(files, "README.md", "CHANGELOG.md", "SECURITY.md") {
		if file == "docs/requirements.md" { // it was written before the commands
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, span := range inlineCommand.FindAllStringSubmatch(string(text), -1) {
			noun, _, _ := strings.Cut(span[1], " ")
			verbs := table.Verbs(noun)
			indexOf := func(name string) int {
				return slices.IndexFunc(table, func(c commands.Command) bool { return c.Name == name })
			}
			at := indexOf(span[1])
			switch {
			case len(verbs) == 0 || at < 0 && indexOf(noun) >= 0: // the words after it are no verb
				continue
			case at < 0:
				t.Errorf("%s: there is no command %s", file, span[0])
				continue
			}
			checked++
			for _, flag := range regexp.MustCompile(` --([a-z-]+)`).FindAllStringSubmatch(span[2], -1) {
				if !slices.ContainsFunc(table[at].AllFlags(), func(f commands.Flag) bool { return f.Name == flag[1] }) {
					t.Errorf("%s: %s has no --%s: %s", file, table[at].Name, flag[1], span[0])
				}
			}
		}
	}
	if checked < 100 {
		t.Errorf("the documents show %d commands, want more", checked)
	}
}
