package conn

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// stopTimeout bounds Stop: what has not ended by then ignores its context.
const stopTimeout = 900 * time.Millisecond

// ConnectionManager keeps one connection to one device usable: it notices the
// loss, closes the old connection, connects anew with exponential backoff, and
// says so. It is no proxy: callers use the client and get its errors. Safe for
// concurrent use.
//
// OnReconnect runs for each connection that was made after a loss or a failed
// start, in a goroutine of its own, one at a time; of those that come while
// one runs, the newest is kept. Its context carries the trace of the attempt
// and ends at the next loss or at Stop. A panic in it is caught and reported.
//
// One goroutine, started by StartMonitor or by the first Reconnect, owns the
// connection, the timers and the state; everything else sends it requests or
// reads what it published.
type ConnectionManager struct {
	cfg ConnectionManagerConfig // immutable

	snap     atomic.Pointer[Snapshot] // written by the monitor goroutine; before it starts and where it never does, under mu
	lastTurn atomic.Pointer[time.Time]

	requests chan chan error // Reconnect to monitor
	done     chan struct{}   // closed when the monitor goroutine ended

	mu         sync.Mutex         // guards the rest; nothing blocks while it is held
	cancel     context.CancelFunc // ends the monitor goroutine; nil before it starts
	monitoring chan struct{}      // closed by StartMonitor
	monitored  bool               // StartMonitor was called
	stopped    bool               // Stop was called
}

// NewConnectionManager checks the configuration and starts nothing. The error
// names every fault.
func NewConnectionManager(cfg ConnectionManagerConfig) (*ConnectionManager, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m := &ConnectionManager{
		cfg:        cfg,
		requests:   make(chan chan error),
		done:       make(chan struct{}),
		monitoring: make(chan struct{}),
	}
	m.snap.Store(&Snapshot{Address: cfg.Client.Address(), State: StateIdle, Since: time.Now()})
	m.lastTurn.Store(&time.Time{})
	return m, nil
}

// IsConnected reports whether the connection is usable. It reads memory only.
func (m *ConnectionManager) IsConnected() bool { return m.snap.Load().State == StateConnected }

// Snapshot returns what is known of the connection; it must not be changed.
// It reads memory only.
func (m *ConnectionManager) Snapshot() *Snapshot { return m.snap.Load() }

// GetClient returns the client, connected or not.
func (m *ConnectionManager) GetClient() Client { return m.cfg.Client }

// LastTurn is when the monitor's loop last turned, zero before it started. It
// turns at least every PollInterval or 10 s, whichever is shorter, whatever
// the network does.
func (m *ConnectionManager) LastTurn() time.Time { return *m.lastTurn.Load() }

// StartMonitor begins to keep the connection usable, until Stop or the end of
// ctx, and returns at once. Only the first call counts.
func (m *ConnectionManager) StartMonitor(ctx context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped || m.monitored {
		m.cfg.Logger.WarnContext(ctx, "StartMonitor has no effect", "started", m.monitored, "stopped", m.stopped)
		return
	}
	m.monitored = true
	close(m.monitoring)
	m.startLocked(ctx)
	context.AfterFunc(ctx, m.Stop)
}

// startLocked starts the monitor goroutine, once. It takes values from ctx,
// never its end.
func (m *ConnectionManager) startLocked(ctx context.Context) {
	if m.cancel != nil {
		return
	}
	ctx, m.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go newMonitor(m).run(ctx)
}

// Reconnect brings about a connection attempt and returns its result: on a
// lost connection it wakes a waiting backoff or joins the attempt in flight,
// on a healthy one it closes and connects anew. Concurrent calls share one
// attempt. Where a dial budget is used up, it waits for the budget. The end of
// ctx ends the wait, not the attempt. Before StartMonitor it makes a single
// attempt; after Stop it returns ErrStopped.
func (m *ConnectionManager) Reconnect(ctx context.Context) error {
	m.mu.Lock()
	if m.stopped {
		m.mu.Unlock()
		return ErrStopped
	}
	m.startLocked(ctx)
	m.mu.Unlock()

	result := make(chan error, 1)
	select {
	case m.requests <- result:
	case <-m.done:
		return ErrStopped
	case <-ctx.Done():
		return attemptError("", KindCanceled, context.Cause(ctx))
	}
	select {
	case err := <-result:
		return err
	case <-m.done:
		return ErrStopped
	case <-ctx.Done():
		return attemptError("", KindCanceled, context.Cause(ctx))
	}
}

// Stop ends everything and closes the client, for good. It returns within a
// second; only a callback that ignores its context can outlive it. It may be
// called any number of times, from anywhere.
func (m *ConnectionManager) Stop() {
	m.mu.Lock()
	first := !m.stopped
	m.stopped = true
	if m.cancel == nil {
		if first {
			s := *m.snap.Load()
			s.State, s.Since = StateStopped, time.Now()
			m.snap.Store(&s)
			close(m.done)
		}
		m.mu.Unlock()
		m.cfg.Client.Close()
		return
	}
	m.cancel()
	m.mu.Unlock()

	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-m.done:
	case <-timer.C:
		m.cfg.Logger.Warn("stopped without waiting further: a callback or the client ignores its context")
		m.cfg.Client.Close()
	}
}
