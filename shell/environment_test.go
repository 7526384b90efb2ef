package shell

import (
	"bytes"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"crm/commands/config"
	"crm/shell/line"
)

// The editor and the pager get no variable from which crm, PostgreSQL's clients or Sentry read a secret.
func TestOutsideEnvironment(t *testing.T) {
	const secret = "Zq-Secret-99"
	names := append(config.Secrets(), "PGPASSWORD", "PGPASSFILE", "PGSERVICEFILE", "SENTRY_DSN")
	for _, o := range config.Options() {
		names = append(names, o.Env())
	}
	for _, name := range names {
		t.Setenv(name, secret)
	}
	t.Setenv("LESS", "-R")
	environment := line.OutsideEnvironment()
	if slices.ContainsFunc(environment, func(v string) bool { return strings.Contains(v, secret) }) ||
		!slices.Contains(environment, "LESS=-R") {
		t.Errorf("%q", environment)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "page"))
	check(t, err)
	defer out.Close()
	p := Pager{Command: "env", Height: func() int { return 0 }, Out: out}
	check(t, p.page(out, []byte("x\n")))
	seen, err := os.ReadFile(out.Name())
	check(t, err)
	if bytes.Contains(seen, []byte(secret)) || !bytes.Contains(seen, []byte("LESS=-R")) {
		t.Errorf("the pager sees\n%s", seen)
	}
}

// Every program that crm starts gets an environment of its own.
func TestEveryProgramHasItsEnvironment(t *testing.T) {
	started := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			strings.Contains(path, "pgtest") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), path, text, 0)
		if err != nil {
			return err
		}
		commands, environments := 0, 0
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, to := range n.Lhs {
					if field, ok := to.(*ast.SelectorExpr); ok && field.Sel.Name == "Env" {
						environments++
					}
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok &&
					(x.Name == "exec" && strings.HasPrefix(n.Sel.Name, "Command") || x.Name == "os" &&
						n.Sel.Name == "StartProcess") {
					commands++
				}
			case *ast.CompositeLit:
				if s, ok := n.Type.(*ast.SelectorExpr); ok && s.Sel.Name == "Cmd" {
					commands++
					if strings.Contains(string(text[n.Pos()-1:n.End()-1]), "Env:") {
						environments++
					}
				}
			}
			return true
		})
		if started += commands; commands > environments {
			t.Errorf("%s starts %d programs and gives %d an environment", path, commands, environments)
		}
		return nil
	})
	check(t, err)
	if started < 4 {
		t.Errorf("%d programs are started: the test looks at the wrong place", started)
	}
}
