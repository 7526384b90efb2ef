package intake

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// This file reads CSV: it recognises the delimiter.

// mostRecord is the number of bytes that one row may have. A quote that is never closed takes the rest of the file.
const mostRecord = 1 << 20

var errLong = errors.New("the row is too long")

// readText reads a file of text with one row a line, and delimiters between its values.
func (f *File) readText(path string, head []byte) error {
	decoded, err := decoded(f.file, head)
	if err != nil {
		return err
	}
	text := bufio.NewReaderSize(decoded, most)
	first, err := text.Peek(most)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return err
	}
	if bytes.Count(first, []byte{0}) > 0 {
		return problem("save it as CSV or .xlsx", "is not text: it has NUL characters")
	}
	if bytes.ContainsRune(first, '\r') && !bytes.ContainsRune(first, '\n') {
		text = bufio.NewReaderSize(oldLines{text}, most)
		if first, err = text.Peek(most); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	if isMarkdown(path) || headed.Match(first) {
		return f.readMarkdown(text)
	}
	f.Delimited = true
	comma, skip := delimiter(string(first))
	if _, err := text.Discard(skip); err != nil {
		return err
	}
	if comma == '\t' && !quoted.Match(first) {
		return f.readTabs(text)
	}
	return f.readCSV(text, comma, min(skip, 1))
}

// readCSV reads values with delimiters between them. lead is the number of lines before.
func (f *File) readCSV(text io.Reader, comma rune, lead int) (err error) {
	f.Comma = comma
	limited := &limitedReader{r: text}
	raw := &recentReader{r: limited}
	r := csv.NewReader(raw)
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = comma, -1, true
	last := lead // where the row before ends
	f.next = func() (Row, error) {
		limited.left = mostRecord
		began := r.InputOffset()
		cells, err := r.Read()
		text := raw.until(began, r.InputOffset())
		var p *csv.ParseError
		if errors.As(err, &p) && errors.Is(p.Err, csv.ErrBareQuote) && isBare(text, comma) {
			last = lead + p.Line
			return Row{Line: last, Cells: bare(text, comma)}, nil
		}
		if err != nil {
			return Row{}, malformed(err, lead, last)
		}
		line, _ := r.FieldPos(0)
		end, _ := r.FieldPos(len(cells) - 1)
		last = lead + end + strings.Count(cells[len(cells)-1], "\n")
		return Row{Line: lead + line, Cells: append([]string(nil), cells...)}, nil
	}
	f.Header, err = f.nextRow()
	if errors.Is(err, io.EOF) {
		return problem("", "has no rows")
	}
	return err
}

// A recentReader keeps what was read until it is asked for.
type recentReader struct {
	r    io.Reader
	kept []byte
	at   int64 // of the first kept byte
}

func (r *recentReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.kept = append(r.kept, p[:n]...)
	return n, err
}

// until returns the bytes between two places, and forgets those before the second one. They are valid until the next
// read.
func (r *recentReader) until(from, to int64) []byte {
	text := r.kept[from-r.at : to-r.at]
	r.kept, r.at = r.kept[to-r.at:], to
	return text
}

// isBare reports whether no value of a text that has quotes goes on in the next line.
func isBare(text []byte, comma rune) bool {
	opens := bytes.HasPrefix(text, []byte{'"'}) || bytes.Contains(text, []byte(string(comma)+`"`))
	return bytes.Count(text, []byte{'\n'}) <= 1 && (!opens || bytes.Count(text, []byte{'"'})%2 == 0)
}

// bare returns the cells of a line with quotes in values without quotes, such as 5" rail, which are characters there.
func bare(line []byte, comma rune) []string {
	r := csv.NewReader(bytes.NewReader(line))
	r.Comma, r.LazyQuotes = comma, true
	cells, err := r.Read()
	if err != nil {
		return strings.Split(strings.TrimRight(string(line), "\r\n"), string(comma))
	}
	return cells
}

// oldLines is a text whose lines end with a carriage return alone, as Excel writes "CSV (Macintosh)".
type oldLines struct{ r io.Reader }

