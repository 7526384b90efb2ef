package commands

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"crm/commands/intake"
)

// This file writes the refused rows of an import to a file.

// rejects are refused rows. They are written to a file beside the imported one at once, so memory does not grow with
// them.
type rejects struct {
	file   string                   // that is imported
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
		if r.isForeign() {
			return &worded{
				show(r.name()) + " is there and is no file of refused rows: nothing was imported",
				"move it away: the refused rows are written there", ErrOutput,
			}
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

// isForeign reports whether a file with the name is there that is no file of refused rows, or none that can be read.
func (r *rejects) isForeign() bool {
	info, err := os.Stat(r.name())
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err != nil || !info.Mode().IsRegular() { // opening a named pipe would wait
		return true
	}
	there, err := os.Open(r.name())
	if err != nil {
		return true
	}
	defer there.Close()
	header, err := csv.NewReader(io.LimitReader(there, 1<<20)).Read()
	return err != nil || header[len(header)-1] != reasonHeader
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

// keep makes the file appear.
func (r *rejects) keep() error {
	if r.to == nil {
		return nil
	}
	r.writer.Flush()
	err := errors.Join(r.writer.Error(), r.to.Sync())
	if err == nil {
		err = r.to.Appear(r.name())
	}
	return r.unwritten(err)
}

// drop removes the file unless it is kept.
func (r *rejects) drop() {
	if r.to != nil {
		r.to.Drop()
	}
}
