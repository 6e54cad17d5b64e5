package sanity

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// scissors cut each connection after a random number of bytes: between
// commands, and in the middle of one or of its answer.
type scissors struct {
	cuts  atomic.Int64
	blunt atomic.Bool // they cut no more

	mu     sync.Mutex // guards random
	random *rand.Rand
}

func newScissors(t *testing.T) *scissors {
	seed := uint64(time.Now().UnixNano())
	t.Logf("the cuts are those of seed %d", seed)
	return &scissors{random: rand.New(rand.NewPCG(seed, 0))}
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// under puts the connections that dial makes under the scissors.
func (s *scissors) under(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		// The key exchange and the login take about 5 KiB, and a command half a
		// KiB or more.
		thread := &thread{Conn: c, scissors: s}
		thread.left.Store(4<<10 + s.random.Int64N(16<<10))
		return thread, nil
	}
}

// thread is a connection that will be cut.
type thread struct {
	net.Conn
	scissors *scissors
	left     atomic.Int64 // bytes
	once     sync.Once
}

func (t *thread) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.wear(n)
	return n, err
}

func (t *thread) Write(p []byte) (int, error) {
	if left := t.left.Load(); left < int64(len(p)) && !t.scissors.blunt.Load() {
		n, _ := t.Conn.Write(p[:max(left, 0)])
		t.wear(len(p))
		return n, net.ErrClosed
	}
	n, err := t.Conn.Write(p)
	t.wear(n)
	return n, err
}

func (t *thread) wear(n int) {
	if t.left.Add(-int64(n)) < 0 && !t.scissors.blunt.Load() {
		t.once.Do(func() {
			t.scissors.cuts.Add(1)
			t.Conn.Close()
		})
	}
}

// patience repeats calls that were answered Unavailable, as sidecars do, and
// lets every other answer through.
type patience struct {
	connected func() bool
	retried   atomic.Int64
}

func (p *patience) call(ctx context.Context, method string, request, reply any, c *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	for {
		err := invoke(ctx, method, request, reply, c, options...)
		if status.Code(err) != codes.Unavailable {
			return err
		}
		p.retried.Add(1)
		if !p.wait(ctx) {
			return err
		}
	}
}

// wait waits for the connection and reports whether ctx is still good.
func (p *patience) wait(ctx context.Context) bool {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !p.connected() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
