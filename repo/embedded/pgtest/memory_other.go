//go:build !linux

package pgtest

// inMemory does nothing: only Linux has /dev/shm.
func inMemory() {}
