package commands

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
)

// A NewFile is a file of mode 0600 that appears when it is complete. Until then it has no name, so that nothing is left
// of it when the program is killed (open(2), O_TMPFILE). Where that is not possible it has a hidden name beside its
// own.
type NewFile struct {
	*os.File
	hidden string // its path; empty: it has none
}

// CreateNew begins a file that is to appear at the path.
func CreateNew(path string) (*NewFile, error) {
	if file, err := createUnnamed(filepath.Dir(path)); err == nil {
		return &NewFile{File: file}, nil
	}
	file, err := os.CreateTemp(filepath.Dir(path), hiddenName(path)+"*")
	if err != nil {
		return nil, err
	}
	return &NewFile{file, file.Name()}, nil
}

func hiddenName(path string) string { return "." + filepath.Base(path) + "." }

// Appear closes the file and gives it the path; a file that is there is replaced.
func (f *NewFile) Appear(path string) error {
	if f.hidden == "" {
		hidden := filepath.Join(filepath.Dir(path), hiddenName(path)+rand.Text())
		if err := nameFile(f.File, hidden); err != nil {
			return err
		}
		f.hidden = hidden
	}
	err := errors.Join(f.Close(), os.Rename(f.hidden, path))
	if err == nil {
		f.hidden = ""
	}
	return err
}

// Drop closes the file and removes it, unless it has appeared.
func (f *NewFile) Drop() {
	_ = f.Close()
	if f.hidden != "" {
		_ = os.Remove(f.hidden)
	}
}
