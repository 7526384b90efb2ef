//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"
)

const socketName = "/.s.PGSQL.5432"

// errNotYet is the answer of a server that is starting, recovering or stopping.
var errNotYet = errors.New("the server is not ready")

// state is the content of postmaster.pid.
type state struct {
	pid    int
	socket string
	ready  bool
}

// running reads the state of the server; zero if there is none.
func (p place) running() state {
	content, err := os.ReadFile(filepath.Join(p.data(), "postmaster.pid"))
	if err != nil {
		return state{}
	}
	lines := append(strings.Split(string(content), "\n"), make([]string, 8)...)
	pid, _ := strconv.Atoi(strings.TrimSpace(lines[0]))
	return state{pid: pid, socket: lines[4], ready: strings.TrimSpace(lines[7]) == "ready"}
}

// lost reports whether the server is ready but its socket does not exist any more.
func (st state) lost() bool {
	_, err := os.Lstat(st.socket + socketName)
	return st.ready && errors.Is(err, os.ErrNotExist)
}

// vacant returns the server lock, held, if no process of a server is left; nil otherwise.
func (p place) vacant() (*os.File, error) {
	f, err := openLock(filepath.Join(p.dir, serverLock))
	if err != nil {
		return nil, err
	}
	if free, err := tryLock(f, exclusive); err != nil || !free {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// gone waits until no process of the server is left.
func (p place) gone(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return poll(ctx, func() (bool, error) {
		f, err := p.vacant()
		if f == nil {
			return false, err
		}
		unlock(f)
		return true, nil
	})
}

// stop shuts the server down: open sessions end, and committed data is kept. If that takes too long it shuts down
// immediately, and the next start recovers.
func (p place) stop() error {
	if p.gone(0) == nil {
		return nil
	}
	socket := p.running().socket
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		p.signal(signal)
		err := p.gone(patience)
		if err == nil {
			if socket != "" {
				_ = os.Remove(socket)
			}
			return nil
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	return fmt.Errorf("the server in %s does not stop: end its process %d", p.dir, p.running().pid)
}

// signal sends a signal to the postmaster. The postmaster is the leader of its session: another process with its
// process ID is not.
func (p place) signal(s syscall.Signal) {
	pid := p.running().pid
	if pid <= 1 {
		return
	}
	if session, err := unix.Getsid(pid); err == nil && session == pid {
		_ = syscall.Kill(pid, s)
	}
}

// ping connects to the server. A refusal other than errNotYet counts as an answer.
func ping(ctx context.Context, socket string) error {
	if socket == "" {
		return os.ErrNotExist
	}
	config, err := pgconn.ParseConfig(connString(socket, "postgres", superuser))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience/4)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err == nil {
		return conn.Close(ctx)
	}
	refusal, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok:
		return err
	case refusal.Code == "57P03": // cannot_connect_now
		return errNotYet
	}
	return nil
}
