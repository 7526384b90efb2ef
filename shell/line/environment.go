package line

import (
	"os"
	"slices"
	"strings"
)

// OutsideEnvironment returns the environment of the editor and the pager. It omits the variables of crm, of
// PostgreSQL's clients and of Sentry, which may hold passwords, connection strings and keys.
func OutsideEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return strings.HasPrefix(name, "CRM_") || strings.HasPrefix(name, "PG") || name == "SENTRY_DSN"
	})
}
