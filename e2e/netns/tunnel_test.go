//go:build linux

package netns

import (
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tunnel is the way between two hosts when this process carries the packets,
// each direction for itself. The kernel's own netem is not on every machine.
type tunnel struct{ toFar, toNear *way }

// conditions are what a way does to packets.
type conditions struct {
	delay     time.Duration
	loss      float64 // the part that vanishes
	late      float64 // the part that others overtake,
	lateness  time.Duration
	twice     float64 // the part that arrives two times
	largest   int     // bytes; larger packets vanish, 0: none do
	heldUntil time.Time
}

// way carries packets in one direction.
type way struct {
	mu sync.Mutex
	c  conditions
}

func (w *way) set(c conditions) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.c = c
}

func (w *way) now() conditions {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.c
}

func (t *tunnel) set(c conditions) { t.toFar.set(c); t.toNear.set(c) }

// newTunnelled is a network of two hosts at the ends of a tunnel.
func newTunnelled(t *testing.T) *network {
	t.Helper()
	n := newHosts(t)
	n.tunnel = &tunnel{toFar: &way{}, toNear: &way{}}
	near, far := n.tun(n.near, nearIP), n.tun(n.far, farIP)
	var carriers sync.WaitGroup
	carriers.Go(func() { n.tunnel.toFar.carry(near, far) })
	carriers.Go(func() { n.tunnel.toNear.carry(far, near) })
	t.Cleanup(func() { near.Close(); far.Close(); carriers.Wait() })
	return n
}

// tun makes eth0 of the host an interface whose packets the file carries.
func (n *network) tun(ns namespace, address string) *os.File {
	n.t.Helper()
	n.add(ns)
	var file *os.File
	noError(n.t, ns.within(func() (err error) {
		file, err = openTun("eth0")
		return err
	}))
	n.ip(ns, "address add "+address+"/24 dev eth0")
	n.ip(ns, "link set eth0 up")
	return file
}

func openTun(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// within runs f on a thread that is in the namespace meanwhile. The thread
// has to come back: its end would kill the processes that it started, see
// Pdeathsig, and the first thread of a process cannot end at all.
func (ns namespace) within(f func() error) error {
	runtime.LockOSThread()
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer here.Close()
	there, err := os.Open("/run/netns/" + string(ns))
	if err != nil {
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	err = f()
	if back := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); back != nil {
		return back // the goroutine keeps its thread from all others
	}
	runtime.UnlockOSThread()
	return err
}

// carry carries packets until a file is closed.
func (w *way) carry(from, to *os.File) {
	type packet struct {
		due  time.Time
		data []byte
	}
	queue := make(chan packet, 4096) // more than both windows of TCP can fill
	var writers sync.WaitGroup
	defer writers.Wait()
	defer close(queue)
	writers.Go(func() {
		for p := range queue {
			time.Sleep(time.Until(p.due))
			_, _ = to.Write(p.data)
		}
	})
	for buffer := make([]byte, 65536); ; {
		size, err := from.Read(buffer)
		if err != nil {
			return
		}
		c, data := w.now(), append([]byte(nil), buffer[:size]...)
		if rand.Float64() < c.loss || c.largest > 0 && size > c.largest {
			continue
		}
		if rand.Float64() < c.late {
			writers.Go(func() { time.Sleep(c.delay + c.lateness); _, _ = to.Write(data) })
			continue
		}
		p := packet{due: time.Now().Add(c.delay), data: data}
		if p.due.Before(c.heldUntil) {
			p.due = c.heldUntil
		}
		queue <- p
		if rand.Float64() < c.twice {
			queue <- p
		}
	}
}
