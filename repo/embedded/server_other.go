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

// Server is a private PostgreSQL server. This system does not support one.
type Server struct {
	socket  string
	created bool
}

// Start returns the error that this system does not support the private server.
func Start(context.Context, Config) (*Server, error) { return nil, errSystem }

// Close does nothing.
func (s *Server) Close() error { return nil }

// Remove returns the error that this system does not support the private server.
func Remove(string) error { return errSystem }

// clientDirs returns the folders in PATH, to search for a client program.
func clientDirs(name string) []string {
	if path, err := exec.LookPath(name); err == nil {
		return []string{filepath.Dir(path)}
	}
	return nil
}

// Dump returns the error that this system does not support the private server.
func (s *Server) Dump(context.Context, string, string, string) (string, error) { return "", errSystem }
