//go:build soak

package repo_test

import (
	"os"
	"time"
)

// soak is the duration of the torture: CRM_SOAK, or ten minutes.
var soak = func() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("CRM_SOAK")); err == nil {
		return d
	}
	return 10 * time.Minute
}()

// stride is 1: the soak cuts after every byte.
func stride(int) int { return 1 }
