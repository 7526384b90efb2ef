package operator

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"crm/commands"
	"crm/repo"
	"crm/security"
)

// A Rotation is what `crm rotate-keys` does: a new key takes the place of the one that seals, and everything is sealed
// and indexed anew with it, while others work. It may be interrupted, and is taken up where it stopped.
//
// Whoever shares the keyset file follows it at once. Machines with a copy of it get the new key before it is used:
// Prepare makes it, Run then uses it. Old keys stay, for what somebody with an older keyset still writes, until Retire.
type Rotation struct {
	Admin      *repo.Admin
	KeysetFile string
	Say        func(string)
	Progress   func(done, total int64)
	Happened   func(commands.Event)
}

// Prepare makes the next key, unless it is there.
func (r Rotation) Prepare(ctx context.Context) error {
	return r.alone(ctx, func(content []byte) error {
		fresh, next, err := withNextKey(content)
		if err != nil {
			return err
		}
		if !bytes.Equal(fresh, content) {
			if err := security.ReplaceKeysetFile(r.KeysetFile, fresh); err != nil {
				return err
			}
		}
		r.Say(
			fmt.Sprintf("key %d is in %s and not in use yet: copy the file to every machine, then run crm rotate-keys",
				next, r.KeysetFile))
		return nil
	})
}

// Run takes the next key into use, made now if Prepare has not, and re-encrypts everything. The order leaves no moment
// at which a key is in use that the keyset's file or the database does not know. Values whose key is missing stay; then
// it is ErrConflict, after all the rest is done.
func (r Rotation) Run(ctx context.Context) error {
	return r.alone(ctx, func(content []byte) error {
		key, err := r.begin(ctx, content)
		if err != nil {
			return err
		}
		if _, err := r.reseal(ctx, true); err != nil {
			return err
		}
		if err := r.Admin.EndRotation(ctx, key); err != nil {
			return err
		}
		lost, err := r.reseal(ctx, false) // what was written under the old key until then
		if err != nil {
			return err
		}
		r.Happened(commands.Event{Name: "key rotation ended", Level: commands.LevelInfo})
		r.Say("the older keys stay in the keyset: crm rotate-keys --retire drops them when every machine has this one")
		return lost
	})
}

// begin returns the key that the rotation goes to, in use in the keyset's file and known to the database.
func (r Rotation) begin(ctx context.Context, content []byte) (key uint32, err error) {
	rotating, err := r.Admin.Rotating(ctx)
	if err != nil {
		return 0, err
	}
	cipher, err := security.LoadCipher(content)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", commands.ErrUsage, err)
	}
	switch {
	case rotating != 0 && rotating == cipher.PrimaryKeyID():
		r.Say(fmt.Sprintf("going on with the rotation to key %d", rotating))
		return rotating, nil
	case rotating != 0 && !slices.Contains(cipher.KeyIDs(), rotating):
		return 0, commands.Explain(
			fmt.Sprintf("a rotation to key %d has begun with another keyset", rotating),
			"crm keyset import FILE adds that keyset's keys to this one", repo.ErrConflict)
	case rotating != 0:
		key = rotating
	default:
		var with []byte
		if with, key, err = withNextKey(content); err != nil {
			return 0, err
		}
		if !bytes.Equal(with, content) {
			if err := security.ReplaceKeysetFile(r.KeysetFile, with); err != nil {
				return 0, err
			}
			content = with
		}
		if err := r.Admin.BeginRotation(ctx, key); err != nil {
			return 0, err
		}
		r.Happened(commands.Event{Name: "key rotation begun", Level: commands.LevelWarning})
	}
	if content, err = security.UseKey(content, key); err != nil {
		return 0, err
	}
	return key, security.ReplaceKeysetFile(r.KeysetFile, content)
}

// Retire seals anew whatever older keys have still sealed, and drops those keys.
func (r Rotation) Retire(ctx context.Context) error {
	return r.alone(ctx, func(content []byte) error {
		if key, err := r.Admin.Rotating(ctx); err != nil || key != 0 {
			return errors.Join(err, commands.Explain("a rotation is not finished", "run crm rotate-keys first",
				repo.ErrConflict))
		}
		if next, err := security.NextKey(content); err != nil || next != 0 { // which others may seal with already
			return errors.Join(err, commands.Explain(fmt.Sprintf("key %d is in the keyset and not in use yet", next),
				"run crm rotate-keys first", repo.ErrConflict))
		}
		lost, err := r.reseal(ctx, true)
		if err != nil {
			return err
		}
		fresh, dropped, err := security.DropOldKeys(content)
		if err != nil {
			return err
		}
		if dropped == 0 {
			r.Say("the keyset holds one key: nothing to retire")
			return lost
		}
		if err := security.ReplaceKeysetFile(r.KeysetFile, fresh); err != nil {
			return err
		}
		r.Say(fmt.Sprintf("older keys dropped: %d; a dump from before needs the keyset from before", dropped))
		return lost
	})
}