func (o oldLines) Read(p []byte) (int, error) {
	n, err := o.r.Read(p)
	for i, b := range p[:n] {
		if b == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

// quoted matches a value in quotes between tabs.
var quoted = regexp.MustCompile(`(?m)(^|\t)"`)

// readTabs reads a file of tab-separated values without quotes, as exports write it: a quote is a character.
func (f *File) readTabs(text io.Reader) error {
	lines, line := bufio.NewScanner(text), 0
	lines.Buffer(make([]byte, most), mostRecord)
	f.Tabs = true
	f.next = func() (Row, error) {
		if !lines.Scan() {
			return Row{}, endOf(lines, line)
		}
		line++
		if quoted.Match(lines.Bytes()) {
			return Row{}, problem("save it as CSV", "has a value in quotes on line %d, and none before it", line)
		}
		return Row{Line: line, Cells: strings.Split(lines.Text(), "\t")}, nil
	}
	var err error
	if f.Header, err = f.nextRow(); errors.Is(err, io.EOF) {
		return problem("", "has no rows")
	}
	return err
}

// endOf returns why there is no line after the last one: io.EOF, or an error for users.
func endOf(lines *bufio.Scanner, last int) error {
	switch {
	case errors.Is(lines.Err(), bufio.ErrTooLong):
		return problem("", "has a line of more than %d KiB: line %d", mostRecord>>10, last+1)
	case lines.Err() != nil:
		return malformed(lines.Err(), 0, last)
	}
	return io.EOF
}

// malformed returns the error of a row for users. last is the line where the row before it ends.
func malformed(err error, lead, last int) error {
	const hint = `a quote inside a value is written twice, and the value in quotes: "the ""Bouzin"" lot"`
	var p *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, errLong):
		return problem(hint, "has a row of more than %d KiB, which begins on line %d: is a quote open there?",
			mostRecord>>10, last+1)
	case errors.As(err, &p) && errors.Is(p.Err, csv.ErrBareQuote):
		return problem(hint, "has a quote inside a value on line %d, column %d", lead+p.Line, p.Column)
	case errors.As(err, &p) && errors.Is(p.Err, csv.ErrQuote):
		return problem(hint, "has a quote that opens on line %d and is not closed as it should be (line %d)", lead+
			p.StartLine, lead+p.Line)
	}
	return problem("", "cannot be read to its end: %v", reason(err))
}

// A limitedReader fails when more than left bytes are read before left is set again. Its caller reads ahead, so the
// limit is not exact.
type limitedReader struct {
	r    io.Reader
	left int
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLong
	}
	n, err := l.r.Read(p)
	l.left -= n
	return n, err
}

// mostSampled is the number of lines by which the delimiter is recognised.
const mostSampled = 50

// delimiter returns the delimiter of a text, and the number of bytes before the text: a line such as sep=; that
// spreadsheets write. Most lines have it, and equally often; titles above the header have none or others.
func delimiter(text string) (comma rune, skip int) {
	line, _, _ := strings.Cut(text, "\n")
	if rest, found := strings.CutPrefix(strings.TrimRight(line, "\r"), "sep="); found &&
		utf8.RuneCountInString(rest) == 1 {
		r, _ := utf8.DecodeRuneInString(rest)
		return r, min(len(line)+1, len(text))
	}
	comma = ','
	best := [3]int{} // lines with the delimiter, lines with the same number of it, and that number
	lines := counted(text)
	for _, r := range ";\t|," { // a comma may be one in texts or amounts
		same, with := map[int]int{}, 0
		for _, count := range lines {
			if n := count[r]; n > 0 {
				same[n]++
				with++
			}
		}
		for n, times := range same {
			if score := [3]int{with, times, n}; slices.Compare(score[:], best[:]) > 0 {
				comma, best = r, score
			}
		}
	}
	return comma, 0
}

// counted returns how many of each possible delimiter the first lines have outside of quotes. A quote that is not
// closed takes the last line.
func counted(text string) (lines []map[rune]int) {
	count, quoted := map[rune]int{}, false
	for _, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '\n':
			if lines = append(lines, count); len(lines) == mostSampled {
				return lines
			}
			count = map[rune]int{}
		case strings.ContainsRune(",;\t|", r):
			count[r]++
		}
	}
	return append(lines, count)
}

// filled returns the number of cells with a value.
func filled(cells []string) (n int) {
	for _, c := range cells {
		if strings.TrimSpace(c) != "" {
			n++
		}
	}
	return n
}
