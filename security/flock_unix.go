//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package security

import (
	"errors"
	"os"
	"syscall"
)

// flock waits for an exclusive lock of the file, which lasts until the file is closed. Two openings of one file exclude
// each other, also in one process.
func flock(file *os.File) error {
	for {
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
