//go:build unix

package embedded

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// fetchLimit is the time limit of a download of about 30 MB.
const fetchLimit = 3 * time.Minute

// fetch downloads the programs of a major version, the newest if it is 0, and returns their folder in cache.
func fetch(ctx context.Context, cache string, major int) (string, error) {
	version, err := release(major)
	if err != nil {
		return "", err
	}
	final := filepath.Join(cache, "postgresql-"+string(version))
	bin := filepath.Join(final, "bin")
	if _, err := os.Stat(filepath.Join(bin, "postgres")); err == nil {
		return bin, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(cache, "tmp-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	if err := unpack(ctx, tmp, version); err != nil {
		return "", fmt.Errorf("download PostgreSQL %s: %w", version, err)
	}
	if err := os.Rename(filepath.Join(tmp, "programs"), final); err != nil {
		if _, there := os.Stat(filepath.Join(bin, "postgres")); there != nil {
			return "", err
		}
	}
	return bin, nil
}

func release(major int) (embeddedpostgres.PostgresVersion, error) {
	versions := []embeddedpostgres.PostgresVersion{
		embeddedpostgres.V18, embeddedpostgres.V17, embeddedpostgres.V16, embeddedpostgres.V15, embeddedpostgres.V14,
	}
	for _, v := range versions {
		if major == 0 || strings.HasPrefix(string(v), fmt.Sprintf("%d.", major)) {
			return v, nil
		}
	}
	return "", fmt.Errorf("PostgreSQL %d cannot be downloaded", major)
}

// unpack unpacks the programs into tmp/programs. The library can only start its own server on TCP. With a data
// directory that has a version and nothing else, it downloads, verifies and unpacks the programs, and then fails to
// start.
func unpack(ctx context.Context, tmp string, version embeddedpostgres.PostgresVersion) error {
	data := filepath.Join(tmp, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	major, _, _ := strings.Cut(string(version), ".")
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte(major+"\n"), 0o600); err != nil {
		return err
	}
	library := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(version).
		Port(0).
		CachePath(filepath.Join(tmp, "archive")).
		BinariesPath(filepath.Join(tmp, "programs")).
		RuntimePath(filepath.Join(tmp, "runtime")).
		DataPath(data).
		Logger(io.Discard))
	stopped := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				stopped <- fmt.Errorf("unpack: %v", r)
			}
		}()
		stopped <- library.Start()
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case err := <-stopped:
		if err == nil || strings.HasPrefix(err.Error(), "could not start postgres") { // it has no sentinel
			return nil
		}
		return err
	}
}
