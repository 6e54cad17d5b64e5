//go:build linux

package netns

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// States of a TCP socket, as /proc/net/tcp has them (include/net/tcp_states.h).
const (
	established = 0x01
	synSent     = 0x02
	closeWait   = 0x08
)

// tcpSocket is a socket of TCP over IPv4 as the kernel sees it.
type tcpSocket struct{ localPort, remotePort, state int }

// tcpSockets lists those in the network namespace of the process that are in
// one of the states.
func tcpSockets(pid int, states ...int) (list []tcpSocket) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", pid))
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0] == "sl" {
			continue
		}
		s := tcpSocket{localPort: portOf(fields[1]), remotePort: portOf(fields[2]), state: hex(fields[3])}
		if slices.Contains(states, s.state) {
			list = append(list, s)
		}
	}
	return list
}

func portOf(address string) int {
	_, port, _ := strings.Cut(address, ":")
	return hex(port)
}

func hex(s string) int {
	n, _ := strconv.ParseInt(s, 16, 32)
	return int(n)
}

// openFromHere counts the connections to the device that the process's host
// has not closed, the one being dialled included. A socket that the process
// has closed is the kernel's (FIN_WAIT and the like) and no longer counted.
func openFromHere(pid int) (n int) {
	for _, s := range tcpSockets(pid, established, synSent, closeWait) {
		if s.remotePort == port {
			n++
		}
	}
	return n
}

// openAtTheDevice counts those that the device believes in.
func (w *world) openAtTheDevice() (n int) {
	for _, s := range tcpSockets(w.h.daemon.Process.Pid, established, closeWait) {
		if s.localPort == port {
			n++
		}
	}
	return n
}

// quietLine tells whether no packet has come or gone for so long at the
// interfaces of the service's host.
func (w *world) quietLine(length time.Duration) func() bool {
	var counters string
	var since time.Time
	return func() bool {
		now, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/dev", w.s.pid))
		if string(now) != counters {
			counters, since = string(now), time.Now()
		}
		return time.Since(since) >= length
	}
}

// livePort is the service's own port of its connection, by which a filter can
// tell it from the next one.
func (w *world) livePort() int {
	w.t.Helper()
	for _, s := range tcpSockets(w.s.pid, established) {
		if s.remotePort == port {
			return s.localPort
		}
	}
	w.t.Fatal("the service has no connection")
	return 0
}
