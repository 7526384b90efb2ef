//go:build unix

package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Dump writes a database to a new file of mode 0600 in the server's directory, in pg_dump's custom format, and returns
// its path. binDir is as in [Client]. An incomplete file is removed.
func (s *Server) Dump(ctx context.Context, binDir, database, name string) (path string, err error) {
	major, err := s.place.major()
	if err != nil {
		return "", err
	}
	program, _, err := Client(ctx, "pg_dump", binDir, major)
	if err != nil {
		return "", err
	}
	path = filepath.Join(s.place.dir, name)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	var complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "--format=custom", "--dbname="+s.URL(database, ""))
	cmd.Env, cmd.Stdout, cmd.Stderr = []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}, file, &complaint
	if err = cmd.Run(); err != nil {
		err = fmt.Errorf("pg_dump: %w: %s", err, bytes.TrimSpace(complaint.Bytes()))
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(path))
	}
	return path, nil
}
