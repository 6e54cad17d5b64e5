package conn

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// minBackoff keeps a jitter of 1 from making a wait vanish.
const minBackoff = time.Millisecond

// attempt is one call of Client.Connect, in a goroutine of its own.
type attempt struct {
	info   Attempt
	start  time.Time
	ctx    context.Context // with the attempt's span; it outlives cancel
	cancel context.CancelFunc
	done   chan error // gets the result; never closed
}

// result is nil, and so never ready, without an attempt.
func (a *attempt) result() <-chan error {
	if a == nil {
		return nil
	}
	return a.done
}

// startAttempt begins an attempt. None is in flight, and the old connection is
// closed.
func (mon *monitor) startAttempt(ctx context.Context) {
	mon.s.Attempts++
	a := &attempt{start: time.Now(), done: make(chan error, 1)}
	a.info = Attempt{Address: mon.s.Address, Number: 1, Total: mon.s.Attempts, Backoff: mon.backoff}
	if mon.outage != nil {
		mon.outage.Attempts++
		a.info.Number = mon.outage.Attempts
		a.info.OutageID = mon.outage.ID
	}
	mon.backoff = 0
	mon.s.NextAttempt = time.Time{}
	mon.attempt = a

	a.ctx = mon.cfg.Observer.AttemptStarted(ctx, a.info)
	mon.setState(a.ctx, StateConnecting)
	var dial context.Context
	dial, a.cancel = context.WithCancel(a.ctx)
	go func() { a.done <- mon.cfg.Client.Connect(dial) }()
}

// endAttempt tells the observer how the attempt in flight ended.
func (mon *monitor) endAttempt(r AttemptResult) {
	a := mon.attempt
	mon.attempt = nil
	a.cancel()
	r.Attempt = a.info
	r.Duration = time.Since(a.start)
	r.Snapshot = mon.m.snap.Load()
	mon.cfg.Observer.AttemptEnded(a.ctx, r)
}

func (mon *monitor) onAttemptEnded(ctx context.Context, err error) {
	if err == nil {
		mon.onConnected()
	} else {
		mon.onAttemptFailed(ctx, asError(err))
	}
	mon.answer(err)
}

// asError makes an *Error of whatever a Client returned.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return attemptError("", KindUnusable, err)
}

// onConnected publishes the new connection and ends the outage.
func (mon *monitor) onConnected() {
	a := mon.attempt
	now := time.Now()
	before, known := mon.s.Report, mon.s.Generation > 0
	mon.connected()
	over := mon.outage
	mon.outage = nil
	since := now.Sub(a.start)
	if over != nil {
		over.EndedAt = now
		over.Cause = CauseUnknown
		if known {
			over.Cause = causeOf(before, mon.s.Report)
		}
		mon.s.LastOutage = over
		since = now.Sub(over.DetectedAt)
	}
	mon.setState(a.ctx, StateConnected)
	if over != nil {
		mon.cfg.Observer.OutageEnded(a.ctx, *over)
	}
	mon.logConnected(a, over)
	mon.endAttempt(AttemptResult{SinceDetected: since})
	if over != nil {
		mon.callback.reconnected(a.ctx)
	}
}

// onAttemptFailed notes the failure and plans the next attempt. One that was
// canceled, by a Close of the client from outside, is no failure.
func (mon *monitor) onAttemptFailed(ctx context.Context, failure *Error) {
	a := mon.attempt
	now := time.Now()
	if mon.outage == nil {
		mon.beginOutage(a.start, a.start, "")
		mon.outage.Attempts = 1
	}
	if failure.Kind != KindCanceled {
		mon.s.ConsecutiveFailures++
		mon.s.LastError, mon.s.LastErrorAt = failure, now
		mon.s.BanSuspected = mon.ban.failed(failure.Kind)
		if mon.outage.FirstError == nil {
			mon.outage.FirstError = failure
		}
	}
	gaveUp := mon.cfg.MaxElapsedTime > 0 && now.Sub(mon.cycle) >= mon.cfg.MaxElapsedTime
	if gaveUp {
		mon.s.GivenUp++
		mon.cycle = now
	}
	mon.slow = failure.Kind.slow()
	wait := mon.planRetry(a.ctx)
	mon.logFailed(a, failure, wait)
	if gaveUp {
		mon.cfg.Observer.GaveUp(a.ctx, *mon.outage)
		mon.cfg.Logger.ErrorContext(a.ctx, "RDS not reached within the maximum elapsed time; attempts go on",
			"address", mon.s.Address, "outage", now.Sub(mon.outage.LastReceived), "attempts", mon.outage.Attempts)
	}
	mon.endAttempt(AttemptResult{Err: failure, NextBackoff: wait})
}

// planRetry sets the timer of the next attempt and returns the wait; without a
// monitor nothing is planned.
func (mon *monitor) planRetry(ctx context.Context) time.Duration {
	if !mon.started {
		mon.setState(ctx, StateIdle)
		return 0
	}
	mon.plan(ctx, max(minBackoff, mon.schedule.next(mon.slow)))
	return mon.backoff
}

// answer returns the result to every Reconnect that waits for it.
func (mon *monitor) answer(err error) {
	for _, waiter := range mon.waiters {
		waiter <- err // buffered
	}
	mon.waiters = nil
}

func (mon *monitor) logConnected(a *attempt, over *Outage) {
	report := mon.s.Report
	attrs := []any{"address", mon.s.Address, "attempt", a.info.Number, "duration", time.Since(a.start),
		"peer", report.PeerAddress, "server_version", report.Identity.Version, "host_key_check", report.HostKeyCheck}
	if over == nil {
		mon.cfg.Logger.InfoContext(a.ctx, "RDS connected", attrs...)
		return
	}
	attrs = append(attrs, "outage", over.Duration(over.EndedAt), "cause", over.Cause)
	if over.Cause == CauseOtherDevice {
		mon.cfg.Logger.ErrorContext(a.ctx, "RDS reconnected, but ANOTHER DEVICE answers: check the address before using its volumes",
			append(attrs, "serial_number", report.Identity.SerialNumber, "software_id", report.Identity.SoftwareID, "system_id", report.Identity.SystemID)...)
		return
	}
	mon.cfg.Logger.InfoContext(a.ctx, "RDS reconnected", attrs...)
}

func (mon *monitor) logFailed(a *attempt, failure *Error, wait time.Duration) {
	level, text := slog.LevelWarn, "RDS connection attempt failed"
	switch failure.Kind {
	case KindHostKey:
		level, text = slog.LevelError, "RDS HOST KEY CHANGED: not connecting"
	case KindCanceled:
		level, text = slog.LevelInfo, "RDS connection attempt canceled"
	}
	mon.cfg.Logger.Log(a.ctx, level, text, "address", mon.s.Address, "attempt", a.info.Number,
		"kind", failure.Kind, "error", failure, "backoff", wait)
}
