//go:build unix

package pgtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Cluster is a primary and, after [Cluster.Replicate], a synchronous standby, on sockets in Dir, on ports 1 and 2. It
// ends with the test. One goroutine changes it; Primary may be called from any.
type Cluster struct {
	Dir     string
	t       testing.TB
	bin     string
	user    *syscall.Credential // of the servers and the test server; nil: the current user
	primary atomic.Int32        // its port
}

// StartCluster creates a primary with the programs of the test server.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	conf, err := pgx.ParseConfig(URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{t: t}
	c.primary.Store(1)
	err = conn.QueryRow(t.Context(), "select setting from pg_config where name = 'BINDIR'").Scan(&c.bin)
	_ = conn.Close(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Dir, err = os.MkdirTemp("", "crm-two-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(c.Dir) })
	if os.Geteuid() == 0 {
		var owner syscall.Stat_t
		if err := syscall.Stat(filepath.Join(conf.Host, fmt.Sprintf(".s.PGSQL.%d", conf.Port)), &owner); err != nil {
			t.Fatal(err)
		}
		c.user = &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}
		if err := os.Chown(c.Dir, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for port := range 2 {
			// it may be dead already
			_ = c.command("pg_ctl", "-D", c.data(port+1), "-m", "immediate", "-w", "stop").Run()
		}
	})
	c.run("initdb", "-D", c.data(1), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
	c.start(1)
	return c
}

// URL returns the superuser's connection string for one of the two.
func (c *Cluster) URL(port int, database string) string {
	return fmt.Sprintf("postgres://postgres@/%s?host=%s&port=%d", database, c.Dir, port)
}

// Primary returns the port of the primary.
func (c *Cluster) Primary() int { return int(c.primary.Load()) }

func (c *Cluster) other() int { return 3 - c.Primary() }

// Replicate creates the standby, replacing an earlier one. From then on the primary waits for it at every commit.
func (c *Cluster) Replicate() {
	c.t.Helper()
	if err := os.RemoveAll(c.data(c.other())); err != nil {
		c.t.Fatal(err)
	}
	c.run("pg_basebackup", "-D", c.data(c.other()), "-R", "-X", "stream", "-c", "fast", "--no-sync",
		"-d", fmt.Sprintf("host=%s port=%d user=postgres application_name=standby", c.Dir, c.Primary()))
	c.start(c.other())
	c.SQL(c.Primary(), "alter system set synchronous_standby_names = 'standby'", "select pg_reload_conf()")
	c.Await()
}

// Await returns when the standby has all data that the primary has committed.
func (c *Cluster) Await() {
	c.t.Helper()
	for state := ""; state != "sync"; {
		select {
		case <-c.t.Context().Done():
			c.t.Fatal(c.t.Context().Err())
		case <-time.After(20 * time.Millisecond): // polling interval
		}
		conn, err := pgx.Connect(c.t.Context(), c.URL(c.Primary(), "postgres"))
		if err == nil {
			_ = conn.QueryRow(c.t.Context(), "select sync_state from pg_stat_replication").Scan(&state)
			_ = conn.Close(c.t.Context())
		}
	}
	// The checkpoint makes every process apply the reloaded settings. The commit then waits for all earlier ones.
	c.SQL(c.Primary(), "checkpoint", "create table if not exists awaited ()", "drop table awaited")
}

// Fail kills the primary and promotes the standby, which waits for no standby until Replicate.
func (c *Cluster) Fail() {
	c.t.Helper()
	c.run("pg_ctl", "-D", c.data(c.Primary()), "-m", "immediate", "-w", "stop")
	c.run("pg_ctl", "-D", c.data(c.other()), "-w", "promote")
	c.primary.Store(int32(c.other()))
	c.SQL(c.Primary(), "alter system reset synchronous_standby_names", "select pg_reload_conf()")
}

// Restart kills the primary and starts it again.
func (c *Cluster) Restart() {
	c.t.Helper()
	c.run("pg_ctl", "-D", c.data(c.Primary()), "-m", "immediate", "-w", "stop")
	c.start(c.Primary())
}

// KillOne kills a server process of the database with SIGKILL, if there is one. The primary then ends all others and
// recovers.
func (c *Cluster) KillOne(database string) {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), c.URL(c.Primary(), "postgres"))
	if err != nil {
		return // it still recovers
	}
	defer conn.Close(context.WithoutCancel(c.t.Context()))
	var pid int
	err = conn.QueryRow(c.t.Context(), "select pid from pg_stat_activity where datname = $1 order by random() limit 1",
		database).Scan(&pid)
	if err == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func (c *Cluster) data(port int) string { return filepath.Join(c.Dir, fmt.Sprint(port)) }

func (c *Cluster) start(port int) {
	c.t.Helper()
	options := fmt.Sprintf("-c port=%d -c listen_addresses= -c unix_socket_directories=%s -c wal_level=replica -c "+
		"fsync=off "+
		"-c wal_retrieve_retry_interval=200ms", port, c.Dir)
	c.run("pg_ctl", "-D", c.data(port), "-w", "-l", filepath.Join(c.Dir, fmt.Sprintf("log%d", port)), "-o", options,
		"start")
}

// SQL runs statements on one of the two, as the superuser.
func (c *Cluster) SQL(port int, statements ...string) {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), c.URL(port, "postgres"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(c.t.Context()))
	for _, s := range statements {
		if _, err := conn.Exec(c.t.Context(), s); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *Cluster) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, program), args...)
	cmd.Dir = c.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.user}
	return cmd
}

// run runs a program to its end. Its output goes to a file: a server that it starts would keep a pipe open.
func (c *Cluster) run(program string, args ...string) {
	c.t.Helper()
	words, err := os.Create(filepath.Join(c.Dir, "words"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer words.Close()
	cmd := c.command(program, args...)
	cmd.Stdout, cmd.Stderr = words, words
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(words.Name())
		c.t.Fatalf("%s: %v\n%s", program, err, text)
	}
}
