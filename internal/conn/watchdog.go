package conn

import (
	"context"
	"sync"
	"time"
)

// When silence is probed and when it is a loss. Together they bound detection
// to 10 s, and to 7 s while a command waits for its answer.
const (
	quietIdle    = 5 * time.Second // without a byte: send a probe
	quietCommand = 2 * time.Second // the same while a command waits
	probeTimeout = 5 * time.Second // after the probe without a byte: lost

	// ownStall is how late the timer may be before the silence counts as our
	// own: a process that was stopped, or throttled, has not read what came.
	ownStall = time.Second
)

// watchdog finds a silent peer: a black hole, a half-open connection, a frozen
// device. Any byte received is proof of life, also the refusal of a session.
// The probe opens a session channel and closes it; keepalive requests are no
// use, RouterOS does not answer them.
type watchdog struct {
	link  *link
	timer *time.Timer

	mu      sync.Mutex // guards the rest; nothing blocks while it is held
	waiting int        // operations that wait for an answer
	since   time.Time  // since when, if any does
	probed  time.Time  // when the outstanding probe was sent, zero without one
	due     time.Time  // when the timer was to fire
}

func newWatchdog(l *link) *watchdog {
	return &watchdog{link: l, timer: time.NewTimer(quietIdle), due: time.Now().Add(quietIdle)}
}

// run watches until the link ends.
func (w *watchdog) run(ctx context.Context) {
	defer w.timer.Stop()
	for {
		select {
		case <-w.link.done:
			return
		case <-w.timer.C:
		}
		send, lost := w.turn(time.Now())
		if lost {
			w.link.end(ReasonSilence, errSilence)
			return
		}
		if send {
			w.link.probe(ctx)
		}
	}
}

// turn decides what is due and sets the timer for the next turn.
func (w *watchdog) turn(now time.Time) (send, lost bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := w.lastLocked()
	stalled := now.Sub(w.due) > ownStall
	if !w.probed.IsZero() && now.Sub(w.probed) >= probeTimeout && !stalled {
		return false, true
	}
	if stalled || w.probed.IsZero() && !now.Before(w.dueLocked(last)) {
		w.probed = now
		send = true
	}
	w.setTimerLocked(now, last)
	return send, false
}

// lastLocked is when the last byte came, which may have answered the probe.
func (w *watchdog) lastLocked() time.Time {
	last := w.link.wire.lastReceived()
	if !last.Before(w.probed) {
		w.probed = time.Time{}
	}
	return last
}

// dueLocked is when a probe is due if no byte comes.
func (w *watchdog) dueLocked(last time.Time) time.Time {
	due := last.Add(quietIdle)
	if w.waiting == 0 {
		return due
	}
	quiet := w.since
	if last.After(quiet) {
		quiet = last
	}
	if early := quiet.Add(quietCommand); early.Before(due) {
		return early
	}
	return due
}

// doubts reports whether the device may have fallen silent: a probe is under
// way, or due.
func (w *watchdog) doubts(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := w.lastLocked()
	return !w.probed.IsZero() || !now.Before(w.dueLocked(last))
}

func (w *watchdog) setTimerLocked(now, last time.Time) {
	next := w.dueLocked(last)
	if !w.probed.IsZero() {
		next = w.probed.Add(probeTimeout)
		if early := now.Add(quietCommand); w.waiting > 0 && early.Before(next) {
			next = early // its answer begins a silence of its own
		}
	}
	w.due = next
	w.timer.Reset(max(0, next.Sub(now)))
}

// begin notes that an operation waits for an answer from now on.
func (w *watchdog) begin(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting++
	if w.waiting == 1 {
		w.since = now
		w.setTimerLocked(now, w.lastLocked())
	}
}

// end notes that one no longer waits. The timer may then come early, and finds
// nothing due.
func (w *watchdog) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting--
}

// probe opens a session and closes it, beside the session limit: a busy
// connection must be probed too. An open that is unanswered already does not
// ask the same question: the device may leave that one alone for ever.
func (l *link) probe(ctx context.Context) {
	op := newOperation(l, PurposeProbe, "")
	info := Command{Purpose: PurposeProbe, Generation: l.report.Generation}
	ctx = l.observer.CommandStarted(ctx, info)
	op.launch(func() {})
	go func() {
		failure := op.supervise(ctx)
		if failure != nil && failure.Kind == KindBusy {
			failure = nil // refused is answered
		}
		l.observer.CommandEnded(ctx, CommandResult{Command: info, Err: failure, Duration: time.Since(op.start)})
	}()
}
