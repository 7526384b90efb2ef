package line

import (
	"slices"
	"strings"
	"testing"
)

func TestEditor(t *testing.T) {
	for _, c := range []struct {
		in   string // | is the cursor
		do   func(*editor)
		want string
	}{
		{"ab|c", (*editor).left, "a|bc"},
		{"|abc", (*editor).left, "|abc"},
		{"abc|", (*editor).right, "abc|"},
		{"é|日", (*editor).right, "é日|"},
		{"ab|c", (*editor).home, "|abc"},
		{"ab|c", (*editor).end, "abc|"},
		{"ab|c", (*editor).backspace, "a|c"},
		{"|abc", (*editor).backspace, "|abc"},
		{"ab|c", (*editor).delete, "ab|"},
		{"abc|", (*editor).delete, "abc|"},
		{"one, été_2|", (*editor).wordLeft, "one, |été_2"},
		{"one, |two", (*editor).wordLeft, "|one, two"},
		{"|one, two", (*editor).wordRight, "one|, two"},
		{"one|, two", (*editor).wordRight, "one, two|"},
		{"ab|c", (*editor).transpose, "acb|"},
		{"abc|", (*editor).transpose, "acb|"},
		{"|abc", (*editor).transpose, "|abc"},
		{"|", (*editor).transpose, "|"},
		{"a|", (*editor).transpose, "a|"},
		{"--name a.b|c", func(e *editor) { e.cutArgument(1) }, "--name |c"},
		{"--name a.b|c", func(e *editor) { e.cutWordLeft(1) }, "--name a.|c"},
		{"a | b", func(e *editor) { e.cutWordRight(1) }, "a |"},
		{"a b|", func(e *editor) { e.cutArgument(1); e.cutArgument(2); e.yank(); e.yank() }, "a ba b|"},
		{"a b|", func(e *editor) { e.cutArgument(1); e.cutArgument(3); e.yank() }, "a |"},
		{"a|b c", func(e *editor) { e.cutWordRight(1); e.cutWordRight(2); e.home(); e.yank() }, "b c|a"},
		{"a|", (*editor).yank, "a|"},
		{"a|", (*editor).undone, "a|"},
	} {
		before, after, _ := strings.Cut(c.in, "|")
		var e editor
		e.begin()
		e.line = newLine(before+after, len([]rune(before)))
		text := slices.Clone(e.text)
		c.do(&e)
		if got := string(e.before()) + "|" + string(e.text[e.at:]); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
		if !slices.Equal(text, newLine(before+after, 0).text) {
			t.Errorf("%q: the line before was changed", c.in)
		}
	}
}

func TestUndo(t *testing.T) {
	var e editor
	e.begin()
	for i := range "one two" {
		e.observe(newLine("one two"[:i+1], i+1), true)
	}
	e.observe(newLine("one", 3), false)
	e.observe(newLine("one", 0), false)
	for _, want := range []string{"one two", "one ", "", ""} {
		e.undone()
		if got := string(e.text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		e.observe(e.line, false)
	}
	for i := range 2 * maxUndo {
		e.observe(newLine(strings.Repeat("x", i), 0), false)
	}
	if len(e.undo) != maxUndo {
		t.Errorf("%d steps are kept", len(e.undo))
	}
}
