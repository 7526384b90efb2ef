package intake

import (
	"bufio"
	"errors"
	"html"
	"io"
	"path/filepath"
	"regexp"
	"strings"
)

// This file reads tables of Markdown as exports and people write them (GitHub Flavored Markdown, 4.10).

var (
	// headed matches a text that begins with a table, whatever the name of the file.
	headed = regexp.MustCompile(`^[^\n]*\|[^\n]*\n[ \t]*\|?([ \t]*:?-{2,}:?[ \t]*\|)+[ \t]*(:?-{2,}:?)?[ \t]*\r?(\n|$)`)
	// rule matches the line below the headers of a table.
	rule      = regexp.MustCompile(`^\|?([ \t]*:?-+:?[ \t]*\|)+[ \t]*(:?-+:?)?$`)
	lineBreak = regexp.MustCompile(`^<(br|BR) ?/?>`)
	reference = regexp.MustCompile(`^&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});`)
)

// missingCell is how an export writes that there is no value. It writes such a text with a backslash.
const missingCell = "--"

// Lines are some lines of a file.
type Lines struct{ First, Count int }

func (l *Lines) add(line int) {
	if l.Count == 0 {
		l.First = line
	}
	l.Count++
}

// isMarkdown reports whether the file's name says that it is Markdown.
func isMarkdown(path string) bool {
	ending := strings.ToLower(filepath.Ext(path))
	return ending == ".md" || ending == ".markdown"
}

// readMarkdown reads the first table of a text, and counts the other lines in f.Outside.
func (f *File) readMarkdown(text io.Reader) error {
	f.markdown = true
	lines, line := bufio.NewScanner(text), 0
	lines.Buffer(make([]byte, most), mostRecord)
	next := func() (string, error) {
		if !lines.Scan() {
			return "", endOf(lines, line)
		}
		line++
		return strings.Trim(lines.Text(), " \t"), nil
	}
	before := ""
	for {
		below, err := next()
		if errors.Is(err, io.EOF) {
			return problem("below its headers a table has a line such as | --- | --- |", "has no table of Markdown")
		}
		if err != nil {
			return err
		}
		if header := cellsOf(before); rule.MatchString(below) && len(header) == len(cellsOf(below)) {
			f.Header = Row{Line: line - 1, Cells: header}
			break
		}
		if before != "" {
			f.Outside.add(line - 1)
		}
		before = below
	}
	isInside := true
	f.next = func() (Row, error) {
		for {
			row, err := next()
			if err != nil {
				return Row{}, err
			}
			isInside = isInside && row != ""
			if isInside {
				return Row{Line: line, Cells: cellsOf(row)}, nil
			}
			if row != "" {
				f.Outside.add(line)
			}
		}
	}
	return nil
}

// cellsOf returns the texts of the cells of a line; nil for a line without a bar.
func cellsOf(line string) (cells []string) {
	line = strings.TrimPrefix(line, "|")
	begin := 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '|':
			cells = append(cells, textOfCell(line[begin:i]))
			begin = i + 1
		}
	}
	if last := strings.Trim(line[begin:], " \t"); last != "" {
		cells = append(cells, textOfCell(last))
	}
	return cells
}

// textOfCell returns the text that a cell shows.
func textOfCell(cell string) string {
	cell = strings.Trim(cell, " \t")
	if cell == missingCell {
		return ""
	}
	var b strings.Builder
	for cell != "" {
		read, text := 1, cell[:1]
		switch {
		case cell[0] == '\\' && len(cell) > 1 && strings.IndexByte("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", cell[1]) >= 0:
			read, text = 2, cell[1:2]
		case cell[0] == '<' && lineBreak.MatchString(cell):
			read, text = len(lineBreak.FindString(cell)), "\n"
		case cell[0] == '&' && reference.MatchString(cell):
			found := reference.FindString(cell)
			read, text = len(found), html.UnescapeString(found)
		}
		b.WriteString(text)
		cell = cell[read:]
	}
	return b.String()
}
