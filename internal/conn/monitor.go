package conn

import (
	"context"
	"errors"
	"time"
)

// StuckAfter is how long after ConnectionManager.LastTurn the monitor's loop
// counts as stuck; when it is well it turns three times as often.
const StuckAfter = 30 * time.Second

// maxTurn is the longest time without a turn of a loop that is well.
const maxTurn = StuckAfter / 3

var errPolled = errors.New("the client says that it is not connected")

// monitor is the state of the goroutine that owns the connection. Nothing in it
// is touched by any other goroutine.
type monitor struct {
	m        *ConnectionManager
	cfg      *ConnectionManagerConfig
	reporter Reporter // nil where the client tells no more than Client

	s        Snapshot        // the working copy of what is published
	outage   *Outage         // running
	outages  uint64          // so far
	started  bool            // StartMonitor was called: retry by itself
	lost     <-chan struct{} // of the live connection, nil without one
	attempt  *attempt        // in flight
	schedule *schedule
	retry    *time.Timer   // the next attempt
	backoff  time.Duration // the wait that retry was set to
	slow     bool          // the newest attempt failed for what only a person can mend
	waiters  []chan error  // Reconnect calls that wait for the next result
	cycle    time.Time     // start of the current cycle of MaxElapsedTime
	ban      banWatch
	callback callbackRunner
}

func newMonitor(m *ConnectionManager) *monitor {
	mon := &monitor{
		m: m, cfg: &m.cfg,
		s:        *m.snap.Load(),
		schedule: newSchedule(m.cfg),
		retry:    time.NewTimer(0),
		callback: callbackRunner{cfg: &m.cfg, done: make(chan struct{}, 1), cancel: func() {}},
	}
	mon.retry.Stop()
	mon.reporter, _ = m.cfg.Client.(Reporter)
	return mon
}

// run is the loop. It never waits for anything but its channels.
func (mon *monitor) run(ctx context.Context) {
	defer close(mon.m.done)
	poll := time.NewTicker(min(mon.cfg.PollInterval, maxTurn))
	defer poll.Stop()
	defer mon.retry.Stop()
	monitoring := mon.m.monitoring
	mon.adopt(ctx)
	for {
		now := time.Now()
		mon.m.lastTurn.Store(&now)
		select {
		case <-ctx.Done():
			mon.shutdown(ctx)
			return
		case <-monitoring:
			monitoring = nil
			mon.started = true
			mon.proceed(ctx)
		case <-mon.lost:
			mon.onLost(ctx, ReasonOther, nil)
		case <-poll.C:
			if mon.s.State == StateConnected && !mon.cfg.Client.IsConnected() {
				mon.onLost(ctx, ReasonOther, errPolled)
			}
		case err := <-mon.attempt.result():
			mon.onAttemptEnded(ctx, err)
		case <-mon.retry.C:
			mon.startAttempt(ctx)
		case waiter := <-mon.m.requests:
			mon.onRequest(ctx, waiter)
		case <-mon.callback.done:
			mon.callback.next()
		}
	}
}

// setState is the only place that changes the state: it publishes the snapshot
// and tells the observer.
func (mon *monitor) setState(ctx context.Context, state State) {
	mon.s.State = state
	mon.s.Since = time.Now()
	mon.publish(ctx)
}

func (mon *monitor) publish(ctx context.Context) {
	s := mon.s
	s.Outage = nil
	if mon.outage != nil {
		running := *mon.outage
		s.Outage = &running
	}
	mon.m.snap.Store(&s)
	mon.cfg.Observer.StateChanged(ctx, &s)
}

// adopt takes over a connection that was made before the manager: it counts
// as the process's first attempt.
func (mon *monitor) adopt(ctx context.Context) {
	if !mon.cfg.Client.IsConnected() {
		return
	}
	mon.s.Attempts = 1
	mon.schedule.next(false)
	mon.connected()
	mon.setState(ctx, StateConnected)
}

// connected notes the facts of a new connection.
func (mon *monitor) connected() {
	mon.lost = mon.cfg.Client.Done()
	mon.s.Generation++ // unless the client counts itself
	mon.s.ConnectedAt = time.Now()
	mon.s.ConsecutiveFailures = 0
	mon.s.NextAttempt = time.Time{}
	mon.slow = false
	mon.s.GivenUp = 0
	mon.s.BanSuspected = mon.ban.connected()
	if mon.reporter != nil {
		mon.s.Report = mon.reporter.Report()
		mon.s.Generation = mon.s.Report.Generation
	}
}

