//go:build pgbouncer

package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// StartPgBouncer starts the machine's PgBouncer in transaction mode in front of the test server, with at most size
// server connections for each database and role. settings are lines of its config. url returns a client's connection
// string. PgBouncer runs as the test server's user, which is never root.
func StartPgBouncer(
	role string, size int, settings ...string,
) (url func(database string) string, stop func(), err error) {
	conf, err := pgx.ParseConfig(URL("postgres"))
	if err != nil {
		return nil, nil, err
	}
	var socket syscall.Stat_t // its owner is the server's user
	if err := syscall.Stat(filepath.Join(conf.Host, fmt.Sprintf(".s.PGSQL.%d", conf.Port)), &socket); err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "crm-pool-")
	if err != nil {
		return nil, nil, err
	}
	remove := func() { _ = os.RemoveAll(dir) }
	lines := append([]string{
		"[databases]", fmt.Sprintf("* = host=%s port=%d", conf.Host, conf.Port), "[pgbouncer]",
		"pool_mode = transaction",
		fmt.Sprintf("default_pool_size = %d", size), "max_client_conn = 500", "listen_port = 6432",
		"unix_socket_dir = " +
			dir,
		"auth_type = trust", "auth_file = " + filepath.Join(dir, "users"), "server_round_robin = 0",
	}, settings...)
	for name, text := range map[string]string{
		"users": `"` + role + `" ""` + "\n", "ini": strings.Join(lines, "\n") + "\n",
	} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	args := []string{filepath.Join(dir, "ini")}
	if os.Geteuid() == 0 {
		owner, unknown := user.LookupId(strconv.Itoa(int(socket.Uid)))
		if unknown != nil {
			remove()
			return nil, nil, unknown
		}
		err = errors.Join(err, os.Chown(dir, int(socket.Uid), int(socket.Gid)))
		args = append([]string{"-u", owner.Username}, args...)
	}
	if err != nil {
		remove()
		return nil, nil, err
	}
	end, err := pgbouncer(dir, args)
	if err != nil {
		remove()
		return nil, nil, err
	}
	url = func(database string) string {
		return fmt.Sprintf("postgres://%s@/%s?host=%s&port=6432", role, database, dir)
	}
	return url, func() { end(); remove() }, nil
}

// pgbouncer runs the program until end is called; it returns when the program takes connections.
func pgbouncer(dir string, args []string) (end func(), err error) {
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	log, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(log)
	said := ""
	for lines.Scan() {
		said += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "process up") {
			go func() {
				for lines.Scan() { // so it never blocks on writing
				}
			}()
			return func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }, nil
		}
	}
	_ = cmd.Wait()
	return nil, fmt.Errorf("pgbouncer does not start: %s", said)
}
