package conn

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// setUserTimeout bounds how long sent data may stay unacknowledged
// (TCP_USER_TIMEOUT, RFC 5482); keepalive alone does not watch data in flight.
func setUserTimeout(_, _ string, raw syscall.RawConn) error {
	var err error
	if ctrl := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(tcpUserTimeout.Milliseconds()))
	}); ctrl != nil {
		return ctrl
	}
	return err
}
