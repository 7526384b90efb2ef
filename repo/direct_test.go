//go:build !pgbouncer

package repo_test

import "testing"

// around runs all tests of the package.
type around struct{ *testing.M }

// frontURL is the address to which the tests connect: the server itself.
func frontURL(database string) string { return appURL(database) }
