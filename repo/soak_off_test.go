//go:build !soak

package repo_test

import "time"

// soak is how long the torture lasts; 0: for a fixed number of lines.
const soak = time.Duration(0)

// stride is how many bytes a test of cuts goes on between two: few enough for every day.
func stride(everyday int) int { return everyday }
