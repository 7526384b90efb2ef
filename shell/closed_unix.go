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

// SeemsClosed reports whether out is the null device, open for reading and writing. Go opens it so in the place of a
// descriptor that the caller closed (>&-). Some callers discard output in the same way, and nothing tells the two
// apart, so this is a reason for a warning only.
func SeemsClosed(out *os.File) bool {
	file, err := out.Stat()
	if err != nil {
		return true
	}
	null, err := os.Stat(os.DevNull)
	if err != nil || !os.SameFile(file, null) {
		return false
	}
	flags, err := unix.FcntlInt(out.Fd(), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_ACCMODE == unix.O_RDWR
}
