package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestContributing keeps docs/contributing.md true: its table of packages is arrows, and the files, tests and other
// names of Go that it mentions exist.
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

// declaredNames has the names of all functions, methods, variables and types of the program and its tests.
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
