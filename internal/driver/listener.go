package driver

import (
	"net"
	"sync"
)

// tracker is a listener that knows its open connections. gRPC waits for a
// client that says nothing until connectionTimeout, even in Stop, unless its
// connection is closed under it.
type tracker struct {
	net.Listener

	mu     sync.Mutex // guards the rest; nothing blocks while it is held
	open   map[*tracked]struct{}
	closed bool // closeAll was called
}

func newTracker(l net.Listener) *tracker {
	return &tracker{Listener: l, open: make(map[*tracked]struct{})}
}

func (t *tracker) Accept() (net.Conn, error) {
	c, err := t.Listener.Accept()
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		c.Close()
		return nil, net.ErrClosed
	}
	conn := &tracked{Conn: c, tracker: t}
	t.open[conn] = struct{}{}
	return conn, nil
}

// closeAll closes every connection that is open.
func (t *tracker) closeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for c := range t.open {
		c.Conn.Close()
	}
}

type tracked struct {
	net.Conn
	tracker *tracker
}

func (c *tracked) Close() error {
	c.tracker.mu.Lock()
	delete(c.tracker.open, c)
	c.tracker.mu.Unlock()
	return c.Conn.Close()
}
