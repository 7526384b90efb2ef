//go:build failover

package pgtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Cluster is a primary and, once [Cluster.Replicate] has made it, its synchronous standby, on sockets in Dir: the
// primary on port 1, the standby on port 2. It ends with the test.
type Cluster struct {
	Dir  string
	t    testing.TB
	bin  string
	user *syscall.Credential // that runs the servers, as it does the test server; nil for the caller
}

// StartCluster makes a primary with PostgreSQL's programs beside those of the test server.
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
	c.run("initdb", "-D", c.data(1), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
	c.start(1)
	return c
}

// URL is the connection string of one of the two, as the superuser.
func (c *Cluster) URL(port int, database string) string {
	return fmt.Sprintf("postgres://postgres@/%s?host=%s&port=%d", database, c.Dir, port)
}

// Replicate makes the standby and has the primary wait for it with every commit; it returns when the two are in step.
func (c *Cluster) Replicate() {
	c.t.Helper()
	c.run("pg_basebackup", "-D", c.data(2), "-R", "-X", "stream", "-c", "fast", "--no-sync",
		"-d", fmt.Sprintf("host=%s port=1 user=postgres application_name=standby", c.Dir))
	c.start(2)
	c.SQL(1, "alter system set synchronous_standby_names = 'standby'", "select pg_reload_conf()")
	for state := ""; state != "sync"; {
		select {
		case <-c.t.Context().Done():
			c.t.Fatal(c.t.Context().Err())
		case <-time.After(20 * time.Millisecond): // between two looks
		}
		conn, err := pgx.Connect(c.t.Context(), c.URL(1, "postgres"))
		if err == nil {
			_ = conn.QueryRow(c.t.Context(), "select sync_state from pg_stat_replication").Scan(&state)
			_ = conn.Close(c.t.Context())
		}
	}
}

// Fail kills the primary and promotes the standby.
func (c *Cluster) Fail() {
	c.t.Helper()
	c.run("pg_ctl", "-D", c.data(1), "-m", "immediate", "-w", "stop")
	c.run("pg_ctl", "-D", c.data(2), "-w", "promote")
}

func (c *Cluster) data(port int) string { return filepath.Join(c.Dir, fmt.Sprint(port)) }

func (c *Cluster) start(port int) {
	c.t.Helper()
	options := fmt.Sprintf("-c port=%d -c listen_addresses= -c unix_socket_directories=%s -c wal_level=replica -c fsync=off", port, c.Dir)
	c.run("pg_ctl", "-D", c.data(port), "-w", "-l", filepath.Join(c.Dir, fmt.Sprintf("log%d", port)), "-o", options, "start")
	c.t.Cleanup(func() {
		_ = c.command("pg_ctl", "-D", c.data(port), "-m", "immediate", "-w", "stop").Run() // it may be dead already
	})
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

// run runs a program to its end. Its words go to a file: a server that it starts would keep a pipe open.
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
