package emulator

import (
	"net"
	"sync"
	"time"
)

// lane carries one direction of a connection past the faults: chunks leave it in the order in which they came, each
// no earlier than it is due, and none while the lane is held.
type lane struct {
	mu     sync.Mutex
	cond   *sync.Cond
	chunks []chunk
	held   bool
	closed bool // nothing goes in or out any more
	delay  time.Duration
	last   time.Time // when the youngest chunk is due

	trickle time.Duration // bytes leave one at a time, so far apart; 0: together
	next    time.Time     // when the next of these may leave
}

// chunk is some bytes, or the error that ends the stream.
type chunk struct {
	data []byte
	err  error
	due  time.Time
}

func newLane() *lane {
	l := &lane{}
	l.cond = sync.NewCond(&l.mu)
	return l
}

// push adds a chunk; it never blocks.
func (l *lane) push(data []byte, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	due := time.Now().Add(l.delay)
	if due.Before(l.last) { // the delay was lowered: order is kept
		due = l.last
	}
	l.last = due
	l.chunks = append(l.chunks, chunk{data, err, due})
	l.cond.Broadcast()
}

// pop waits for the next chunk that may leave. It copies at most len(p) bytes of it, and leaves an error in place.
func (l *lane) pop(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if l.closed {
			return 0, net.ErrClosed
		}
		if len(l.chunks) > 0 && !l.held {
			first := &l.chunks[0]
			wait := max(time.Until(first.due), time.Until(l.next))
			if wait <= 0 {
				return l.take(first, p)
			}
			timer := time.AfterFunc(wait, l.wake)
			l.cond.Wait()
			timer.Stop()
			continue
		}
		l.cond.Wait()
	}
}

func (l *lane) take(first *chunk, p []byte) (int, error) {
	if first.err != nil {
		return 0, first.err
	}
	if l.trickle > 0 {
		p = p[:min(1, len(p))]
		l.next = time.Now().Add(l.trickle)
	}
	n := copy(p, first.data)
	first.data = first.data[n:]
	if len(first.data) == 0 {
		l.chunks = l.chunks[1:]
	}
	return n, nil
}

func (l *lane) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cond.Broadcast()
}

// tune sets what the faults ask for.
func (l *lane) tune(held bool, delay, trickle time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held, l.delay, l.trickle = held, delay, trickle
	if trickle == 0 {
		l.next = time.Time{}
	}
	l.cond.Broadcast()
}

// close drops what is on its way and wakes everybody.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed, l.chunks = true, nil
	l.cond.Broadcast()
}

func (l *lane) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// pending reports whether bytes are waiting in the lane.
func (l *lane) pending() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.chunks) > 0 && l.chunks[0].err == nil
}
