//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// logLimit is the size, in bytes, at which the log is started over.
const logLimit = 1 << 20

// launch starts the server and creates its data if there is none. own is the server lock. The children inherit it, so
// it is free only when the last of them has ended.
func (s *Server) launch(ctx context.Context, c Config, f finder, own *os.File) error {
	major, err := s.place.major()
	if err != nil {
		return err
	}
	programs, err := f.find(ctx, c, s.place, major)
	if err != nil {
		return err
	}
	log, err := s.place.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	if major == 0 {
		if err := s.place.initialise(ctx, programs, c.Fast, log, own); err != nil {
			return fmt.Errorf("create the server's data in %s: %w", s.place.data(), err)
		}
		s.created = true
	}
	if s.socket, err = s.place.socketDir(); err != nil {
		return err
	}
	// No process of an earlier server lives, so its files are stale, and another process may have its process ID by
	// now.
	_ = os.Remove(filepath.Join(s.place.data(), "postmaster.pid"))
	_ = os.Remove(s.socket + socketName)
	_ = os.Remove(s.socket + socketName + ".lock")
	return s.place.serve(ctx, programs, settings(s.place.data(), s.socket, c.Fast), s.socket, log, own)
}

// major returns the version of the data, 0 without data.
func (p place) major() (int, error) {
	content, err := os.ReadFile(filepath.Join(p.data(), "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Lstat(p.data()); err == nil {
			return 0, fmt.Errorf("%s holds no PostgreSQL data: move it away, or set embedded.dir", p.data())
		}
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("%s holds data of an unknown PostgreSQL: move it away, or set embedded.dir", p.data())
	}
	return major, nil
}

// initialise creates the data in another place and renames it when it is complete.
func (p place) initialise(ctx context.Context, programs programs, fast bool, log, own *os.File) error {
	half, _ := filepath.Glob(filepath.Join(p.home, "data.tmp-*"))
	for _, dir := range half {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	tmp, err := os.MkdirTemp(p.home, "data.tmp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := p.account.own(tmp); err != nil {
		return err
	}
	args := append([]string{"-D", tmp, "-U", superuser, "-E", "UTF8", "--auth=trust"}, locale(programs.major)...)
	if fast {
		args = append(args, "--no-sync")
	}
	mark := size(log)
	cmd := p.command(programs, "initdb", args, log, own)
	if err := cmd.Start(); err != nil {
		return err
	}
	disarm := context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err = cmd.Wait()
	switch {
	case !disarm() && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return p.failure(err, log, mark)
	}
	if err := os.Rename(tmp, p.data()); err != nil || fast {
		return err
	}
	return syncDir(p.home)
}

// locale sorts by code point, regardless of the machine's language, and knows the case of every letter.
func locale(major int) []string {
	switch {
	case major >= 17:
		return []string{"--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"}
	case runtime.GOOS == "linux":
		return []string{"--locale=C", "--lc-ctype=C.UTF-8"}
	}
	return []string{"--locale=C", "--lc-ctype=en_US.UTF-8"}
}

// settings returns the server's arguments. Its log records starts, stops and failures, but never a statement, a
// parameter or a message about a row, because these contain personal data.
func settings(data, socket string, fast bool) []string {
	list := []string{
		"listen_addresses=",
		"port=5432",
		`unix_socket_directories="` + strings.ReplaceAll(socket, `"`, `""`) + `"`,
		"unix_socket_permissions=0700",
		"max_connections=200",
		"shared_buffers=128MB",
		"timezone=UTC",
		"log_timezone=UTC",
		"logging_collector=off",
		"log_destination=stderr",
		"log_line_prefix=%m [%p] ",
		"log_min_messages=log",
		"log_min_error_statement=panic",
		"log_error_verbosity=terse",
		"log_statement=none",
		"log_min_duration_statement=-1",
		"log_parameter_max_length=0",
		"log_parameter_max_length_on_error=0",
	}
	if fast {
		list = append(list, "fsync=off", "full_page_writes=off")
	}
	args := []string{"-D", data}
	for _, setting := range list {
		args = append(args, "-c", setting)
	}
	return args
}

// serve starts the postmaster and waits until it answers. If that fails it stops the postmaster. A server that is
// starting forks a process for each ping, so in the first second serve only reads the file with the server's state.
func (p place) serve(ctx context.Context, programs programs, args []string, socket string, log, own *os.File) error {
	mark := size(log)
	cmd := p.command(programs, "postgres", args, log, own)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	_ = own.Close()
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	begun, quiet := time.Now(), time.Now()
	err := poll(ctx, func() (bool, error) {
		select {
		case err := <-exited:
			return false, fmt.Errorf("the server did not start: %w", p.failure(err, log, mark))
		default:
		}
		if !p.running().ready && time.Since(begun) < time.Second {
			return false, nil
		}
		err := ping(ctx, socket)
		if errors.Is(err, errNotYet) {
			quiet = time.Now()
		}
		if err != nil && time.Since(quiet) > patience {
			return false, fmt.Errorf("the server does not answer: see %s: %w", log.Name(), err)
		}
		return err == nil, nil
	})
	if err != nil {
		for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
			if cmd.Process.Signal(signal) != nil || p.gone(patience/4) == nil {
				break
			}
		}
	}
	return err
}

// command returns a command of PostgreSQL that runs as the server's account without our environment.
func (p place) command(programs programs, name string, args []string, log, own *os.File) *exec.Cmd {
	return &exec.Cmd{
		Path:        filepath.Join(programs.dir, name),
		Args:        append([]string{name}, args...),
		Dir:         "/",
		Env:         []string{"LC_ALL=C", "TZ=UTC", "PATH=" + programs.dir + ":/usr/bin:/bin"},
		Stdout:      log,
		Stderr:      log,
		ExtraFiles:  []*os.File{own},
		SysProcAttr: p.account.attributes(),
	}
}

func (p place) openLog() (*os.File, error) {
	log, err := os.OpenFile(p.log(), os.O_RDWR|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if size(log) > logLimit {
		err = log.Truncate(0)
	}
	return log, err
}

func size(f *os.File) int64 {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// failure returns the program's last message in the log after mark, or else its exit status.
func (p place) failure(ended error, log *os.File, mark int64) error {
	content, _ := io.ReadAll(io.NewSectionReader(log, mark, logLimit))
	word := ""
	for line := range strings.Lines(string(content)) {
		for _, sign := range []string{"FATAL:", "PANIC:", "initdb: error:"} {
			if _, said, ok := strings.Cut(line, sign); ok {
				word = strings.TrimSpace(said)
			}
		}
	}
	if word == "" {
		if ended == nil {
			ended = errors.New("it ended at once")
		}
		return fmt.Errorf("%w: see %s", ended, log.Name())
	}
	return fmt.Errorf("%s: see %s", word, log.Name())
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
