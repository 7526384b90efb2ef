package repo

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// limitSilence breaks a TCP connection whose data is not acknowledged within silence (tcp(7), TCP_USER_TIMEOUT).
func limitSilence(network, _ string, raw syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	return raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds()))
	})
}
