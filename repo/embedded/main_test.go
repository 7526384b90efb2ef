//go:build unix

package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// helperDir makes the test program a user of the server in that directory, in a process of its own.
const helperDir = "EMBEDDED_HELPER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		os.Exit(helper(dir))
	}
	os.Exit(m.Run())
}

// helper joins the server, reports it, waits until its input ends, and leaves.
func helper(dir string) int {
	s, err := Start(context.Background(), Config{Dir: dir, Fast: true})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("joined", s.Started())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := s.Close(); err != nil {
		fmt.Println("error", err)
		return 1
	}
	return 0
}

// member is a helper process.
type member struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.Closer
	out *bufio.Reader
}

func newMember(t *testing.T, dir string) *member {
	t.Helper()
	u := &member{t: t, cmd: exec.Command(os.Args[0])}
	u.cmd.Env = append(os.Environ(), helperDir+"="+dir)
	u.cmd.Stderr = os.Stderr
	in, err1 := u.cmd.StdinPipe()
	out, err2 := u.cmd.StdoutPipe()
	if err := errors.Join(err1, err2, u.cmd.Start()); err != nil {
		t.Fatal(err)
	}
	u.in, u.out = in, bufio.NewReader(out)
	t.Cleanup(func() {
		u.kill()
		if err := Remove(dir); err != nil && !errors.Is(err, ErrInUse) {
			t.Error(err)
		}
	})
	return u
}

// joined waits until the user has joined the server and reports whether it created the data.
func (u *member) joined() bool {
	u.t.Helper()
	line, err := u.out.ReadString('\n')
	word, made, _ := strings.Cut(strings.TrimSpace(line), " ")
	if word != "joined" {
		u.t.Errorf("helper said %q, %v", line, err)
	}
	return made == "true"
}

func (u *member) leave() {
	u.t.Helper()
	_ = u.in.Close()
	if err := u.cmd.Wait(); err != nil {
		u.t.Errorf("helper: %v", err)
	}
}

func (u *member) kill() {
	_ = u.cmd.Process.Kill()
	_ = u.cmd.Wait()
}

// mustStart starts on dir; the test need not close.
func mustStart(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Start(t.Context(), Config{Dir: dir, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func mustClose(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// value runs one statement and returns its value.
func value(t *testing.T, s *Server, statement string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL("postgres", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var answer string
	if err := conn.QueryRow(t.Context(), statement).Scan(&answer); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatal(err)
	}
	return answer
}

// at returns the location of dir's server.
func at(t *testing.T, dir string) place {
	t.Helper()
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	p, err := locate(real)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func runs(p place) bool { return p.gone(0) != nil }

// await waits for a condition that another process brings about.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := poll(ctx, func() (bool, error) { return done(), nil }); err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
}

// reachableDir returns a temporary directory that PostgreSQL's own user can also reach.
func reachableDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "server")
}
