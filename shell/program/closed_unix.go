//go:build !cgo && unix

package program

import (
	"os"

	"golang.org/x/sys/unix"
)

// outputClosed reports whether standard output is the null device, open for reading and writing. The Go runtime opens
// it so in the place of a descriptor that the caller closed (>&-). Some callers discard output in the same way, and
// without C nothing tells the two apart.
func outputClosed() (closed, certain bool) {
	file, err := os.Stdout.Stat()
	if err != nil {
		return true, false
	}
	null, err := os.Stat(os.DevNull)
	if err != nil || !os.SameFile(file, null) {
		return false, false
	}
	flags, err := unix.FcntlInt(os.Stdout.Fd(), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_ACCMODE == unix.O_RDWR, false
}
