package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"crm/commands"
)

// arrows are the packages of crm that each package may import. docs/contributing.md has the same table.
var arrows = map[string][]string{
	".": {"shell/program"},
	"shell/program": {
		"commands", "commands/config", "commands/operator", "repo", "repo/place", "security", "seed", "shell",
	},
	".ci/types":                {},
	"shell":                    {"commands", "repo", "shell/line", "shell/render"},
	"shell/line":               {},
	"shell/internal/linedemo":  {"commands", "shell", "shell/line"},
	"shell/internal/shelldemo": {"commands", "repo", "shell"},
	"shell/render":             {"commands", "repo"},
	"commands":                 {"commands/intake", "repo", "security", "security/finding"},
	"commands/intake":          {},
	"commands/config":          {"commands"},
	"commands/operator":        {"commands", "repo", "security"},
	"seed":                     {"repo", "security"},
	"repo":                     {"repo/upgrade"},
	"repo/upgrade":             {},
	"repo/embedded":            {},
	"repo/embedded/faultproxy": {},
	"repo/embedded/pgtest":     {"repo/embedded"},
	"repo/place":               {"repo", "repo/embedded"},
	"security":                 {"security/finding"},
	"security/finding":         {},
}

// TestHouse guards the arrows of the house: a package imports only the packages of crm that arrows lists for it. SQL,
// viper and go-prompt are used in one place each.
func TestHouse(t *testing.T) {
	statement := regexp.MustCompile(`(?i)\b(select\b.*\bfrom|insert\s+into|update\s+\w+\s+set|delete\s+from|` +
		`(create|alter|drop)\s+(table|role|schema|database|index|function)\s+["\w]|truncate\s+\w)`)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		allowed, known := arrows[dir]
		if !known {
			t.Errorf("%s is in a package without arrows: add %q to arrows", path, dir)
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			name, _ := strconv.Unquote(i.Path.Value)
			if other, ours := strings.CutPrefix(name, "crm/"); ours && !slices.Contains(allowed, other) {
				t.Errorf("%s imports %s", path, name)
			}
			if strings.Contains(name, "spf13/viper") && path != filepath.Join("shell", "program", "program.go") {
				t.Errorf("%s imports viper", path)
			}
			if strings.Contains(name, "/go-prompt") && path != filepath.Join("shell", "line", "widget.go") {
				t.Errorf("%s imports %s", path, name)
			}
		}
		keepsSQL := dir == "repo" || strings.HasPrefix(dir, "repo/")
		ast.Inspect(file, func(n ast.Node) bool {
			if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING && !keepsSQL &&
				statement.MatchString(text.Value) {
				t.Errorf("%s holds SQL: %s", path, text.Value)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSizes checks the sizes of lines, functions and files outside of tests, as docs/contributing.md has them.
func TestSizes(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		code := strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go")
		if err != nil || d.IsDir() || !code && filepath.Ext(path) != ".sql" || strings.Contains(path, "testdata") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines := strings.Split(string(text), "\n")
		for i, line := range lines {
			if n := utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    ")); n > 120 {
				t.Errorf("%s:%d has %d columns, want 120 at most", path, i+1, n)
			}
		}
		if !code {
			return nil
		}
		if len(lines) > 310 {
			t.Errorf("%s has %d lines, want 310 at most: split it", path, len(lines))
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, text, 0)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1; n > 60 {
				t.Errorf("%s: %s has %d lines, want 60 at most", path, f.Name.Name, n)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTable guards the table of commands: every command has help, needs an action, and has a unique name.
func TestTable(t *testing.T) {
	names := map[string]bool{}
	for _, c := range commands.All() {
		if names[c.Name] || c.Short == "" || c.Needs == "" || (c.Run == nil) == (c.StandsFor == nil) {
			t.Errorf("%s: twice, or without Short, Needs or Run", c.Name)
		}
		names[c.Name] = true
		flags := map[string]bool{}
		for _, f := range c.AllFlags() {
			for _, name := range append([]string{f.Name}, f.Aliases...) {
				if flags[name] || f.Help == "" || strings.Contains(name, "_") ||
					f.Kind.IsSwitch() == (f.Kind.Parse != nil) {
					t.Errorf("%s --%s: twice, or without Help, or with _, or of no kind", c.Name, name)
				}
				flags[name] = true
			}
		}
		optional := false
		for _, a := range c.Args {
			if a.Help == "" || a.Kind.Parse == nil {
				t.Errorf("%s %s: without Help or a kind", c.Name, a.Name)
			}
			if optional && !a.Optional && !a.Kind.IsLine {
				t.Errorf("%s %s: a required argument behind an optional one", c.Name, a.Name)
			}
			optional = a.Optional
		}
		for _, e := range c.Examples {
			if words := strings.Fields(e); !strings.HasPrefix(strings.Join(words, " ")+" ", c.Name+" ") {
				t.Errorf("%s: the example %q is another command's", c.Name, e)
			}
		}
	}
}

// TestContributing compares docs/contributing.md with the code: its table of packages is arrows, and the files, tests
// and other Go names that it mentions exist.
func TestContributing(t *testing.T) {
	content, err := os.ReadFile("docs/contributing.md")
	if err != nil {
		t.Fatal(err)
	}
	checkArrows(t, string(content))
	declared := declaredNames(t)
	code := regexp.MustCompile("`([^`\n]+)`")
	isPath := regexp.MustCompile(`^[\w./]+/[\w.]+$|^[\w-]+\.(sql|md|go|yaml)$`)
	isName := regexp.MustCompile(`^(Test\w+|[a-z]+[A-Z]\w*)$`)
	for _, found := range code.FindAllStringSubmatch(string(content), -1) {
		name := found[1]
		switch {
		case strings.Contains(name, "NAME") || strings.Contains(name, "NNN"):
		case isPath.MatchString(name):
			if _, err := os.Stat(name); err != nil {
				t.Errorf("docs/contributing.md mentions %s: %v", name, err)
			}
		case isName.MatchString(name) && !declared[name]:
			t.Errorf("docs/contributing.md mentions %s, which is not declared", name)
		}
	}
}

// checkArrows compares the rows "| `package` | what it holds | `imports`, … |" with arrows.
func checkArrows(t *testing.T, content string) {
	t.Helper()
	rows := map[string][]string{}
	name := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(content) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.HasPrefix(line, "| `") {
			continue
		}
		imports := []string{}
		for _, found := range name.FindAllStringSubmatch(cells[3], -1) {
			imports = append(imports, found[1])
		}
		rows[name.FindStringSubmatch(cells[1])[1]] = imports
	}
	for dir, imports := range arrows {
		if row, found := rows[dir]; !found || !slices.Equal(row, imports) {
			t.Errorf("docs/contributing.md: %s imports %v, want %v", dir, row, imports)
		}
	}
	if len(rows) != len(arrows) {
		t.Errorf("docs/contributing.md has %d packages, want %d", len(rows), len(arrows))
	}
}

// declaredNames returns the names of all functions, methods, variables and types of the program and its tests.
func declaredNames(t *testing.T) map[string]bool {
	t.Helper()
	declared := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				declared[n.Name.Name] = true
			case *ast.ValueSpec:
				for _, name := range n.Names {
					declared[name.Name] = true
				}
			case *ast.TypeSpec:
				declared[n.Name.Name] = true
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return declared
}
