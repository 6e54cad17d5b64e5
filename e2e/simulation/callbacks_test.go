package simulation

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// callbacks are what OnReconnect does: look at the volumes, or be slow, or
// deaf, or panic.
type callbacks struct {
	w *world
	p *process

	mu      sync.Mutex
	running int
	isDeaf  bool   // the one that runs ignores its context
	newest  uint64 // attempt of the one that ran or runs
	ctx     context.Context
	count   uint64
	all     sync.WaitGroup
}

func (c *callbacks) run(ctx context.Context) {
	c.all.Add(1)
	defer c.all.Done()
	attempt, _ := ctx.Value(attemptKey{}).(uint64)
	r, behaviour := c.begin(ctx, attempt)
	defer c.ended()
	switch length := time.Duration(r.Int64N(int64(time.Minute))); behaviour {
	case 0:
		panic("a callback of the simulation")
	case 1: // slow, and listens
		pause(ctx, length)
	case 2: // slow and deaf
		time.Sleep(length)
	default:
		c.p.inventory.Reconcile(ctx)
	}
}

// begin checks what is promised of the beginning, and chooses.
func (c *callbacks) begin(ctx context.Context, attempt uint64) (*rand.Rand, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running++
	c.count++
	r := rand.New(rand.NewPCG(c.w.story.seed, 1000+c.count))
	behaviour := r.IntN(12)
	if c.running > 1 {
		c.w.violate("OnReconnect", "%d run at once", c.running)
	}
	if attempt == 0 || attempt <= c.newest {
		c.w.violate("OnReconnect", "it runs for attempt %d after %d", attempt, c.newest)
	}
	if c.p.stopped.Load() {
		c.w.violate("OnReconnect", "it begins after Stop")
	}
	c.newest, c.ctx, c.isDeaf = attempt, ctx, behaviour == 2
	return r, behaviour
}

func (c *callbacks) ended() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	c.isDeaf = false
}

// deaf reports whether one runs that ignores its context.
func (c *callbacks) deaf() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.isDeaf
}

func (c *callbacks) join() { c.all.Wait() }

// check is for a settled moment: owed is the attempt whose connection lives and
// ended an outage, 0 without one.
func (c *callbacks) check(owed uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case owed != 0 && c.newest != owed && c.running == 0:
		c.w.violate("OnReconnect", "it has not run for attempt %d, the last was for %d", owed, c.newest)
	case c.running > 0 && c.newest != owed && c.ctx.Err() == nil:
		c.w.violate("OnReconnect", "its context for attempt %d lives on after the loss", c.newest)
	case c.running > 0 && c.newest == owed && c.ctx.Err() != nil:
		c.w.violate("OnReconnect", "its context for attempt %d ended with its connection alive", c.newest)
	}
}

// pause reports whether ctx is still good after d.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