// onLost handles the end of the live connection.
func (mon *monitor) onLost(ctx context.Context, reason Reason, err error) {
	mon.disconnect(ctx, reason, err)
	mon.proceed(ctx)
}

// disconnect closes the connection and begins the outage. A client that knows
// why the connection ended knows better than reason and err.
func (mon *monitor) disconnect(ctx context.Context, reason Reason, err error) {
	now := time.Now()
	received := now
	if mon.reporter != nil {
		if r, cause := mon.reporter.EndReason(); r != "" {
			reason, err = r, cause
		}
		received = mon.reporter.LastReceived()
	}
	mon.cfg.Client.Close() // the old one, before anything new
	mon.lost = nil
	mon.callback.cancel()
	if now.Sub(mon.s.ConnectedAt) >= mon.cfg.MaxInterval {
		mon.schedule.reset()
	}
	mon.beginOutage(received, now, reason)
	mon.s.DisconnectedAt = now
	mon.s.Reason = reason
	mon.setState(ctx, StateIdle)
	mon.cfg.Observer.Disconnected(ctx, Disconnect{Snapshot: mon.m.snap.Load(), Reason: reason, Err: err})
	mon.cfg.Logger.WarnContext(ctx, "RDS connection lost", "address", mon.s.Address, "reason", reason,
		"error", err, "connected_for", now.Sub(mon.s.ConnectedAt), "silent_for", now.Sub(received))
}

func (mon *monitor) beginOutage(received, detected time.Time, reason Reason) {
	mon.outages++
	mon.outage = &Outage{ID: mon.outages, LastReceived: received, DetectedAt: detected, Reason: reason}
	mon.cycle = detected
}

// proceed plans the next attempt where one is wanted and none is in flight.
func (mon *monitor) proceed(ctx context.Context) {
	if mon.started && mon.s.State != StateConnected && mon.attempt == nil {
		mon.plan(ctx, mon.schedule.next(mon.slow))
	}
}

// plan makes the next attempt after wait, and no sooner than the dial budget
// allows.
func (mon *monitor) plan(ctx context.Context, wait time.Duration) {
	if mon.reporter != nil {
		if least := mon.reporter.DialWait(); least > wait {
			wait = mon.schedule.above(least)
		}
	}
	mon.backoff = wait
	if wait == 0 {
		mon.retry.Stop()
		mon.startAttempt(ctx)
		return
	}
	mon.retry.Reset(wait)
	mon.s.NextAttempt = time.Now().Add(wait)
	mon.setState(ctx, StateWaiting)
}

// onRequest serves a call of Reconnect: it joins the attempt in flight, or has
// one made now.
func (mon *monitor) onRequest(ctx context.Context, waiter chan error) {
	mon.waiters = append(mon.waiters, waiter)
	if mon.attempt != nil {
		return
	}
	if mon.s.State == StateConnected {
		mon.disconnect(ctx, ReasonRequested, nil)
	}
	if mon.s.State != StateWaiting {
		mon.schedule.next(false) // the attempt takes its place in the schedule
	}
	mon.plan(ctx, 0)
}

// shutdown ends what is under way, within the time that Stop waits.
func (mon *monitor) shutdown(ctx context.Context) {
	mon.cfg.Client.Close() // first: what it cuts short here is not given up by the callback
	mon.callback.cancel()
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout*2/3)
	defer cancel()
	if a := mon.attempt; a != nil {
		a.cancel()
		select {
		case <-a.done:
			mon.cfg.Client.Close() // it may have succeeded meanwhile
		case <-bound.Done():
		}
		mon.s.NextAttempt = time.Time{}
		failure := attemptError("", KindCanceled, ErrStopped)
		mon.logFailed(a, failure, 0)
		mon.endAttempt(AttemptResult{Err: failure})
	}
	mon.callback.wait(bound)
	mon.s.NextAttempt = time.Time{}
	mon.setState(ctx, StateStopped)
	mon.answer(ErrStopped)
	mon.cfg.Logger.InfoContext(ctx, "connection manager stopped", "address", mon.s.Address)
}
