package repo

import (
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// Every connection probes a silent peer and limits how long data may stay unacknowledged.
func TestLimit(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conf, err := pgx.ParseConfig("postgres://127.0.0.1/crm")
	if err != nil {
		t.Fatal(err)
	}
	limit(conf, 7*time.Second)
	if conf.ConnectTimeout != 7*time.Second {
		t.Errorf("%v to open", conf.ConnectTimeout)
	}
	conn, err := conf.DialFunc(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		for _, o := range []struct {
			name               string
			level, option, max int
		}{
			{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 10},
			{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 5},
			{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 30_000},
		} {
			if got, err := unix.GetsockoptInt(int(fd), o.level, o.option); err != nil || got < 1 || got > o.max {
				t.Errorf("%s is %d, %v; want 1 to %d", o.name, got, err, o.max)
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
}
