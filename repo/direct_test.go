//go:build !pgbouncer

package repo_test

import "testing"

// around is all tests of the package.
type around struct{ *testing.M }

// frontURL is where the tests' programs connect: the server itself.
func frontURL(database string) string { return appURL(database) }
