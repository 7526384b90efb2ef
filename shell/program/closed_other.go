//go:build !unix

package program

import "os"

// outputClosed reports whether standard output cannot be written to.
func outputClosed() (closed, certain bool) {
	_, err := os.Stdout.Stat()
	return err != nil, true
}
