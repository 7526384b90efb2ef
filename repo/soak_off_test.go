//go:build !soak

package repo_test

import "time"

// soak is the duration of the torture; 0 means a fixed number of lines.
const soak = time.Duration(0)

// stride is the number of bytes between two cuts of a connection.
func stride(everyday int) int { return everyday }
