//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	startLock  = "start.lock"
	usersLock  = "users.lock"
	serverLock = "server.lock"

	shared    = unix.LOCK_SH
	exclusive = unix.LOCK_EX
)

// openLock opens a lock file. Each opening holds its own lock, also within one process.
func openLock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
}

// tryLock locks without waiting. If it fails to change the kind of a lock, the lock is released.
func tryLock(f *os.File, how int) (bool, error) {
	for {
		switch err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, unix.EINTR):
			return false, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
	}
}

func lock(ctx context.Context, f *os.File, how int) error {
	return poll(ctx, func() (bool, error) { return tryLock(f, how) })
}

// unlock releases the lock even if a child that is being forked still has a copy of the file.
func unlock(f *os.File) {
	_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
	_ = f.Close()
}

// enter creates dir and takes its start lock. It returns dir's canonical path.
func enter(ctx context.Context, dir string) (string, *os.File, error) {
	for {
		real, err := makeDir(dir)
		if err != nil {
			return "", nil, err
		}
		gate, err := relock(ctx, real)
		if !errors.Is(err, os.ErrNotExist) {
			return real, gate, err
		}
	}
}

// relock takes the start lock of an existing directory. It returns os.ErrNotExist if the directory was removed
// meanwhile.
func relock(ctx context.Context, dir string) (*os.File, error) {
	path := filepath.Join(dir, startLock)
	gate, err := openLock(path)
	if err != nil {
		return nil, err
	}
	if err := lock(ctx, gate, exclusive); err != nil {
		_ = gate.Close()
		return nil, fmt.Errorf("wait for another start or stop of the server in %s: %w", dir, err)
	}
	held, err1 := gate.Stat()
	there, err2 := os.Stat(path)
	if err1 == nil && err2 == nil && os.SameFile(held, there) {
		return gate, nil
	}
	unlock(gate)
	return nil, fmt.Errorf("lock %s: %w", path, os.ErrNotExist)
}

// poll calls done, at once and then at short intervals, until it reports true or an error.
func poll(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
