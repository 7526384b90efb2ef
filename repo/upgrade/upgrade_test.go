package upgrade

import (
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
	for sql, want := range map[string][]string{
		"select 1; select 2":                      {"select 1", "select 2"},
		" ;; ":                                    nil,
		"a -- b; c\n d;e--f":                      {"a d", "e"},
		"a /* ; /* ; */ ; */ b;":                  {"a b"},
		"'a;''b' \"c;\"\"d\" E'\\';' ; e":         {"'a;''b' \"c;\"\"d\" E'\\';'", "e"},
		"like'\\'; a":                             {"like'\\'", "a"},
		"as $$ a; -- b\n $1 $$; c":                {"as $$ a; -- b\n $1 $$", "c"},
		"as $x$ $$; $y$ $x$; $1; a$b$; c":         {"as $x$ $$; $y$ $x$", "$1", "a$b$", "c"},
		"return (a\n\t; b); c":                    {"return (a ; b)", "c"},
		"é 'ü;' :\"schema\" . \"x\"\n; \n":        {"é 'ü;' :\"schema\" . \"x\""},
		"check (x ~ '^[)(;]$') ; create policy p": {"check (x ~ '^[)(;]$')", "create policy p"},
	} {
		if got, err := Split(sql); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", sql, got, err)
		}
	}
	for _, sql := range []string{"a 'b", "a \"b", "a $$ b", "a /* b /* */", "E'\\'"} {
		if got, err := Split(sql); err == nil {
			t.Errorf("%q: %q", sql, got)
		}
	}
}

func TestRead(t *testing.T) {
	for sql, want := range map[string]Statement{
		"create function f() returns int return 1":      {"create or replace function f() returns int return 1", true},
		"create view v as select 1":                     {"create view v as select 1", true},
		"create constraint trigger t after insert on a": {"create constraint trigger t after insert on a", true},
		"alter table a enable row level security":       {"alter table a enable row level security", true},
		"grant select on a to b":                        {"grant select on a to b", true},
		"do $$ begin end $$":                            {"do $$ begin end $$", true},
		"alter table a add b text":                      {"alter table a add b text", false},
		"create unique index i on a (b)":                {"create unique index i on a (b)", false},
		"alter default privileges revoke execute on x":  {"alter default privileges revoke execute on x", false},
		"insert into a values ('create function f()')":  {"insert into a values ('create function f()')", false},
	} {
		if got, err := Read(sql); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%q: %v, %v", sql, got, err)
		}
	}
	if got, err := Read("vacuum"); err == nil {
		t.Errorf("vacuum: %v", got)
	}
}

// TestDigest checks that the digest changes with the schema, and only then.
func TestDigest(t *testing.T) {
	digest := func(sql string) string {
		statements, err := Read(sql)
		if err != nil {
			t.Fatal(err)
		}
		return Digest(statements)
	}
	if digest("create table a (b int);") != digest("-- why\ncreate  table a\n(b int) ;\n") {
		t.Error("a comment changes the digest")
	}
	if digest("create table a (b int);") == digest("create table a (c int);") {
		t.Error("a column does not change the digest")
	}
}
