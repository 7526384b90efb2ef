package security_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"crm/security"
)

// A device has one key, in a file that only its owner can read. Any other file is refused and not changed; the device
// then has no key, and its sign-ins still take turns.
func TestOpenDevice(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "device")
	first, err := security.OpenDevice(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || info.Size() != 32 {
		t.Errorf("the file: %v, %v", info, err)
	}
	if again, err := security.OpenDevice(file); err != nil || !bytes.Equal(first.Key().Hash(), again.Key().Hash()) {
		t.Errorf("another key the next time: %v", err)
	}
	if other, err := security.OpenDevice(filepath.Join(t.TempDir(), "device")); err != nil ||
		bytes.Equal(first.Key().Hash(), other.Key().Hash()) {
		t.Errorf("two devices with one key: %v", err)
	}
	unknown := func(file string) {
		t.Helper()
		d, err := security.OpenDevice(file)
		if err == nil || d.Key() != nil {
			t.Errorf("%s has a device key: %v", file, err)
		}
		d.Turn(t.Context())()
		d.Turn(t.Context())()
	}
	for _, content := range []string{"", "short"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		unknown(file)
	}
	unknown(filepath.Join(file, "device"))
}

// Turns of one device exclude each other: in one opening of its file and in several, as other processes have.
func TestTurns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "device")
	var all sync.WaitGroup
	inside := make(chan struct{}, 1)
	for range 10 {
		d, err := security.OpenDevice(file)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			all.Go(func() {
				defer d.Turn(context.Background())()
				select {
				case inside <- struct{}{}:
					<-inside
				default:
					t.Error("two turns at once")
				}
			})
		}
	}
	all.Wait()
}

// Waiting for a turn ends when its caller gives up, in one process or between two.
func TestTurnIsGivenUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "device")
	mine, err := security.OpenDevice(file)
	if err != nil {
		t.Fatal(err)
	}
	other, err := security.OpenDevice(file)
	if err != nil {
		t.Fatal(err)
	}
	end := mine.Turn(t.Context())
	for _, d := range []*security.Device{mine, other} {
		ctx, cancel := context.WithCancel(t.Context())
		waits := make(chan struct{})
		go func() {
			defer close(waits)
			d.Turn(ctx)()
		}()
		cancel()
		<-waits
	}
	end()
	other.Turn(t.Context())()
	mine.Turn(t.Context())()
}

// A sign-in waits for a turn for 30 seconds, then continues without it.
func TestTurnIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := security.OpenDevice(t.TempDir()) // no key: the turns of this process only
		if err == nil {
			t.Fatal("a directory is a device key")
		}
		end := d.Turn(t.Context())
		begun := time.Now()
		d.Turn(t.Context())()
		if waited := time.Since(begun); waited != 30*time.Second {
			t.Errorf("waited for %v, want 30s", waited)
		}
		end()
	})
}
