package conn

import (
	"context"
	"runtime/debug"
)

// callbackRunner runs OnReconnect, one at a time, with at most one pending. It
// belongs to the monitor goroutine.
type callbackRunner struct {
	cfg     *ConnectionManagerConfig
	running bool
	pending context.Context    // of the newest connection, while another runs
	cancel  context.CancelFunc // ends the context of the newest connection
	done    chan struct{}      // gets a token when a callback returned
}

// reconnected has the callback run for a new connection. ctx carries the
// attempt's span; cancel ends what it gets.
func (r *callbackRunner) reconnected(ctx context.Context) {
	if r.cfg.OnReconnect == nil {
		return
	}
	// Its end is the runner's to say: at shutdown, once the client is closed.
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if r.running {
		r.pending = ctx
		return
	}
	r.start(ctx)
}

// next runs the pending callback, unless its connection is gone by now.
func (r *callbackRunner) next() {
	r.running = false
	ctx := r.pending
	r.pending = nil
	if ctx != nil && ctx.Err() == nil {
		r.start(ctx)
	}
}

func (r *callbackRunner) start(ctx context.Context) {
	r.running = true
	go func() {
		defer func() { r.done <- struct{}{} }()
		defer func() {
			if v := recover(); v != nil {
				r.cfg.Observer.CallbackPanicked(ctx, v)
				r.cfg.Logger.ErrorContext(ctx, "OnReconnect panicked", "panic", v, "stack", string(debug.Stack()))
			}
		}()
		r.cfg.OnReconnect(ctx)
	}()
}

// wait returns when no callback runs any more, or bound ends.
func (r *callbackRunner) wait(bound context.Context) {
	if !r.running {
		return
	}
	select {
	case <-r.done:
	case <-bound.Done():
	}
}
