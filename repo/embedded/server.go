//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	patience   = 20 * time.Second       // for a server that does not answer
	leaveLimit = 60 * time.Second       // for other processes that start or stop the server
	interval   = 5 * time.Millisecond   // polling interval
	lostSocket = 500 * time.Millisecond // for the socket of a ready server to appear
)

// Server is one user's connection to a private PostgreSQL server.
type Server struct {
	place   place
	users   *os.File // locked shared until Close
	socket  string   // directory of the server's socket
	created bool
	close   func() error
}

// Start joins the server in c.Dir, or creates and starts it. If ctx ends first, Start leaves nothing half done. The
// caller must Close the server.
func Start(ctx context.Context, c Config) (*Server, error) {
	return start(ctx, c, usualFinder())
}

func start(ctx context.Context, c Config, f finder) (_ *Server, err error) {
	dir, gate, err := enter(ctx, c.Dir)
	if err != nil {
		return nil, fmt.Errorf("private server: %w", err)
	}
	defer unlock(gate)

	s := &Server{}
	if s.users, err = openLock(filepath.Join(dir, usersLock)); err != nil {
		return nil, fmt.Errorf("private server: %w", err)
	}
	if err = lock(ctx, s.users, shared); err != nil {
		_ = s.users.Close()
		return nil, fmt.Errorf("private server: %w", err)
	}
	if s.place, err = locate(dir); err == nil {
		err = s.up(ctx, c, f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("private server: %w", err), s.leave())
	}
	s.close = sync.OnceValue(s.depart)
	return s, nil
}

// up joins the running server, or launches one if no process of an earlier one is left. The caller holds the start
// lock.
func (s *Server) up(ctx context.Context, c Config, f finder) error {
	own, err := s.join(ctx)
	if err != nil || own == nil {
		return err
	}
	defer own.Close()
	return s.launch(ctx, c, f, own)
}

// join waits until the server answers or has ended; in the latter case it returns the server lock.
func (s *Server) join(ctx context.Context) (own *os.File, err error) {
	since, quiet := time.Now(), time.Now()
	err = poll(ctx, func() (bool, error) {
		var err error
		if own, err = s.place.vacant(); own != nil || err != nil {
			return true, err
		}
		now := s.place.running()
		answer := ping(ctx, now.socket)
		switch {
		case answer == nil:
			s.socket = now.socket
			return true, nil
		case errors.Is(answer, errNotYet):
			quiet = time.Now()
		case time.Since(since) > lostSocket && now.lost():
			return false, s.retire()
		case time.Since(quiet) > patience:
			return false, fmt.Errorf("the server in %s does not answer: see %s", s.place.dir, s.place.log())
		}
		return false, nil
	})
	return own, err
}

// retire stops a server whose socket was deleted, unless others still use it.
func (s *Server) retire() error {
	alone, err := tryLock(s.users, exclusive)
	if err != nil {
		return err
	}
	if !alone {
		return fmt.Errorf("the server's socket was deleted: leave every other session on %s, then try again",
			s.place.dir)
	}
	if err := s.place.stop(); err != nil {
		return err
	}
	_, err = tryLock(s.users, shared)
	return err
}

// Close leaves the server; the last user stops it. Later calls return the result of the first.
func (s *Server) Close() error { return s.close() }

func (s *Server) depart() error {
	ctx, cancel := context.WithTimeout(context.Background(), leaveLimit)
	defer cancel()
	gate, err := relock(ctx, s.place.dir)
	if err != nil {
		unlock(s.users)
		return fmt.Errorf("leave the private server: %w", err)
	}
	defer unlock(gate)
	if err := s.leave(); err != nil {
		return fmt.Errorf("leave the private server: %w", err)
	}
	return nil
}

// leave releases the server and stops it if there are no other users. The caller holds the start lock, so no user can
// join meanwhile.
func (s *Server) leave() error {
	defer unlock(s.users)
	last, err := tryLock(s.users, exclusive)
	if err != nil || !last {
		return err
	}
	return s.place.stop()
}

// Remove deletes the server of dir with all its data. It first stops a server that a killed process has left running.
// It returns [ErrInUse], and changes nothing, if the server is in use.
func Remove(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	dir, gate, err := enter(context.Background(), dir)
	if err != nil {
		return fmt.Errorf("remove the private server: %w", err)
	}
	defer unlock(gate)
	users, err := openLock(filepath.Join(dir, usersLock))
	if err != nil {
		return fmt.Errorf("remove the private server: %w", err)
	}
	defer unlock(users)
	if alone, err := tryLock(users, exclusive); err != nil || !alone {
		return errors.Join(err, ErrInUse)
	}
	p, err := locate(dir)
	if err == nil {
		err = errors.Join(p.stop(), os.RemoveAll(p.home), os.RemoveAll(dir))
	}
	if err != nil {
		return fmt.Errorf("remove the private server: %w", err)
	}
	return nil
}
