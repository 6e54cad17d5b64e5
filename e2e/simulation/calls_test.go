package simulation

import (
	"context"
	"path"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"rds-csi/internal/conn"
	"rds-csi/internal/driver"
)

// calls are those that others make of one controller: RPCs, commands, Reconnect.
type calls struct {
	w *world

	mu         sync.Mutex
	reconnects map[*call]struct{} // not returned yet
	woke       time.Time          // newest call of Reconnect
	rpcs       map[*call]struct{} // not answered yet
	answered   int                // RPCs, by the driver
	unsent     []string           // commands that were certainly never sent
	done       sync.WaitGroup
}

type call struct {
	what  string
	begun time.Time
}

func newCalls(w *world) *calls {
	return &calls{w: w, reconnects: make(map[*call]struct{}), rpcs: make(map[*call]struct{})}
}

// wakes reports whether an attempt may begin now because Reconnect was called;
// with a dial budget the call may have had to wait.
func (c *calls) wakes(now time.Time, budget bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.woke.Equal(now) || budget && len(c.reconnects) > 0
}

// reconnect calls Reconnect and returns at once.
func (c *calls) reconnect(p *process, limit time.Duration) {
	this := &call{"Reconnect", time.Now()}
	c.mu.Lock()
	c.woke = this.begun
	c.reconnects[this] = struct{}{}
	c.mu.Unlock()
	c.done.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		err := p.manager.Reconnect(ctx)
		took := time.Since(this.begun)
		c.mu.Lock()
		delete(c.reconnects, this)
		c.mu.Unlock()
		if most := min(limit, connectTimeout+c.w.profile.longestGap()); took > most {
			c.w.violate("calls are answered", "Reconnect took %v, at most %v: %v", took, most, err)
		}
		c.w.story.tell("    Reconnect of %v ago: %v", took, err)
	})
}

// exec runs one command of its own and returns at once.
func (c *calls) exec(p *process, command string, limit time.Duration) {
	c.done.Go(func() {
		begin := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		output, err := p.client.Exec(ctx, command)
		took := time.Since(begin)
		if most := min(limit, 2*commandTimeout); took > most {
			c.w.violate("calls are answered", "%s took %v, at most %v: %v", command, took, most, err)
		}
		switch {
		case err == nil && !c.w.cuts.Load() && !strings.HasSuffix(command, strings.TrimSpace(output)):
			c.w.violate("answers are whole", "%s: %q", command, output)
		case err != nil && conn.KindOf(err) == "":
			c.w.violate("answers are whole", "%s: a foreign error: %v", command, err)
		case conn.SafeToRetry(err):
			c.mu.Lock()
			c.unsent = append(c.unsent, command)
			c.mu.Unlock()
		}
	})
}

// wantUnsent: the device never saw a command of which it was said so.
func (c *calls) wantUnsent(seen []string) {
	c.mu.Lock()
	unsent := c.unsent
	c.unsent = nil
	c.mu.Unlock()
	if len(unsent) == 0 {
		return
	}
	ran := make(map[string]bool, len(seen))
	for _, command := range seen {
		ran[command] = true
	}
	for _, command := range unsent {
		if ran[command] {
			c.w.violate("not sent", "the device saw %q", command)
		}
	}
}

// rpc makes one CSI call, checks how it is answered and returns its code.
func (c *calls) rpc(p *process, what string, limit time.Duration, do func(context.Context) error) codes.Code {
	this := &call{what, time.Now()}
	c.mu.Lock()
	c.rpcs[this] = struct{}{}
	c.mu.Unlock()
	c.done.Add(1)
	defer c.done.Done()
	before := p.manager.Snapshot()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := do(ctx)
	took := time.Since(this.begun)
	c.mu.Lock()
	delete(c.rpcs, this)
	c.mu.Unlock()
	code := status.Code(err)
	if took > limit {
		c.w.violate("calls are answered", "%s took %v, its context allows %v: %v", what, took, limit, err)
	}
	if !before.Connected() && took > 0 && p.manager.Snapshot().Generation == before.Generation && !p.ending.Load() {
		c.w.violate("calls are answered", "%s waited %v for a device that is away", what, took)
	}
	switch code {
	case codes.OK, codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Aborted:
	default:
		c.w.violate("CSI", "%s: %v", what, err)
	}
	if code != codes.OK {
		c.w.story.tell("    %s after %v: %v", what, took, err)
	}
	return code
}

// served checks what the driver says of an RPC.
func (c *calls) served(ctx context.Context, done driver.Call) {
	c.mu.Lock()
	c.answered++
	c.mu.Unlock()
	if deadline, ok := ctx.Deadline(); ok && time.Since(deadline) > 10*time.Millisecond {
		c.w.violate("calls are answered", "%s ended %v after its deadline", path.Base(done.Method), time.Since(deadline))
	}
}

// check is for a settled moment: no call begun before the loss waits still.
// What reads a change back pauses for up to settle before it asks again.
func (c *calls) check(s *conn.Snapshot, now time.Time) {
	const settle = 2 * time.Second
	if s.Connected() || s.Outage == nil || now.Sub(s.Outage.DetectedAt) <= settle {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for waiting := range c.rpcs {
		c.w.violate("calls are answered", "%s, called %v ago, waits though the loss is known for %v",
			waiting.what, now.Sub(waiting.begun), now.Sub(s.Outage.DetectedAt))
	}
}
