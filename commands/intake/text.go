package intake

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// This file reads CSV: it recognises the encoding and the delimiter.

// mostRecord is the number of bytes that one row may have. A quote that is never closed takes the rest of the file.
const mostRecord = 1 << 20

var errLong = errors.New("the row is too long")

// readText reads a file of text with one row a line, and delimiters between its values.
func (f *File) readText(head []byte) error {
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
	comma, skip := delimiter(string(first))
	if _, err := text.Discard(skip); err != nil {
		return err
	}
	if comma == '\t' && !quoted.Match(first) {
		return f.readTabs(text)
	}
	limited := &limitedReader{r: text}
	r := csv.NewReader(limited)
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = comma, -1, true
	lead := min(skip, 1) // lines before
	last := lead         // where the row before ends
	f.next = func() (Row, error) {
		limited.left = mostRecord
		cells, err := r.Read()
		if err != nil {
			return Row{}, malformed(err, lead, last)
		}
		line, _ := r.FieldPos(0)
		end, _ := r.FieldPos(len(cells) - 1)
		last = lead + end + strings.Count(cells[len(cells)-1], "\n")
		return Row{lead + line, append([]string(nil), cells...)}, nil
	}
	f.Header, err = f.nextRow()
	if errors.Is(err, io.EOF) {
		return problem("", "has no rows")
	}
	return err
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
			if errors.Is(lines.Err(), bufio.ErrTooLong) {
				return Row{}, problem("", "has a line of more than %d KiB: line %d", mostRecord>>10, line+1)
			}
			if lines.Err() != nil {
				return Row{}, malformed(lines.Err(), 0, line)
			}
			return Row{}, io.EOF
		}
		line++
		if quoted.Match(lines.Bytes()) {
			return Row{}, problem("save it as CSV", "has a value in quotes on line %d, and none before it", line)
		}
		return Row{line, strings.Split(lines.Text(), "\t")}, nil
	}
	var err error
	if f.Header, err = f.nextRow(); errors.Is(err, io.EOF) {
		return problem("", "has no rows")
	}
	return err
}

// malformed returns the error of a row for users. last is the line where the row before it ends.
func malformed(err error, lead, last int) error {
	const hint = `a quote inside a value is written twice, as in "the ""Bouzin"" lot"`
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

// delimiter returns the delimiter of the first line, and the number of bytes before it: a line such as sep=; that
// spreadsheets write.
func delimiter(text string) (comma rune, skip int) {
	line, _, _ := strings.Cut(text, "\n")
	if rest, found := strings.CutPrefix(strings.TrimRight(line, "\r"), "sep="); found &&
		utf8.RuneCountInString(rest) == 1 {
		r, _ := utf8.DecodeRuneInString(rest)
		return r, min(len(line)+1, len(text))
	}
	best, quoted := 0, false
	count := map[rune]int{}
	for _, r := range text {
		if r == '"' {
			quoted = !quoted
		}
		if r == '\n' && !quoted {
			break
		}
		if !quoted {
			count[r]++
		}
	}
	comma = ','
	for _, r := range ",;\t|" {
		if count[r] > best {
			comma, best = r, count[r]
		}
	}
	return comma, 0
}

// decoded returns the file as UTF-8 without a byte order mark. Without such a mark, text is UTF-8 if all of it is
// valid, else UTF-16 if every other byte at its start is 0, else Windows-1252, which includes Latin-1.
func decoded(file *os.File, head []byte) (io.Reader, error) {
	from := marked(head)
	if from == nil {
		isUTF8, err := isUTF8(file)
		if err != nil {
			return nil, err
		}
		if isUTF8 {
			return file, nil
		}
		from = charmap.Windows1252
	}
	return transform.NewReader(file, from.NewDecoder()), nil
}

// marked returns the encoding of a text with a byte order mark, or UTF-16 if every other byte of its head is 0; nil
// for other texts.
func marked(head []byte) encoding.Encoding {
	zeros := [2]int{}
	for i, b := range head {
		if b == 0 {
			zeros[i%2]++
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")), zeros[1] > len(head)/3 && zeros[0] == 0:
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case bytes.HasPrefix(head, []byte("\xfe\xff")), zeros[0] > len(head)/3 && zeros[1] == 0:
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		return unicode.UTF8BOM
	}
	return nil
}

// isUTF8 reports whether all of a file is valid UTF-8, and seeks to its start.
func isUTF8(file *os.File) (bool, error) {
	buffer, kept := make([]byte, most), 0
	for {
		n, err := file.Read(buffer[kept:])
		text := buffer[:kept+n]
		for len(text) > 0 {
			r, size := utf8.DecodeRune(text)
			if r == utf8.RuneError && size == 1 {
				if utf8.FullRune(text) || errors.Is(err, io.EOF) {
					_, err := file.Seek(0, io.SeekStart)
					return false, err
				}
				break
			}
			text = text[size:]
		}
		kept = copy(buffer, text)
		if errors.Is(err, io.EOF) {
			_, err := file.Seek(0, io.SeekStart)
			return true, err
		}
		if err != nil {
			return false, fmt.Errorf("reading: %w", err)
		}
	}
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
