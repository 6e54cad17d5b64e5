package conn

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
)

// halfClosed is a connection whose peer has closed its side: reads end, writes
// still succeed.
type halfClosed struct {
	net.Conn
	written int
}

func (c *halfClosed) Read([]byte) (int, error)    { return 0, io.EOF }
func (c *halfClosed) Write(p []byte) (int, error) { c.written += len(p); return len(p), nil }
func (c *halfClosed) Close() error                { return nil }

func TestNothingIsWrittenOnceTheConnectionHasEnded(t *testing.T) {
	for _, end := range []func(*wire){
		func(w *wire) { w.Read(make([]byte, 1)) },
		func(w *wire) { w.end(ReasonSilence, errSilence) },
	} {
		raw := &halfClosed{}
		w := newWire(raw)
		if _, err := w.Write([]byte("before")); err != nil {
			t.Fatal(err)
		}
		end(w)
		if n, err := w.Write([]byte("after")); n != 0 || !errors.Is(err, net.ErrClosed) || raw.written != len("before") {
			t.Errorf("Write returned %d, %v, and %d bytes went out", n, err, raw.written)
		}
	}
}

func TestFirstReasonOfAnEndWins(t *testing.T) {
	w := newWire(&halfClosed{})
	w.fail(syscall.ECONNRESET)
	w.Read(make([]byte, 1))
	w.end(ReasonSilence, errSilence)
	if reason, err := w.ending(); reason != ReasonReset || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("ended by %s (%v), want reset", reason, err)
	}
}
