package commands

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// files is the directory by which a file without a name can be given one (open(2), O_TMPFILE).
const files = "/proc/self/fd"

// createUnnamed creates a file without a name on the file system of a directory.
func createUnnamed(dir string) (*os.File, error) {
	if _, err := os.Stat(files); err != nil {
		return nil, err
	}
	return os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
}

func nameFile(f *os.File, path string) error {
	return unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("%s/%d", files, f.Fd()), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
}
