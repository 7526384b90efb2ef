package render

// This file writes formats for programs. In csv and tsv, a text that a spreadsheet would run as a formula gets an
// apostrophe in front (see inert). On a terminal, control characters in csv and tsv are escaped.

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"

	"crm/commands"
)

// json writes a single record as an object on one line, and a list as an array with one object per line, for pagers
// and line tools.
func (p painter) json(page *bytes.Buffer, out commands.Output) {
	if out.Single {
		p.jsonObject(page, jsonKeys(out), out.Rows[0])
		page.WriteByte('\n')
		return
	}
	page.WriteByte('[')
	p.jsonRows(page, out, 0)
	p.jsonEnd(page, len(out.Rows))
}

// jsonRows writes rows of an array that already has `before` rows.
func (p painter) jsonRows(page *bytes.Buffer, out commands.Output, before int) {
	keys := jsonKeys(out)
	for i, row := range out.Rows {
		if before+i > 0 {
			page.WriteByte(',')
		}
		page.WriteByte('\n')
		p.jsonObject(page, keys, row)
	}
}

// jsonEnd closes an array of that many rows.
func (p painter) jsonEnd(page *bytes.Buffer, rows int) {
	if rows > 0 {
		page.WriteByte('\n')
	}
	page.WriteString("]\n")
}

func jsonKeys(out commands.Output) []string {
	keys := make([]string, len(out.Columns))
	for i, c := range out.Columns {
		keys[i] = jsonString(c.Name) + ":"
	}
	return keys
}

func (p painter) jsonObject(page *bytes.Buffer, keys []string, row []any) {
	page.WriteByte('{')
	for i, cell := range row {
		if i > 0 {
			page.WriteByte(',')
		}
		page.WriteString(keys[i])
		switch cell.(type) {
		case nil:
			page.WriteString("null")
		case int, int64, bool, commands.Nested:
			page.WriteString(p.bare(cell))
		default:
			page.WriteString(jsonString(p.bare(cell)))
		}
	}
	page.WriteByte('}')
}

// ndjson writes one object per line (https://github.com/ndjson/ndjson-spec).
func (p painter) ndjson(page *bytes.Buffer, out commands.Output) {
	keys := jsonKeys(out)
	for _, row := range out.Rows {
		p.jsonObject(page, keys, row)
		page.WriteByte('\n')
	}
}

// jsonString quotes the text.
func jsonString(s string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // cannot fail for a string and a buffer
	return safeJSON(strings.TrimSuffix(b.String(), "\n"))
}

// safeJSON escapes control characters that JSON allows unescaped. The value stays the same and is safe on a terminal.
func safeJSON(quoted string) string {
	if strings.IndexFunc(quoted, isControl) < 0 {
		return quoted
	}
	var safe strings.Builder
	for _, r := range quoted {
		if !isControl(r) {
			safe.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&safe, `\u%04x`, unit)
		}
	}
	return safe.String()
}

// csv writes RFC 4180 with a header and "\n" at the end of a line.
func (p painter) csv(page *bytes.Buffer, out commands.Output) error {
	if p.Excel {
		page.WriteString("\ufeff") // without it Excel assumes an old code page
	}
	w := p.csvWriter(page)
	if err := w.Write(columnNames(out)); err != nil {
		return err
	}
	w.Flush()
	return p.csvRows(page, out)
}

func (p painter) csvRows(page *bytes.Buffer, out commands.Output) error {
	w, record := p.csvWriter(page), make([]string, len(out.Columns))
	for _, row := range out.Rows {
		for i, cell := range row {
			record[i] = p.guard(p.inert(cell))
		}
		if len(record) == 1 && record[0] == "" { // because readers skip an empty line
			w.Flush()
			page.WriteString("\"\"\n")
			continue
		}
		if err := w.Write(record); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// csvWriter returns a CSV writer. With --excel the delimiter is a semicolon if the locale's decimal separator is a
// comma.
func (p painter) csvWriter(page *bytes.Buffer) *csv.Writer {
	w := csv.NewWriter(page)
	if p.Excel && p.amounts.Decimal() == "," {
		w.Comma = ';'
	}
	return w
}

// tsv writes a header and one line per record. Tab, line breaks and backslash in a value are written \t, \n, \r and
// \\, and a quote that begins it \".
func (p painter) tsv(page *bytes.Buffer, out commands.Output) {
	page.WriteString(strings.Join(columnNames(out), "\t") + "\n")
	p.tsvRows(page, out)
}

func (p painter) tsvRows(page *bytes.Buffer, out commands.Output) {
	escape := strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)
	for _, row := range out.Rows {
		for i, cell := range row {
			if i > 0 {
				page.WriteByte('\t')
			}
			text := escape.Replace(p.inert(cell))
			if strings.HasPrefix(text, `"`) {
				text = `\` + text
			}
			page.WriteString(p.guard(text))
		}
		page.WriteByte('\n')
	}
}

// inert returns a cell's text. Unless Raw is set, a spreadsheet does not run it as a formula.
func (p painter) inert(cell any) string {
	text := p.bare(cell)
	if _, isText := cell.(string); isText && !p.Raw {
		return commands.Inert(text)
	}
	return text
}

// guard escapes control characters if the output is a terminal.
func (p painter) guard(s string) string {
	if p.Width == 0 {
		return s
	}
	return Escape(s)
}

func columnNames(out commands.Output) []string {
	names := make([]string, len(out.Columns))
	for i, c := range out.Columns {
		names[i] = c.Name
	}
	return names
}
