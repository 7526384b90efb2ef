//go:build !unix

package shell

import (
	"errors"
	"os"
)

func duplicate(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }

// SeemsClosed reports whether out cannot be written to.
func SeemsClosed(out *os.File) bool {
	_, err := out.Stat()
	return err != nil
}
