package conn

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel ends what no probe has ended.
func TestDialSetsTheBackstopsOfTheKernel(t *testing.T) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	dialled := must(dialTCP(t.Context(), "tcp", listener.Addr().String()))
	defer dialled.Close()
	raw := must(dialled.(*net.TCPConn).SyscallConn())
	for _, option := range []struct {
		name               string
		level, value, want int
	}{
		{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 20_000},
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15},
		{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 5},
		{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
	} {
		if err := raw.Control(func(fd uintptr) {
			if got := must(unix.GetsockoptInt(int(fd), option.level, option.value)); got != option.want {
				t.Errorf("%s is %d, want %d", option.name, got, option.want)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
}
