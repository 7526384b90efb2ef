//go:build !unix

package embedded

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
)

var errSystem = errors.New("the private server does not run on this system yet: set database.url to a PostgreSQL " +
	"server")

// Server is a private PostgreSQL server; on this system there is none.
type Server struct {
	socket  string
	created bool
}

// Start says that the private server does not run on this system.
func Start(context.Context, Config) (*Server, error) { return nil, errSystem }

// Close does nothing.
func (s *Server) Close() error { return nil }

// Remove says that the private server does not run on this system.
func Remove(string) error { return errSystem }

// clientDirs lists where a client program may be: on PATH.
func clientDirs(name string) []string {
	if path, err := exec.LookPath(name); err == nil {
		return []string{filepath.Dir(path)}
	}
	return nil
}

// Dump says that the private server does not run on this system.
func (s *Server) Dump(context.Context, string, string, string) (string, error) { return "", errSystem }
