package security

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// This file keeps the key by which a database knows a device again.

// OpenDevice returns the device key in a file of mode 0600, which it makes if it is missing, with its directory.
func OpenDevice(file string) (*Secret, error) {
	key, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeDevice(file)
	}
	if err != nil {
		return nil, err
	}
	if len(key) != secretLength {
		return nil, fmt.Errorf("%s is no device key: want %d bytes", file, secretLength)
	}
	return NewSecret(key), nil
}

// makeDevice writes a new key. It appears as a whole; of two that are made at once the first stays.
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
