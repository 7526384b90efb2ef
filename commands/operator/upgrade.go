// Package operator holds the tools of those who run crm: they act through an administrator's account.
package operator

import (
	"context"
	"fmt"
	"strings"

	"crm/repo"
)

// An Upgrade is `crm upgrade`: it brings the schema of an older database to the version of this program.
type Upgrade struct {
	Admin     *repo.Admin
	SchemaSQL string
	Say       func(string)
}

// Run upgrades, or with dry says what that would change.
func (u Upgrade) Run(ctx context.Context, dry bool) error {
	return u.Admin.Alone(ctx, func() error { return u.run(ctx, dry) })
}

func (u Upgrade) run(ctx context.Context, dry bool) error {
	done, err := u.Admin.Upgrade(ctx, u.SchemaSQL, dry)
	if err != nil {
		return err
	}
	if done.From == done.To {
		u.Say(fmt.Sprintf("nothing to do: the schema is of version %d, as this crm", done.To))
		return nil
	}
	would := ""
	if dry {
		would = "would be "
	}
	u.Say(fmt.Sprintf("schema %supgraded from version %d to %d: steps %s", would, done.From, done.To,
		strings.Join(done.Steps, ", ")))
	for _, list := range []struct {
		verb    string
		objects []string
	}{{"added", done.Added}, {"changed", done.Changed}, {"dropped", done.Dropped}} {
		for _, object := range list.objects {
			u.Say(would + list.verb + " " + object)
		}
	}
	if dry {
		u.Say("this was a dry run: nothing was changed")
	}
	return nil
}

// Private upgrades a private server by itself when it is older. dump keeps the old state first; it is given the
// beginning of a file's name and returns the file.
func (u Upgrade) Private(ctx context.Context, dump func(ctx context.Context, prefix string) (string, error)) error {
	version, err := u.Admin.Version(ctx)
	if err != nil || version == 0 || version >= repo.SchemaVersion {
		return err
	}
	return u.Admin.Alone(ctx, func() error {
		version, err := u.Admin.Version(ctx)
		if err != nil || version >= repo.SchemaVersion { // another run was faster
			return err
		}
		file, err := dump(ctx, fmt.Sprintf("before-upgrade-%d", version))
		if err != nil {
			return err
		}
		u.Say("the database is of an older crm: its state is kept in " + file)
		return u.run(ctx, false)
	})
}
