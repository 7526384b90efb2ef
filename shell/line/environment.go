package line

import (
	"os"
	"slices"
	"strings"
)

// OutsideEnvironment returns the environment for the editor and the pager: without crm's own variables, which hold
// passwords, connection strings and keys, without those of PostgreSQL's clients, and without Sentry's key.
func OutsideEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return strings.HasPrefix(name, "CRM_") || strings.HasPrefix(name, "PG") || name == "SENTRY_DSN"
	})
}
