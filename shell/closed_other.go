//go:build !unix

package shell

import "os"

// SeemsClosed reports whether out cannot be written to.
func SeemsClosed(out *os.File) bool {
	_, err := out.Stat()
	return err != nil
}
