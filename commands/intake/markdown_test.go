package intake

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestMarkdown reads tables as exports and people write them.
func TestMarkdown(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       [][]string
		outside    Lines
	}{
		{
			"a.md",
			"| id | full name | comments |\n| ---: | --- | --- |\n" +
				`| 1 | a\|b\\\|c | x<br>  y\<br> |` + "\n" + `| 2 | \-- | -- |` + "\n" + `| 3 | \&amp;\*\~ | 'x |` + "\n",
			[][]string{
				{"id", "full name", "comments"},
				{"1", `a|b\|c`, "x\n  y<br>"},
				{"2", "--", ""},
				{"3", "&amp;*~", "'x"},
			},
			Lines{},
		},
		{
			"a.MARKDOWN",
			"# Customers\r\n\r\nSome text | with a bar\r\n\r\nCompany | Name\r\n:-: | -\r\nA &amp; B | Ada&#32;&lt;x&gt;\r\n" +
				"C\r\n| D | E | F |\r\n\r\nmore\r\n\r\n| x | y |\r\n| - | - |\r\n",
			[][]string{{"Company", "Name"}, {"A & B", "Ada <x>"}, {"C"}, {"D", "E", "F"}},
			Lines{1, 5},
		},
		{"a.txt", "|a|b|\n|---|:--|\n|1|2<BR/>3|\n|| |\n|4||", [][]string{{"a", "b"}, {"1", "2\n3"}, {"4", ""}}, Lines{}},
		{"b.md", "\ufeff| Name |\n|-|\n| Ada |\n", [][]string{{"Name"}, {"Ada"}}, Lines{}},
		{"titles.md", "|one||\n|-|-|\n|1|2|\n", [][]string{{"one", ""}, {"1", "2"}}, Lines{}},
	} {
		f, err := Open(write(t, test.name, test.text))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		got := [][]string{f.Header.Cells}
		for row, err := f.Next(); err == nil; row, err = f.Next() {
			got = append(got, row.Cells)
		}
		if !slices.EqualFunc(got, test.want, slices.Equal) || f.Outside != test.outside || f.Delimited {
			t.Errorf("%s: %q, outside %v, want %q, %v", test.name, got, f.Outside, test.want, test.outside)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, text := range []string{"# Title\n\ntext\n", "| a | b |\n| --- |\n| 1 | 2 |\n", "a\n---\nb\n"} {
		var p *Problem
		if _, err := Open(write(t, "none.md", text)); !errors.As(err, &p) ||
			!strings.Contains(p.Text, "has no table of Markdown") || p.Hint == "" {
			t.Errorf("%q: %v", text, err)
		}
	}
	// A table within a value of CSV is a text.
	f, err := Open(write(t, "a.csv", "name,comments\nA,\"| a | b |\n| --- | --- |\n\"\n"))
	if err != nil || !f.Delimited {
		t.Fatal(err)
	}
	_ = f.Close()
}
