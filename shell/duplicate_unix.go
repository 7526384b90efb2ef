//go:build unix

package shell

import (
	"os"

	"golang.org/x/sys/unix"
)

// duplicate returns a copy of a file with a descriptor of its own.
func duplicate(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}
