// Package intake reads rows of text from files as other programs write them: CSV with any usual delimiter and
// encoding, XLSX, JSON, Markdown and vCard. It knows nothing of what the rows mean.
package intake

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// A Row is one row of a file.
type Row struct {
	Line  int // where it begins, from 1: a line of text, a row of a sheet, a card
	Cells []string
	Odd   map[int]string // what a cell, by its place, is instead of a text or number: "is a list"; nil: none
}

// A File is read row by row. Its memory does not grow with it.
type File struct {
	Header Row
	Unit   string // of Row.Line: "line", "row", "card" or "record"
	Tabs   bool   // values are between tabs, and none of them is in quotes
	// Delimited: the file is CSV or tab-separated, so an export may have put an apostrophe before a text.
	Delimited bool
	Comma     rune // between the values of CSV; 0: the file is not CSV
	// Moment returns the day or time that a number stands for, as text, and other texts as they are. A workbook has
	// such numbers in cells without a format. nil: the file has none.
	Moment func(text string) string

	Cards   *Cards // nil: the rows are not of vCards
	Outside Lines  // of Markdown: those that are not read, because they are not in the first table

	Sheet       string   // of a workbook, which is read
	OtherSheets []string // of it, which are visible and not read

	// Unsaved has the columns of a workbook with a formula whose result was not saved, by their place.
	Unsaved map[int]Unsaved

	markdown bool
	rows     func() (done, total int64) // of a workbook; nil: progress is counted in bytes
	next     func() (Row, error)
	close    func() error
	file     *os.File
	began    fs.FileInfo
}

// A Problem is an error that a user can mend, with a text for them.
type Problem struct{ Text, Hint string }

func (p *Problem) Error() string { return p.Text }

func problem(hint, format string, args ...any) error {
	return &Problem{fmt.Sprintf(format, args...), hint}
}

// Open opens a file and reads its header. It recognises the format by the content.
func Open(path string) (*File, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // opening a pipe would wait for a writer
		return nil, problem("save it as a file first", "%s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, problem("", "%s cannot be read: %v", path, reason(err))
	}
	opened, err := open(path, f)
	if err != nil {
		_ = f.Close()
		return nil, of(path, err)
	}
	return opened, nil
}

// of returns the error as a Problem that names the file.
func of(path string, err error) error {
	var p *Problem
	if errors.As(err, &p) {
		return problem(p.Hint, "%s %s", path, p.Text)
	}
	return problem("", "%s cannot be read: %v", path, reason(err))
}

// reason returns the error without the path that a PathError repeats.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

const most = 64 << 10 // bytes from which the kind of a file is recognised

func open(path string, f *os.File) (*File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	head := make([]byte, most)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	head = head[:n]
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	opened := &File{file: f, began: info, close: func() error { return nil }, Unit: "line"}
	text := head
	if from := marked(head); from != nil {
		if text, err = from.NewDecoder().Bytes(head); err != nil {
			return nil, err
		}
	}
	text = bytes.ToLower(bytes.TrimLeft(text, " \t\r\n"))
	begins := func(marks ...string) bool {
		for _, m := range marks {
			if bytes.HasPrefix(text, []byte(m)) {
				return true
			}
		}
		return false
	}
	switch {
	case len(text) == 0:
		return nil, problem("", "is empty")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		err = opened.readWorkbook()
	case bytes.HasPrefix(head, []byte("\xd0\xcf\x11\xe0")):
		return nil, problem("save it as .xlsx or CSV", "is a workbook of an old or protected kind")
	case begins("<!doctype", "<html", "<table", "<?xml", "<meta", "<head", "<body"):
		return nil, problem("open it and save it as .xlsx or CSV", "is HTML or XML, whatever its name says")
	case begins("begin:vcalendar"):
		return nil, problem("an import of events reads CSV, XLSX and JSON", "is a calendar, which is only written")
	case objects.Match(text):
		err = opened.readJSON(head)
	case begins("begin:vcard"):
		err = opened.readCards(head)
	default:
		err = opened.readText(path, head)
	}
	if err != nil {
		return nil, err
	}
	if err := opened.passTitles(); err != nil {
		return nil, errors.Join(err, opened.close())
	}
	return opened, nil
}

const mostTitles = 10 // rows above the header

// passTitles moves the header to the first row with several values, if the rows above it have one each: titles of the
// sheet. In a text the row below it must have several values too: a single one may be a mistake in a list of one
// column. Without such a row the first one stays the header.
func (f *File) passTitles() error {
	if f.Header.Line == 0 || f.markdown {
		return nil
	}
	rows, end := []Row{f.Header}, error(nil)
	for {
		last := len(rows) - 1
		below := 0 // rows that must have several values below the header
		if f.Unit == "line" && last > 0 {
			below = 1
		}
		if at := last - below; at >= 0 && filled(rows[at].Cells) > 1 && filled(rows[last].Cells) > 1 {
			f.Header = rows[at]
			f.readFirst(rows[at+1:])
			return nil
		}
		if len(rows) > mostTitles || end != nil {
			f.readFirst(rows[1:])
			return nil
		}
		row, err := f.nextRow()
		if end = err; err != nil && !errors.Is(err, io.EOF) {
			return err
		} else if err == nil {
			rows = append(rows, row)
		}
	}
}

// readFirst puts rows that were read before those that are read next.
func (f *File) readFirst(rows []Row) {
	next := f.next
	f.next = func() (Row, error) {
		if len(rows) > 0 {
			row := rows[0]
			rows = rows[1:]
			return row, nil
		}
		return next()
	}
}

// Next returns the next row that is not blank; io.EOF after the last one. Other errors are Problems.
func (f *File) Next() (Row, error) {
	row, err := f.nextRow()
	if err != nil && !errors.Is(err, io.EOF) {
		return Row{}, of(f.file.Name(), err)
	}
	return row, err
}

// nextRow is Next; its errors do not name the file.
func (f *File) nextRow() (Row, error) {
	for {
		row, err := f.next()
		if err != nil {
			return Row{}, err
		}
		if filled(row.Cells) > 0 {
			return row, nil
		}
	}
}

// Changed reports whether the file was changed since it was opened.
func (f *File) Changed() bool {
	info, err := os.Stat(f.file.Name()) // programs save a file under another name and rename it
	return err != nil || !os.SameFile(info, f.began) || info.Size() != f.began.Size() ||
		!info.ModTime().Equal(f.began.ModTime())
}

// Counts returns the unit of Progress: "bytes" or "rows".
func (f *File) Counts() string {
	if f.rows != nil {
		return "rows"
	}
	return "bytes"
}

// Progress returns how far the file is read. A total of -1 is unknown.
func (f *File) Progress() (done, total int64) {
	if f.rows != nil {
		return f.rows()
	}
	at, err := f.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, f.began.Size()
	}
	return at, f.began.Size()
}

// Close ends reading.
func (f *File) Close() error { return errors.Join(f.close(), f.file.Close()) }
