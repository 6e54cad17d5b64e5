package conn

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// wire is the raw connection under SSH. It knows when the last byte came and
// why the connection ended: once it is closed under x/crypto/ssh, that says
// nothing useful any more.
type wire struct {
	net.Conn
	base     time.Time    // monotonic origin of received
	received atomic.Int64 // time of the last byte, since base
	close    func() error // of the connection: many may ask for it, it is done once

	mu     sync.Mutex
	reason Reason // why it ended: the first reason wins; guarded by mu
	err    error  // with reason; guarded by mu
	over   bool   // nothing can be read any more; guarded by mu
	onEnd  func() // see whenEnded; guarded by mu
}

func newWire(c net.Conn) *wire {
	return &wire{Conn: c, base: time.Now(), close: sync.OnceValue(c.Close)}
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.received.Store(int64(time.Since(w.base)))
	}
	if err != nil {
		w.fail(err)
		_ = w.close() // a write that blocks now must not
		w.runOnEnd()
	}
	return n, err
}

// Close is x/crypto/ssh's, which uses it when the device broke the protocol:
// whatever still arrives is not read any more.
func (w *wire) Close() error {
	err := w.close()
	w.runOnEnd()
	return err
}

// whenEnded has f run once, before the user of the wire learns that the
// connection has ended; at once, if it has.
func (w *wire) whenEnded(f func()) {
	w.mu.Lock()
	w.onEnd = f
	over := w.over
	w.mu.Unlock()
	if over {
		w.runOnEnd()
	}
}

// onEndTimeout bounds how long the user waits for the function of whenEnded.
const onEndTimeout = 50 * time.Millisecond

func (w *wire) runOnEnd() {
	w.mu.Lock()
	f := w.onEnd
	w.onEnd, w.over = nil, true
	w.mu.Unlock()
	if f == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		f()
		close(done)
	}()
	timer := time.NewTimer(onEndTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// Write notes a failure too: the kernel reports a reset once, to whichever
// call comes first. Nothing is written once the connection has ended in either
// direction.
func (w *wire) Write(p []byte) (int, error) {
	if w.isOver() {
		return 0, net.ErrClosed
	}
	n, err := w.Conn.Write(p)
	if err != nil {
		w.fail(err)
	}
	return n, err
}

// fail notes a failure of the transport, unless the connection had ended
// already, by our own close for example.
func (w *wire) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reason == "" && !errors.Is(err, net.ErrClosed) {
		w.reason, w.err = transportReason(err), err
	}
}

// end closes the connection for a reason, unless it has one already.
func (w *wire) end(reason Reason, err error) {
	w.mu.Lock()
	if w.reason == "" {
		w.reason, w.err = reason, err
	}
	w.mu.Unlock()
	_ = w.close()
}

// ending tells why the connection ended, empty while it has not.
func (w *wire) ending() (Reason, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reason, w.err
}

// isOver reports whether nothing can be read any more.
func (w *wire) isOver() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.over || w.reason != ""
}

// lastReceived is when the last byte came; when the connection was made, if
// none came yet.
func (w *wire) lastReceived() time.Time { return w.base.Add(time.Duration(w.received.Load())) }

// transportReason maps an error of a read or write on a socket. Kernel
// timeouts (keepalive, user timeout, unreachable after retransmissions) are
// silence of the peer.
func transportReason(err error) Reason {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ReasonEOF
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED):
		return ReasonReset
	case errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH),
		errors.Is(err, os.ErrDeadlineExceeded):
		return ReasonSilence
	}
	return ReasonOther
}
