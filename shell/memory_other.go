//go:build !linux

package shell

import "runtime/debug"

// releaseMemory gives back to the system what the password has taken (argon2id, 64 MiB): the heap could grow to twice
// as much.
func releaseMemory() { debug.FreeOSMemory() }
