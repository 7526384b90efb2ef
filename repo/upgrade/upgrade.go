// Package upgrade splits schema.sql into statements, and has the steps that upgrade an older database.
//
// schema.sql describes the whole schema. Its statements are of two kinds. Tables and data are created once, in a new
// database; a numbered step changes them in an older one. Functions, views, triggers, policies and grants have no
// data, so every upgrade drops them and creates them again from schema.sql. This keeps the steps short.
package upgrade

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Statement is one statement of schema.sql, without comments.
type Statement struct {
	SQL  string
	Anew bool // every upgrade runs it; false: it runs in a new database only
}

// A Step changes tables and data from version Version-1 to Version.
type Step struct {
	Version   int
	Name, SQL string
}

//go:embed steps/*.sql
var files embed.FS

// Steps returns the steps of this program, in order.
func Steps() ([]Step, error) {
	dir, err := fs.Sub(files, "steps")
	if err != nil {
		return nil, err
	}
	return ReadSteps(dir)
}

var stepName = regexp.MustCompile(`^(\d{3})_[a-z0-9_]+\.sql$`)

// ReadSteps reads the files NNN_name.sql of a directory, where NNN is the version to which the step upgrades. The
// numbers have no gap, so a database of any version can be upgraded.
func ReadSteps(dir fs.FS) ([]Step, error) {
	names, err := fs.Glob(dir, "*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	steps := make([]Step, len(names))
	for i, name := range names {
		match := stepName.FindStringSubmatch(name)
		if match == nil {
			return nil, fmt.Errorf("step %s: want a name like 004_what_changes.sql", name)
		}
		sql, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		version, _ := strconv.Atoi(match[1])
		if i > 0 && version != steps[i-1].Version+1 {
			return nil, fmt.Errorf("step %s: want version %d", name, steps[i-1].Version+1)
		}
		steps[i] = Step{version, strings.TrimSuffix(name, ".sql"), string(sql)}
	}
	return steps, nil
}

// Since returns the steps for a database of a version.
func Since(steps []Step, version int) []Step {
	return slices.DeleteFunc(slices.Clone(steps), func(s Step) bool { return s.Version <= version })
}

// Read splits schema.sql into statements and marks those that every upgrade runs.
func Read(sql string) ([]Statement, error) {
	texts, err := Split(sql)
	if err != nil {
		return nil, err
	}
	statements := make([]Statement, len(texts))
	for i, text := range texts {
		switch {
		case replaced.MatchString(text):
			statements[i] = Statement{creating.ReplaceAllString(text, "create or replace $1 "), true}
		case once.MatchString(text):
			statements[i] = Statement{text, false}
		default:
			return nil, fmt.Errorf("schema.sql: upgrades do not know this kind of statement: %.60s", text)
		}
	}
	return statements, nil
}

// Every upgrade runs do blocks, so they must be idempotent.
var (
	replaced = regexp.MustCompile(`(?i)^(set |do |grant |revoke |comment |` +
		`create (or replace )?(function|procedure|view|trigger|constraint trigger|policy) |` +
		`alter (function|procedure|view|trigger|policy) |` +
		`alter table \S+ (enable|disable|force|no force) row level security)`)
	once = regexp.MustCompile(
		`(?i)^(create (schema|table|domain|type|index|unique index|statistics|sequence)|` +
			`alter|insert into|update|delete from) `)
	creating = regexp.MustCompile(`(?i)^create (function|procedure) `)
)

// Digest returns a hash of the statements that ignores comments and, outside of function bodies, layout.
func Digest(statements []Statement) string {
	h := sha256.New()
	for _, s := range statements {
		fmt.Fprintf(h, "%s;\n", s.SQL)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
