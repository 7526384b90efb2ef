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

// A Rotation runs `crm rotate-keys`. It replaces the key that encrypts, and re-encrypts and re-indexes all values
// while others work. If it is interrupted, the next run continues it.
//
// Programs that share the keyset file use the new key at once. For machines with copies, Prepare creates the key, the
// copies are replaced, and then Run uses it. Old keys remain until Retire, for values that are written with an older
// copy.
type Rotation struct {
	Admin      *repo.Admin
	KeysetFile string
	Say        func(string)
	Progress   func(done, total int64)
	Happened   func(commands.Event)
}

// Prepare creates the next key, unless it exists.
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

// Run starts to use the next key, which it creates if Prepare has not, and re-encrypts all values. At every moment the
// key in use is in the keyset's file and registered in the database. Values whose key is missing are not changed; then
// Run returns ErrConflict at the end.
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
		lost, err := r.reseal(ctx, false) // values that were meanwhile written under the old key
		if err != nil {
			return err
		}
		r.Happened(commands.Event{Name: "key rotation ended", Level: commands.LevelInfo})
		r.Say("the older keys stay in the keyset: crm rotate-keys --retire drops them when every machine has this one")
		return lost
	})
}

// begin returns the new key, after it is in use in the keyset's file and registered in the database.
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

// Retire re-encrypts the values that are still sealed with older keys, and removes those keys.
func (r Rotation) Retire(ctx context.Context) error {
	return r.alone(ctx, func(content []byte) error {
		if key, err := r.Admin.Rotating(ctx); err != nil || key != 0 {
			return errors.Join(err, commands.Explain("a rotation is not finished", "run crm rotate-keys first",
				repo.ErrConflict))
		}
		// other programs may already encrypt with it
		if next, err := security.NextKey(content); err != nil || next != 0 {
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

// alone calls do with the keyset's content under a lock that excludes other administrators.
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

// register checks that the database accepts values under the keyset's key.
func (r Rotation) register(ctx context.Context, content []byte) error {
	cipher, err := security.LoadCipher(content)
	if err != nil {
		return fmt.Errorf("%w: %w", commands.ErrUsage, err)
	}
	_, err = r.Admin.RegisterKey(ctx, cipher.PrimaryKeyID())
	return err
}

// isFile reports whether the error is one of the keyset's file.
func isFile(err error) bool {
	var path *fs.PathError
	return errors.As(err, &path)
}

// withNextKey returns the keyset with a next key, which it creates if there is none, and the key's ID.
func withNextKey(content []byte) (with []byte, next uint32, err error) {
	if next, err = security.NextKey(content); err != nil || next != 0 {
		return content, next, err
	}
	if with, err = security.AddKey(content); err == nil {
		next, err = security.NextKey(with)
	}
	return with, next, err
}

// reseal re-encrypts and re-indexes the values that are not sealed with the present key. lost is an ErrConflict that
// names the missing keys of unchanged values. If there is nothing to do, it prints a message only if always is true.
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
