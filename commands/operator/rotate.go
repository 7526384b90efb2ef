package operator

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"crm/commands"
	"crm/repo"
	"crm/security"
)

// A Rotation is what `crm rotate-keys` does: a new key takes the place of the one that seals, and everything is sealed and
// indexed anew with it, while others work. It may be interrupted, and is taken up where it stopped.
//
// Whoever shares the keyset file follows it at once. Machines with a copy of it get the new key before it is used: Prepare makes
// it, Run then uses it. Old keys stay, for what somebody with an older keyset still writes, until Retire.
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
		r.Say(fmt.Sprintf("key %d is in %s and not in use yet: copy the file to every machine, then run crm rotate-keys", next, r.KeysetFile))
		return nil
	})
}

// Run takes the next key into use, made now if Prepare has not, and seals everything anew.
func (r Rotation) Run(ctx context.Context) error {
	return r.alone(ctx, func(content []byte) error {
		key, fresh, err := r.nextKey(ctx, content)
		if err != nil {
			return err
		}
		if fresh != nil {
			if err := security.ReplaceKeysetFile(r.KeysetFile, fresh); err != nil {
				return err
			}
			if err := r.Admin.BeginRotation(ctx, key); err != nil {
				return err
			}
			r.Happened(commands.Event{Name: "key rotation begun", Level: commands.LevelWarning})
		}
		if err := r.reseal(ctx); err != nil {
			return err
		}
		if err := r.Admin.EndRotation(ctx, key); err != nil {
			return err
		}
		r.Happened(commands.Event{Name: "key rotation ended", Level: commands.LevelInfo})
		r.Say("the older keys stay in the keyset: crm rotate-keys --retire drops them when every machine has this one")
		return nil
	})
}

// Retire seals anew whatever older keys have still sealed, and drops those keys.
func (r Rotation) Retire(ctx context.Context) error {
	return r.alone(ctx, func(content []byte) error {
		if key, err := r.Admin.Rotating(ctx); err != nil || key != 0 {
			return errors.Join(err, commands.Explain("a rotation is not finished", "run crm rotate-keys first", repo.ErrConflict))
		}
		if next, err := security.NextKey(content); err != nil || next != 0 { // which others may seal with already
			return errors.Join(err, commands.Explain(fmt.Sprintf("key %d is in the keyset and not in use yet", next), "run crm rotate-keys first", repo.ErrConflict))
		}
		if err := r.reseal(ctx); err != nil {
			return err
		}
		fresh, dropped, err := security.DropOldKeys(content)
		if err != nil {
			return err
		}
		if dropped == 0 {
			r.Say("the keyset holds one key: nothing to retire")
			return nil
		}
		if err := security.ReplaceKeysetFile(r.KeysetFile, fresh); err != nil {
			return err
		}
		r.Say(fmt.Sprintf("older keys dropped: %d; a dump from before needs the keyset from before", dropped))
		return nil
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
			return commands.Explain("there is no keyset "+r.KeysetFile, "copy it from a machine that has it", commands.ErrUsage)
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

// nextKey is the key to rotate to, and the keyset that seals with it; nil where that is in use already and a rotation to
// it was interrupted.
func (r Rotation) nextKey(ctx context.Context, content []byte) (key uint32, fresh []byte, err error) {
	rotating, err := r.Admin.Rotating(ctx)
	if err != nil {
		return 0, nil, err
	}
	cipher, err := security.LoadCipher(content)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", commands.ErrUsage, err)
	}
	key = cipher.PrimaryKeyID()
	if rotating == key {
		r.Say(fmt.Sprintf("going on with the rotation to key %d", key))
		return key, nil, nil
	}
	if content, key, err = withNextKey(content); err == nil {
		fresh, err = security.UseKey(content, key)
	}
	return key, fresh, err
}

// reseal seals and indexes anew whatever is not sealed with the present key.
func (r Rotation) reseal(ctx context.Context) error {
	keyring, err := security.OpenKeyring(r.KeysetFile)
	if err != nil {
		return fmt.Errorf("%w: %w", commands.ErrUsage, err)
	}
	prefix := binary.BigEndian.AppendUint32([]byte{1}, keyring.KeyID())
	changed, damaged, err := r.Admin.Reseal(ctx, repo.Resealing{Prefix: prefix, Progress: r.Progress, Reseal: func(column string, sealed []byte) ([]byte, []int32, error) {
		text, err := keyring.Open(column, sealed)
		if errors.Is(err, security.ErrAltered) {
			return nil, nil, nil
		}
		if err != nil {
			return nil, nil, commands.Explain(err.Error(), "add that key to the keyset: crm rotate-keys goes on where it stopped", err)
		}
		fresh, tokens, err := keyring.Seal(column, text)
		if err == nil && !bytes.HasPrefix(fresh, prefix) {
			err = fmt.Errorf("%w: the keyset has changed meanwhile", commands.ErrUsage)
		}
		return fresh, tokens, err
	}})
	if err != nil {
		return err
	}
	r.Say(fmt.Sprintf("%d rows sealed anew with key %d", changed, keyring.KeyID()))
	if damaged > 0 {
		r.Say(fmt.Sprintf("%d rows hold values that are damaged and cannot be opened: they stay as they are", damaged))
	}
	return nil
}
