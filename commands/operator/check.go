package operator

import (
	"crm/commands"
	"crm/repo"
)

// WeakSpots returns the error of a config check with that number of weak spots; nil for 0.
func WeakSpots(spots int) error {
	if spots == 0 {
		return nil
	}
	return commands.Explain(commands.Plural(int64(spots), "weak spot"), "", repo.ErrConflict)
}
