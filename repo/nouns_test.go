package repo_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"crm/repo"
)

// The nouns of the program are those of the trail, of undo and of the permissions in the database. Its roles are the
// database's.
func TestNounsAreTheDatabases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tables := repo.NounTables()
	inTrail := read[map[string]string](w, `select jsonb_object_agg(rtrim(encode(t.tgargs, 'escape'), '\0'), c.relname)
		from pg_trigger t join pg_class c on c.oid = t.tgrelid where t.tgname = 'z_trail'`)
	if !maps.Equal(inTrail, tables) {
		t.Errorf("the trail holds %v, the program has %v", inTrail, tables)
	}
	undo := read[string](w, "select prosrc from pg_proc where proname = 'my_changes'")
	for noun := range tables {
		if !strings.Contains(undo, "'"+noun+"'") {
			t.Errorf("my_changes() leaves %s out", noun)
		}
		if !slices.Contains(repo.TrailEntities(), noun) {
			t.Errorf("audit list does not offer %s", noun)
		}
	}
	viewed := read[[]string](w,
		"select array_agg(distinct split_part(action, '.', 1)) from permission where action like '%.view'")
	slices.Sort(viewed)
	want := slices.Sorted(slices.Values(append(repo.Nouns(), "audit", "tag", "view", "map")))
	if !slices.Equal(viewed, want) {
		t.Errorf("the permissions to view are those of %v, want %v", viewed, want)
	}
	if roles, want := read[[]string](w, "select array_agg(name order by name) from role"),
		slices.Sorted(slices.Values(repo.Roles())); !slices.Equal(roles, want) {
		t.Errorf("the roles are %v, the program knows %v", roles, want)
	}
}

// Every column that the app role may write has a field in the struct of its entity, except columns that the program
// derives.
func TestWritableColumnsAreDeclared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for noun, columns := range map[string][]repo.Column{
		"customer": repo.ColumnsOf[repo.Customer](), "contact": repo.ColumnsOf[repo.Contact](),
		"contract": repo.ColumnsOf[repo.Contract](),
		"event":    repo.ColumnsOf[repo.Event](), "user": repo.ColumnsOf[repo.User](),
		"note": repo.ColumnsOf[repo.Note](), "view": repo.ColumnsOf[repo.View](), "map": repo.ColumnsOf[repo.Map](),
	} {
		writable := read[[]string](w, `select array_agg(a.attname::text) from pg_attribute a
			where a.attrelid = $1::text::regclass and a.attnum > 0 and not a.attisdropped
			and right(a.attname, 7) <> '_tokens'
				and (has_column_privilege('crm_app', a.attrelid, a.attnum, 'insert')
					or has_column_privilege('crm_app', a.attrelid, a.attnum, 'update'))`,
			"crm."+repo.NounTables()[noun])
		if len(writable) < 3 {
			t.Errorf("of %s only %v can be written", noun, writable)
		}
		for _, name := range writable {
			if !slices.ContainsFunc(columns, func(c repo.Column) bool { return c.Name == name }) {
				t.Errorf("the struct of %s has no field for %s", noun, name)
			}
		}
	}
}

// TrailActions are exactly the actions that schema.sql and the administrator's tools write.
func TestTrailActions(t *testing.T) {
	t.Parallel()
	source := schemaSQL()
	for _, file := range ok[[]string](t)(filepath.Glob("*.go")) {
		if !strings.HasSuffix(file, "_test.go") && file != "nouns.go" {
			source += string(ok[[]byte](t)(os.ReadFile(file)))
		}
	}
	var written []string
	for _, pattern := range []string{
		// these change no record
		`perform (?:note|lead)\([^,]+(?:\(of_entity\))?, [^']*?'([a-z-]+)'`,
		// the owner's functions write these
		`insert into audit \([^)]*\)\s+values \([^;]*?'(?:user|schema)',\s[^;]*?'([a-z-]+)'`,
		`noteRotation\(ctx, key, "([a-z]+)"`,
		`(?:then|else|text :=|r\.id,) '?'(add|purge|update|restore|delete|cancel)'`, // trail(), NAME_added()
	} {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(source, -1) {
			written = append(written, m[1])
		}
	}
	slices.Sort(written)
	if written, want := slices.Compact(written),
		slices.Sorted(slices.Values(repo.TrailActions())); !slices.Equal(written, want) {
		t.Errorf("written are\n%q, listed are\n%q", written, want)
	}
}
