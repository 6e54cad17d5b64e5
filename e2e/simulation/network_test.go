package simulation

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// network stands between the controllers and the device, and sees what they
// cannot hide: dials, connections, bytes.
type network struct {
	w     *world
	names atomic.Int32 // what is wrong with the name service, 0: nothing

	mu      sync.Mutex
	dialing int
	open    map[*tap]struct{}
	dials   int
	newest  *tap
	last    time.Time // newest dial
}

// dialer is the Dial of one controller.
func (n *network) dialer(p *process) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, protocol, address string) (net.Conn, error) {
		n.beginDial(p, address)
		begin := time.Now()
		raw, err := n.dial(ctx, protocol, address)
		if took := time.Since(begin); took > connectTimeout {
			n.w.violate("no attempt above its budget", "a dial took %v", took)
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		n.dialing--
		if err != nil {
			return nil, err
		}
		c := &tap{Conn: raw, network: n, last: time.Now(), boot: time.Now().Add(-n.w.rds.Device().Uptime())}
		n.open[c] = struct{}{}
		n.newest = c
		return c, nil
	}
}

// The addresses of the device's name.
const (
	liveAddress = "192.168.88.1"
	deadAddress = "192.168.88.9" // drops every packet
)

func (n *network) dial(ctx context.Context, protocol, address string) (net.Conn, error) {
	if strings.HasPrefix(address, deadAddress) {
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: protocol, Err: ctx.Err()}
	}
	return n.w.rds.Dial(ctx, protocol, address)
}

// Faults of the name service.
const (
	namesFail int32 = iota + 1
	namesHang
)

// lookup is the name service.
func (n *network) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	switch n.names.Load() {
	case namesFail:
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	case namesHang:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	addresses := []netip.Addr{netip.MustParseAddr(liveAddress)}
	if n.w.profile.dead {
		addresses = append([]netip.Addr{netip.MustParseAddr(deadAddress)}, addresses...)
	}
	return addresses, nil
}

func (n *network) beginDial(p *process, address string) {
	if p.stopped.Load() {
		n.w.violate("nothing after Stop", "dialled %s", address)
	}
	n.mu.Lock()
	dialing, open := n.dialing, len(n.open)
	n.dialing++
	n.dials++
	n.last = time.Now()
	n.mu.Unlock()
	if dialing > 0 || open > 0 {
		n.w.violate("one connection, one dial", "dialled %s with %d dials under way and %d connections open", address, dialing, open)
	}
}

// wantNone checks that nothing is left of a controller that has stopped.
func (n *network) wantNone() {
	n.mu.Lock()
	dialing, open := n.dialing, len(n.open)
	n.mu.Unlock()
	if dialing > 0 || open > 0 {
		n.w.violate("nothing after Stop", "%d dials are under way and %d connections open", dialing, open)
	}
}

// lastDial is when the device was dialled last.
func (n *network) lastDial() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.last
}

// heard tells when the newest connection gave its last byte, and when its end
// came from the other side, zero if it has not.
func (n *network) heard() (last, ended time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.newest == nil {
		return time.Time{}, time.Time{}
	}
	return n.newest.last, n.newest.ended
}

// bootOfNewest is when the device had booted that the newest connection leads to.
func (n *network) bootOfNewest() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.newest.boot
}

// tap is the client's end of one connection. Its fields are guarded by the
// network's lock.
type tap struct {
	net.Conn
	network *network
	last    time.Time // the newest byte, or the beginning
	boot    time.Time // of the device that was dialled: it may boot anew while its answer is under way
	ended   time.Time // the far end closed or reset it
	closed  bool      // by the client
}

func (c *tap) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	if n > 0 {
		c.last = time.Now()
	}
	if err != nil && !c.closed && c.ended.IsZero() {
		c.ended = time.Now()
	}
	return n, err
}

func (c *tap) Close() error {
	c.network.mu.Lock()
	again := c.closed
	c.closed = true
	delete(c.network.open, c)
	c.network.mu.Unlock()
	if again {
		c.network.w.violate("one connection, one dial", "a connection was closed a second time")
	}
	return c.Conn.Close()
}