// alone keeps other administrators out and hands over the keyset.
func (r Rotation) alone(ctx context.Context, do func(content []byte) error) error {
	return r.Admin.Alone(ctx, func() error {
		if there, err := r.Admin.HasSchema(ctx); err != nil || !there {
			return errors.Join(err, commands.Explain("the database is not set up", "run crm init", repo.ErrUnavailable))
		}
		content, err := security.ReadKeysetFile(r.KeysetFile)
		if errors.Is(err, fs.ErrNotExist) {
			return commands.Explain("there is no keyset "+r.KeysetFile, "copy it from a machine that has it",
				commands.ErrUsage)
		}
		if err == nil {
			err = r.register(ctx, content)
		}
		if err == nil {
			err = do(content)
		}
		if err != nil && !commands.Readable(err) && !errors.Is(err, repo.ErrInternal) && isFile(err) {
			return fmt.Errorf("%w: %w", commands.ErrUsage, err)
		}
		return err
	})
}

// register makes sure that the keyset is the one that the database takes values under.
func (r Rotation) register(ctx context.Context, content []byte) error {
	cipher, err := security.LoadCipher(content)
	if err != nil {
		return fmt.Errorf("%w: %w", commands.ErrUsage, err)
	}
	_, err = r.Admin.RegisterKey(ctx, cipher.PrimaryKeyID())
	return err
}

// isFile tells an error of the keyset's file.
func isFile(err error) bool {
	var path *fs.PathError
	return errors.As(err, &path)
}

// withNextKey is the keyset with a next key, made now if there is none, and that key's id.
func withNextKey(content []byte) (with []byte, next uint32, err error) {
	if next, err = security.NextKey(content); err != nil || next != 0 {
		return content, next, err
	}
	if with, err = security.AddKey(content); err == nil {
		next, err = security.NextKey(with)
	}
	return with, next, err
}

// reseal re-encrypts and indexes whatever is not sealed with the present key. lost is an ErrConflict that names the
// missing keys of values that stay as they are. Nothing is said of nothing to do unless always.
func (r Rotation) reseal(ctx context.Context, always bool) (lost, err error) {
	keyring, err := security.OpenKeyring(r.KeysetFile)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", commands.ErrUsage, err)
	}
	missing := map[uint32]bool{}
	prefix := binary.BigEndian.AppendUint32([]byte{1}, keyring.KeyID())
	changed, unopened, err := r.Admin.Reseal(ctx, repo.Resealing{
		Prefix: prefix, Progress: r.Progress,
		Reseal: func(column string, sealed []byte) ([]byte, []int32, error) {
			text, err := keyring.Open(column, sealed)
			if err != nil {
				if key, ok := security.KeyID(sealed); ok && !errors.Is(err, security.ErrAltered) {
					missing[key] = true
				}
				return nil, nil, nil
			}
			fresh, tokens, err := keyring.Seal(column, text)
			if err == nil && !bytes.HasPrefix(fresh, prefix) {
				err = fmt.Errorf("%w: the keyset has changed meanwhile", commands.ErrUsage)
			}
			return fresh, tokens, err
		},
	})
	if err != nil {
		return nil, err
	}
	if changed > 0 || always {
		r.Say(fmt.Sprintf("%s re-encrypted with key %d", commands.Plural(changed, "row"), keyring.KeyID()))
	}
	if unopened > 0 && len(missing) == 0 && always {
		r.Say(commands.Plural(unopened, "row") + " with damaged values: they stay as they are")
	}
	if len(missing) > 0 {
		keys := slices.Sorted(maps.Keys(missing))
		lost = commands.Explain(
			fmt.Sprintf(
				"values in %s stay as they are: they are damaged, or sealed with %s, which this keyset does not hold",
				commands.Plural(unopened, "row"), keyNames(keys)),
			"crm keyset import FILE adds the keys of a keyset that holds them; then run crm rotate-keys again",
			repo.ErrConflict)
	}
	return lost, nil
}
