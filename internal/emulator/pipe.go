package emulator

import (
	"cmp"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipeAddr is the address of one end of an in-memory connection.
type pipeAddr struct{ network, address string }

func (a pipeAddr) Network() string { return a.network }
func (a pipeAddr) String() string  { return a.address }

// pipeConn is one end of an in-memory connection. Writes never block: both ends of an SSH connection write first, and
// x/crypto/ssh writes under a lock, which a synctest bubble does not count as a durable block.
type pipeConn struct {
	local, remote net.Addr
	in, out       *stream
	onClose       func() // called once, at the first Close of this end
	closeOnce     sync.Once
}

// newPipe returns the two ends of a new connection.
func newPipe(client, server net.Addr) (*pipeConn, *pipeConn) {
	up, down := newStream(), newStream()
	return &pipeConn{local: client, remote: server, in: down, out: up},
		&pipeConn{local: server, remote: client, in: up, out: down}
}

func (c *pipeConn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	if err != nil && err != io.EOF {
		err = c.opError("read", err)
	}
	return n, err
}

func (c *pipeConn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	if err != nil {
		err = c.opError("write", err)
	}
	return n, err
}

// Close closes this end: the other reads what is left, then EOF.
func (c *pipeConn) Close() error {
	return c.end((*stream).closeWriter, (*stream).closeReader)
}

// reset is a close that the other end sees as a reset: what is on its way is lost.
func (c *pipeConn) reset() error {
	return c.end((*stream).resetWriter, (*stream).resetReader)
}

func (c *pipeConn) end(writer, reader func(*stream)) error {
	err := c.opError("close", net.ErrClosed)
	c.closeOnce.Do(func() {
		err = nil
		reader(c.in) // first: a Read of this end must not see what the other end makes of the close
		writer(c.out)
		if c.onClose != nil {
			c.onClose()
		}
	})
	return err
}

func (c *pipeConn) LocalAddr() net.Addr  { return c.local }
func (c *pipeConn) RemoteAddr() net.Addr { return c.remote }

func (c *pipeConn) SetDeadline(t time.Time) error {
	c.in.readDeadline.set(t)
	c.out.writeDeadline.set(t)
	return nil
}

func (c *pipeConn) SetReadDeadline(t time.Time) error  { c.in.readDeadline.set(t); return nil }
func (c *pipeConn) SetWriteDeadline(t time.Time) error { c.out.writeDeadline.set(t); return nil }

func (c *pipeConn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
}

// stream is one direction of a pipe.
type stream struct {
	mu   sync.Mutex
	cond *sync.Cond

	data     []byte
	readErr  error // what a reader gets after data; nil: wait for more
	writeErr error // what a writer gets; nil: accepts

	readDeadline, writeDeadline deadline
}

func newStream() *stream {
	s := &stream{}
	s.cond = sync.NewCond(&s.mu)
	s.readDeadline.stream, s.writeDeadline.stream = s, s
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.readDeadline.expired:
			return 0, os.ErrDeadlineExceeded
		case len(s.data) > 0:
			n := copy(p, s.data)
			s.data = s.data[n:]
			return n, nil
		case s.readErr != nil:
			return 0, s.readErr
		case len(p) == 0:
			return 0, nil
		}
		s.cond.Wait()
	}
}

func (s *stream) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writeDeadline.expired {
		return 0, os.ErrDeadlineExceeded
	}
	if s.writeErr != nil {
		return 0, s.writeErr
	}
	s.data = append(s.data, p...)
	s.cond.Broadcast()
	return len(p), nil
}

// closeWriter: the reader gets what is buffered, then EOF.
func (s *stream) closeWriter() {
	s.change(func() { s.readErr, s.writeErr = cmp.Or(s.readErr, io.EOF), net.ErrClosed })
}

// closeReader: what is buffered is lost, the writer is told.
func (s *stream) closeReader() {
	s.change(func() {
		s.data, s.readErr, s.writeErr = nil, net.ErrClosed, cmp.Or(s.writeErr, error(syscall.EPIPE))
	})
}

// resetWriter: the reader gets a reset at once.
func (s *stream) resetWriter() {
	s.change(func() {
		if s.readErr != net.ErrClosed {
			s.data, s.readErr = nil, syscall.ECONNRESET
		}
		s.writeErr = net.ErrClosed
	})
}

// resetReader: the writer gets a reset.
func (s *stream) resetReader() {
	s.change(func() {
		s.data, s.readErr, s.writeErr = nil, net.ErrClosed, cmp.Or(s.writeErr, error(syscall.ECONNRESET))
	})
}

func (s *stream) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.cond.Broadcast()
}

// deadline turns expired on at its time. Its fields are guarded by the lock of the stream.
type deadline struct {
	stream  *stream
	timer   *time.Timer
	expired bool
}

func (d *deadline) set(t time.Time) {
	d.stream.change(func() {
		if d.timer != nil {
			d.timer.Stop()
			d.timer = nil
		}
		wait := time.Until(t)
		d.expired = !t.IsZero() && wait <= 0
		if t.IsZero() || d.expired {
			return
		}
		var timer *time.Timer
		timer = time.AfterFunc(wait, func() {
			d.stream.change(func() { d.expired = d.expired || d.timer == timer })
		})
		d.timer = timer
	})
}
