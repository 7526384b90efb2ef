package commands

import (
	"encoding/csv"
	"errors"
	"fmt"
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
	file   string                   // that is imported
	time   time.Time                // when it was changed last
	raw    bool                     // as the import reads it
	plain  func(cell string) string // what the import reads
	header []string
	count  int
	lines  []string // the first ones, for the screen

	to     *NewFile
	writer *csv.Writer
}

// name returns the name of the file of refused rows.
func (r *rejects) name() string { return r.file + ".rejected.csv" }

// add adds a row and the reasons.
func (r *rejects) add(row intake.Row, unit, why string) (err error) {
	if r.count++; r.count <= mostReported {
		r.lines = append(r.lines, fmt.Sprintf("%s %d: %s", unit, row.Line, why))
	}
	header := r.withoutReason(r.header)
	if r.to == nil {
		if err := r.isTaken(); err != nil {
			return err
		}
		r.to, err = CreateNew(r.name())
		if err != nil {
			return r.unwritten(err)
		}
		r.writer = csv.NewWriter(r.to)
		if err := r.write(append(slices.Clone(header), reasonHeader)); err != nil {
			return r.unwritten(err)
		}
	}
	var cells []string
	for _, c := range r.withoutReason(row.Cells) {
		cells = append(cells, r.plain(c))
	}
	for len(cells) < len(header) { // a short row, so that the reason is under its header
		cells = append(cells, "")
	}
	return r.unwritten(r.write(append(cells, why)))
}

// reasonHeader is the last header of a file of refused rows.
const reasonHeader = "reason"

// withoutReason returns the cells of a row without the reason of an earlier import, whose refused rows are imported
// again.
func (r *rejects) withoutReason(cells []string) []string {
	last := len(r.header) - 1
	if last < 0 || r.header[last] != reasonHeader || len(cells) <= last {
		return cells
	}
	return slices.Delete(slices.Clone(cells), last, last+1)
}

// isTaken returns an error if a file with the name is there that may not be replaced: one that is no file of refused
// rows, or that someone has corrected. Until then, such a file has the time of the imported one; see keep.
func (r *rejects) isTaken() error {
	info, err := os.Stat(r.name())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil || !info.Mode().IsRegular() || !r.isOfRefused(): // opening a named pipe would wait
		return &worded{
			show(r.name()) + " is there and is no file of refused rows: nothing was imported",
			"move it away: the refused rows are written there", ErrOutput,
		}
	case info.ModTime().After(r.time):
		return &worded{
			show(r.name()) + " has been changed since its rows were refused: nothing was imported",
			"import it, or move it away: the refused rows are written there", ErrOutput,
		}
	}
	return nil
}

// isOfRefused reports whether the file with the name has refused rows.
func (r *rejects) isOfRefused() bool {
	there, err := os.Open(r.name())
	if err != nil {
		return false
	}
	defer there.Close()
	header, err := csv.NewReader(io.LimitReader(there, 1<<20)).Read()
	return err == nil && header[len(header)-1] == reasonHeader
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
		fmt.Sprintf("the refused rows cannot be written to %s: %v: nothing was imported", r.name(), err), "",
		ErrOutput,
	}
}

// keep makes the file appear, with the time of the imported one; see isTaken.
func (r *rejects) keep() error {
	if r.to == nil {
		return nil
	}
	r.writer.Flush()
	err := errors.Join(r.writer.Error(), r.to.Sync())
	if err == nil {
		err = r.to.Appear(r.name())
	}
	if err == nil {
		err = os.Chtimes(r.name(), r.time, r.time)
	}
	return r.unwritten(err)
}

// drop removes the file unless it is kept.
func (r *rejects) drop() {
	if r.to != nil {
		r.to.Drop()
	}
}
