package shell

import (
	"slices"
	"strings"

	"crm/repo"
)

// WaitsFor returns the message about the sessions that block a statement waiting for a lock.
func WaitsFor(blockers []repo.Blocker) string {
	var names []string
	for _, b := range blockers {
		switch {
		case b.Own:
			names = append(names, "another session of yours")
		case b.Name != nil:
			names = append(names, *b.Name)
		default:
			names = append(names, "another user of the database")
		}
	}
	slices.Sort(names)
	return "waiting for " + strings.Join(names, " and ") + ", who changes the same data: Ctrl-C gives up"
}
