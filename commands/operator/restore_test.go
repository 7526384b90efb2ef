package operator

import (
	"context"
	"errors"
	"testing"

	"crm/repo"
)

// TestAdmit refuses schemas that this crm cannot have, and names that are not those of the config.
func TestAdmit(t *testing.T) {
	upgrade := func(context.Context, string) error { return nil }
	names := repo.Names{Database: "any", Schema: "crm", Owner: "crm_owner", App: "crm_app"}
	for name, test := range map[string]struct {
		version, app string
		upgrade      func(context.Context, string) error
		want         string
	}{
		"this one": {"10", "crm_app", nil, ""},
		"newer": {"11", "crm_app", upgrade, "the backup b has schema version 11, this crm knows up to 10: " +
			"use a newer crm"},
		"older": {"9", "crm_app", upgrade, ""},
		"older, no upgrade": {
			"9", "crm_app", nil,
			"the backup b has schema version 9, which this crm cannot upgrade to 10",
		},
		"another role": {
			"10", "other", nil,
			"a backup is restored under its own names: database.app is \"crm_app\" here " +
				"and \"other\" in the backup: " +
				"set them so; database.name is free",
		},
	} {
		r := Restore{Names: names, Source: &Source{name: "b"}, SchemaVersion: "10", Upgrade: test.upgrade}
		err := r.admit(repo.Manifest{SchemaVersion: test.version, Schema: "crm", Owner: "crm_owner", App: test.app})
		if (err == nil) != (test.want == "") || err != nil && (err.Error() != test.want || !errors.Is(err,
			repo.ErrConflict)) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}
