//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package security

import "os"

// flock does nothing: this system has no flock.
func flock(*os.File) error { return nil }
