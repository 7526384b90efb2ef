package render

// This file writes tables of Markdown. They are for people, and for an import, which loses and changes nothing.

import (
	"bytes"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"crm/commands"
)

// markdown writes a pipe table with all columns (GitHub Flavored Markdown, 4.10). Values are formatted as in a table.
func (p painter) markdown(page *bytes.Buffer, out commands.Output) {
	names, rules := columnNames(out), make([]string, len(out.Columns))
	for i := range names {
		names[i] = strings.ReplaceAll(names[i], "_", " ")
		rules[i] = "---"
		if _, right := columnKind(out, i); right {
			rules[i] = "---:"
		}
	}
	writeMarkdownRow(page, names)
	writeMarkdownRow(page, rules)
	p.markdownRows(page, out)
}

func (p painter) markdownRows(page *bytes.Buffer, out commands.Output) {
	cells := make([]string, len(out.Columns))
	for _, row := range out.Rows {
		for i, cell := range row {
			cells[i] = p.markdownCell(cell)
		}
		writeMarkdownRow(page, cells)
	}
}

func writeMarkdownRow(page *bytes.Buffer, cells []string) {
	page.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// markdownEscapes are those of the characters that Markdown would not show as they are.
var markdownEscapes = strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", `\<`, "&", `\&`,
	"*", `\*`, "`", "\\`", "[", `\[`, "~", `\~`, "\n", "<br>")

// markdownCell returns a value as a cell. Unlike in a table, times keep their seconds, and in the hour that the clocks
// show twice their offset; and a text is never the sign of a missing value.
func (p painter) markdownCell(cell any) string {
	switch v := cell.(type) {
	case time.Time:
		at := v.In(p.zone)
		switch {
		case commands.HappensTwice(at):
			return at.Format("2006-01-02 15:04:05-07:00")
		case at.Second() != 0:
			return at.Format(time.DateTime)
		}
	case string:
		if v == missing {
			return `\` + v
		}
		return markdownEscapes.Replace(escapeAllButSpans(strings.ReplaceAll(v, "\r\n", "\n")))
	}
	return markdownEscapes.Replace(p.text(cell))
}

// escapeAllButSpans is Escape without the visible signs that span digits, which names may have. A screen does not show
// them, since terminals differ in their width.
func escapeAllButSpans(text string) string {
	isSpan := func(r rune) bool { return unicode.Is(unicode.Prepended_Concatenation_Mark, r) }
	var b strings.Builder
	for at := strings.IndexFunc(text, isSpan); at >= 0; at = strings.IndexFunc(text, isSpan) {
		_, size := utf8.DecodeRuneInString(text[at:])
		b.WriteString(Escape(text[:at]) + text[at:at+size])
		text = text[at+size:]
	}
	return b.String() + Escape(text)
}
