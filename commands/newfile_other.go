//go:build !linux

package commands

import (
	"errors"
	"os"
)

// createUnnamed fails: only Linux has files without a name.
func createUnnamed(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func nameFile(*os.File, string) error { return errors.ErrUnsupported }
