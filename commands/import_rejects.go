package commands

import (
	"encoding/csv"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"crm/commands/intake"
)

// This file writes the refused rows of an import to a file.

// rejects are refused rows. They are written to a file beside the imported one at once, so memory does not grow with
// them.
type rejects struct {
	file       string                   // that is imported
	comma      rune                     // between the values
	raw        bool                     // as the import reads it
	plain      func(cell string) string // what the import reads
	header     []string
	hasReasons bool // in the last column: the file has the refused rows of an earlier import
	count      int
	lines      []string // the first ones, for the screen

	name   string // of the file of refused rows
	to     *NewFile
	sum    hash.Hash32 // of its content
	writer *csv.Writer
}

// reasonHeaders are the last headers of files of refused rows. The second one is for files that have the first one
// themselves.
var reasonHeaders = []string{"reason", "reason of refusal"}

// rejectComma returns what is between the values of refused rows: as in the imported file, and of a workbook as Excel
// expects it in the locale.
func rejectComma(l Locale, file *intake.File) rune {
	switch {
	case file.Comma == ';', file.Comma == '|':
		return file.Comma
	case file.Sheet != "" && NewAmountFormat(l).Decimal() == ",":
		return ';'
	}
	return ','
}

// add adds a row and the reasons.
func (r *rejects) add(row intake.Row, unit, why string) (err error) {
	if r.count++; r.count <= mostReported {
		r.lines = append(r.lines, fmt.Sprintf("%s %d: %s", unit, row.Line, why))
	}
	if r.to == nil {
		if err := r.begin(); err != nil {
			return r.unwritten(err)
		}
	}
	var cells []string
	for _, c := range r.withoutReason(row.Cells) {
		cells = append(cells, r.plain(c))
	}
	for len(cells) < len(r.withoutReason(r.header)) { // a short row, so that the reason is under its header
		cells = append(cells, "")
	}
	return r.unwritten(r.write(append(cells, why)))
}

// begin creates the file and writes its header. The file does not appear before keep.
func (r *rejects) begin() (err error) {
	isFree := false
	for n := 1; !isFree; n++ {
		if r.name = r.file + ".rejected.csv"; n > 1 {
			r.name = fmt.Sprintf("%s.rejected-%d.csv", r.file, n)
		}
		if isFree, err = isReplaceable(r.name); err != nil {
			return err
		}
	}
	if r.to, err = CreateNew(r.name); err != nil {
		return err
	}
	r.sum = crc32.NewIEEE()
	both := io.MultiWriter(r.to, r.sum)
	if r.comma == ';' { // for Excel, which else takes it for Windows-1252
		if _, err := io.WriteString(both, "\ufeff"); err != nil {
			return err
		}
	}
	r.writer = csv.NewWriter(both)
	r.writer.Comma = r.comma
	headers := slices.Clone(r.withoutReason(r.header))
	reason := reasonHeaders[0]
	if slices.ContainsFunc(headers, func(h string) bool { return plainHeader(h) == reason }) {
		reason = reasonHeaders[1]
	}
	return r.write(append(headers, reason))
}

// withoutReason returns the cells of a row without the reason of an earlier import.
func (r *rejects) withoutReason(cells []string) []string {
	if !r.hasReasons || len(cells) < len(r.header) {
		return cells
	}
	return slices.Clone(cells[:len(cells)-1]) // it is behind the values that have no header too
}

// isReplaceable reports whether there is no file with the name, or only one of refused rows that nobody needs any more:
// its import has written nothing, and nobody has corrected it; see keep. It returns the error of a name that cannot be
// looked up, such as one that is too long.
func isReplaceable(name string) (bool, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, err
	case !info.Mode().IsRegular(): // opening a named pipe would wait
		return false, nil
	}
	there, err := os.Open(name)
	if err != nil {
		return false, nil // it is somebody else's
	}
	defer there.Close()
	sum := crc32.NewIEEE()
	_, err = io.Copy(sum, there)
	return err == nil && info.ModTime().Nanosecond() == fraction(sum), nil
}

// fraction returns a checksum as nanoseconds.
func fraction(sum hash.Hash32) int { return int(sum.Sum32() % uint32(time.Second)) }

// keep makes the file appear. One that may be replaced has its checksum as the fraction of a second of its time, which
// any change of the file loses.
func (r *rejects) keep(replaceable bool) error {
	if r.to == nil {
		return nil
	}
	r.writer.Flush()
	err := errors.Join(r.writer.Error(), r.to.Sync())
	if err == nil {
		err = r.to.Appear(r.name)
	}
	if err == nil && replaceable {
		at := time.Now().Truncate(time.Second).Add(time.Duration(fraction(r.sum)))
		err = os.Chtimes(r.name, at, at)
	}
	return r.unwritten(err)
}

// forget removes a file that is kept, because the other rows were not imported either.
func (r *rejects) forget() {
	if r.to != nil {
		_ = os.Remove(r.name)
	}
}

// write writes a record. A cell that a spreadsheet would evaluate gets an apostrophe, which an import removes, unless
// the import reads cells as they are.
func (r *rejects) write(cells []string) error {
	for i, c := range cells {
		if !r.raw {
			cells[i] = Inert(c)
		}
	}
	return r.writer.Write(cells)
}

func (r *rejects) unwritten(err error) error {
	if err == nil {
		return nil
	}
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return &worded{
		fmt.Sprintf("the refused rows cannot be written to %s: %v: nothing was imported", r.name, err), "",
		ErrOutput,
	}
}

// drop removes the file unless it is kept.
func (r *rejects) drop() {
	if r.to != nil {
		r.to.Drop()
	}
}
