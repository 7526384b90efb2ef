package security

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// This file stores the key by which a database recognises a device, and runs one sign-in of the device at a time.

// turnLimit is the maximum time that a sign-in waits for others of its device.
const turnLimit = 30 * time.Second

// A Device is a machine, or one user's part of it, from which users sign in.
type Device struct {
	key  *Secret
	file string
	busy chan struct{} // holds one value during a sign-in of this process
}

// OpenDevice returns the device whose key is in a file of mode 0600. It creates a missing file and its directory. With
// an error it returns a device that no database recognises.
func OpenDevice(file string) (*Device, error) {
	d := &Device{file: file, busy: make(chan struct{}, 1)}
	key, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeDevice(file)
	}
	if err == nil && len(key) != secretLength {
		err = fmt.Errorf("%s is no device key of %d bytes: delete it, and a new one is made", file, secretLength)
	}
	if err == nil {
		d.key = NewSecret(key)
	}
	return d, err
}

// Key returns the device's key, or nil if it has none.
func (d *Device) Key() *Secret { return d.key }

// Turn waits until no other sign-in of the device runs, in this process or in another one that uses the file, and
// returns the function that ends this one. It stops waiting after 30 seconds or when ctx is done. It does not wait for
// other processes if the device has no key or the system does not lock files.
func (d *Device) Turn(ctx context.Context) (end func()) {
	ctx, cancel := context.WithTimeout(ctx, turnLimit)
	defer cancel()
	select {
	case d.busy <- struct{}{}:
	case <-ctx.Done():
		return func() {}
	}
	unlock := d.lock(ctx)
	return func() {
		unlock()
		<-d.busy
	}
}

// lock locks the file, if it can be locked before ctx is done.
func (d *Device) lock(ctx context.Context) (unlock func()) {
	unlock = func() {}
	if d.key == nil {
		return unlock
	}
	file, err := os.OpenFile(d.file, os.O_RDWR, 0) // NFS locks only files that are open for writing
	if err != nil {
		file, err = os.Open(d.file)
	}
	if err != nil {
		return unlock
	}
	locked := make(chan error, 1)
	go func() { locked <- flock(file) }()
	select {
	case <-locked: // with an error, continue without the lock
		return func() { _ = file.Close() }
	case <-ctx.Done():
		go func() {
			<-locked
			_ = file.Close()
		}()
		return unlock
	}
}

// makeDevice writes a new key atomically. If two are created at once, the first stays.
func makeDevice(file string) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), ".device-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.Write(random(secretLength))
	if err := errors.Join(err, temporary.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(temporary.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		if err := os.Rename(temporary.Name(), file); err != nil { // a file system without hard links
			return nil, err
		}
	}
	return os.ReadFile(file)
}
