package emulator

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// link is the device's end of one connection, over TCP or in memory alike, with the faults between the wire and the
// SSH server: both directions pass a lane, so that bytes can be late, held, or lost with the connection.
//
// As a net.Conn it serves x/crypto/ssh, which sets no deadlines; there are none.
type link struct {
	wire    net.Conn
	in, out *lane
	pumps   sync.WaitGroup

	// gone is closed when the far end is known to have left, or the link was aborted.
	gone     chan struct{}
	goneOnce sync.Once
	onLeave  func() // runs once, when gone is closed; may be nil

	conn atomic.Pointer[ssh.Conn] // what is spoken over the link, once logged in

	mu        sync.Mutex
	closing   bool                                // the device has ended it
	dead      bool                                // silent for ever
	forgotten bool                                // as dead: the device lost power, it knows nothing of this link
	farewell  func(packets [][]byte, hangUp bool) // sends the last SSH packets; nil before login
	back      bool                                // the device that forgot the link is up again: it answers with a reset
}

func newLink(wire net.Conn, onLeave func()) *link {
	l := &link{wire: wire, in: newLane(), out: newLane(), gone: make(chan struct{}), onLeave: onLeave}
	l.pumps.Go(l.pumpIn)
	l.pumps.Go(l.pumpOut)
	return l
}

// pumpIn reads the wire into the lane until the far end leaves or the link is aborted.
func (l *link) pumpIn() {
	buf := make([]byte, 32<<10)
	for {
		n, err := l.wire.Read(buf)
		if n > 0 {
			l.in.push(append([]byte(nil), buf[:n]...), nil)
			l.resetIfForgotten()
		}
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				err = io.EOF
			}
			l.in.push(nil, err)
			l.leave()
			if l.out.isClosed() {
				l.wire.Close()
			}
			if l.isDead() { // nobody will ever look at it again
				l.in.close()
				l.out.close()
			}
			return
		}
	}
}

// pumpOut writes the lane to the wire until it ends.
func (l *link) pumpOut() {
	buf := make([]byte, 32<<10)
	for {
		n, err := l.out.pop(buf)
		if err == nil {
			_, err = l.wire.Write(buf[:n])
		}
		if err != nil {
			l.in.close()
			l.out.close()
			l.finish()
			return
		}
	}
}

// finish closes the wire. Over TCP it ends the sending half alone, and pumpIn reads on until the far end closes: to
// close a socket with unread bytes would send a reset instead of a FIN.
func (l *link) finish() {
	tcp, ok := l.wire.(*net.TCPConn)
	select {
	case <-l.gone: // pumpIn has ended
	default:
		if ok && tcp.CloseWrite() == nil {
			return
		}
	}
	l.wire.Close()
}

func (l *link) leave() {
	l.goneOnce.Do(func() {
		close(l.gone)
		if l.onLeave != nil {
			l.onLeave()
		}
	})
}

func (l *link) Read(p []byte) (int, error) { return l.in.pop(p) }

func (l *link) Write(p []byte) (int, error) {
	l.out.push(append([]byte(nil), p...), nil)
	return len(p), nil
}

// Close ends the link in order: what was written before still goes out, at the pace the faults allow, then a FIN.
// The SSH server above reads EOF at once.
func (l *link) Close() error {
	l.setState(func() { l.closing = true })
	l.out.push(nil, io.EOF)
	l.in.close()
	return nil
}

// abort ends the link now and joins its goroutines.
func (l *link) abort() {
	l.in.close()
	l.out.close()
	l.wire.Close()
	l.pumps.Wait()
	l.leave()
}

// reset ends the link so that the far end sees a reset.
func (l *link) reset() {
	switch wire := l.wire.(type) {
	case *pipeConn:
		wire.reset()
	case *net.TCPConn:
		wire.SetLinger(0)
		wire.Close()
	}
	l.in.close()
	l.out.close()
}

// tune applies the faults that hold for every link, on top of those of this one.
func (l *link) tune(f Faults) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := f.Frozen || f.BlackHole || l.dead
	l.in.tune(held || f.HoldReceived, f.Delay, 0)
	l.out.tune(held || f.HoldSent, f.Delay, f.Trickle)
}

// drop is Close without a result.
func (l *link) drop() { l.Close() }

// kill makes the link silent for ever; forget does so until the device is back up and hears from the far end.
func (l *link) kill()   { l.setState(func() { l.dead = true }) }
func (l *link) forget() { l.setState(func() { l.dead, l.forgotten = true, true }) }

// deviceBack tells the link that the device that forgot it is up: a retransmission is answered with a reset.
func (l *link) deviceBack() {
	if !l.isForgotten() {
		return
	}
	l.setState(func() { l.back = true })
	if l.in.pending() {
		l.reset()
	}
	l.in.close() // the SSH server of before the power cut is no more
}

// isServed reports whether the device still counts the link among its connections.
func (l *link) isServed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.closing && !l.forgotten
}

func (l *link) isForgotten() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.forgotten
}

func (l *link) setState(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

func (l *link) resetIfForgotten() {
	l.mu.Lock()
	due := l.forgotten && l.back
	l.mu.Unlock()
	if due {
		l.reset()
	}
}

func (l *link) isDead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

func (l *link) LocalAddr() net.Addr              { return l.wire.LocalAddr() }
func (l *link) RemoteAddr() net.Addr             { return l.wire.RemoteAddr() }
func (l *link) SetDeadline(time.Time) error      { return errNoDeadline }
func (l *link) SetReadDeadline(time.Time) error  { return errNoDeadline }
func (l *link) SetWriteDeadline(time.Time) error { return errNoDeadline }

var errNoDeadline = errors.New("emulator: the device's end has no deadlines")
