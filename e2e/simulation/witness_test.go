package simulation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"rds-csi/internal/conn"
)

// Bounds that design and configuration promise.
const (
	connectTimeout = conn.DefaultConnectTimeout
	commandTimeout = conn.DefaultCommandTimeout
	maxInterval    = conn.DefaultMaxInterval
	silence        = 10 * time.Second // until a loss is known
	silenceBusy    = 7 * time.Second  // the same while a command waits
)

// witness is told what a controller's connection says of itself, and holds it
// against the promises and against what the network saw.
type witness struct {
	conn.NopObserver
	w *world
	p *process

	mu          sync.Mutex
	state       conn.State
	moment      time.Time // of the newest change of state
	changes     int       // at that moment
	pace        pace
	inFlight    bool
	attempt     conn.Attempt
	begun       time.Time // of the attempt
	connectedAt time.Time
	tally       tally
	commands    map[*command]struct{} // launched, and ended at this very moment at most
	boot        time.Time             // of the device, at the newest connection; zero before
	callable    uint64                // the attempt whose callback is owed, 0: none
}

// tally counts what happened in the life of a controller.
type tally struct {
	started, succeeded, failed, canceled int
	first                                int // attempts that are no reconnection: 1 once the first has ended
	firstFailed                          bool
	kinds                                map[conn.Kind]int
	reasons                              map[conn.Reason]int
	causes                               map[conn.Cause]int
	gaveUp, abandoned, panics            int
	up, down                             time.Duration // of connections and outages that are over
}

// command is one that waits for the device's answer.
type command struct{ launched, ended time.Time }

type commandKey struct{}
type attemptKey struct{}

func newWitness(w *world, p *process) *witness {
	return &witness{w: w, p: p, state: conn.StateIdle, commands: make(map[*command]struct{}),
		pace:  pace{jitter: w.profile.jitter, gap: w.profile.budget.Gap, from: time.Now()},
		tally: tally{kinds: make(map[conn.Kind]int), reasons: make(map[conn.Reason]int), causes: make(map[conn.Cause]int)}}
}

// steps are the changes of state that may be.
var steps = map[conn.State][]conn.State{
	conn.StateIdle:       {conn.StateConnecting, conn.StateWaiting, conn.StateStopped},
	conn.StateConnecting: {conn.StateConnected, conn.StateWaiting, conn.StateIdle, conn.StateStopped},
	conn.StateConnected:  {conn.StateIdle, conn.StateStopped},
	conn.StateWaiting:    {conn.StateConnecting, conn.StateWaiting, conn.StateStopped},
}

func (o *witness) StateChanged(_ context.Context, s *conn.Snapshot) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wantTimeToPass()
	legal := false
	for _, next := range steps[o.state] {
		legal = legal || next == s.State
	}
	if !legal {
		o.w.violate("legal states", "%s after %s", s.State, o.state)
	}
	if s.State == conn.StateStopped {
		o.wantWholeLife(s)
	}
	if s.State == conn.StateConnected && o.tally.succeeded == 0 && s.LastOutage == nil {
		o.tally.down = s.ConnectedAt.Sub(o.p.began) // the first attempt succeeds
	}
	o.state = s.State
	if s.State == conn.StateConnected {
		o.connectedAt = time.Now()
	}
	if s.State != conn.StateWaiting {
		o.w.story.tell("    %s", s.State)
	}
}

// wantTimeToPass ends the test binary where the monitor turns and turns at one
// moment: the bubble would never come to rest.
func (o *witness) wantTimeToPass() {
	const most = 1000
	if now := time.Now(); !now.Equal(o.moment) {
		o.moment, o.changes = now, 0
	}
	if o.changes++; o.changes > most {
		fmt.Fprintln(os.Stderr, o.w.story)
		panic(fmt.Sprintf("seed %d: %d changes of state at one moment", o.w.story.seed, most))
	}
}

// wantWholeLife: the time up and the time down are the whole time.
func (o *witness) wantWholeLife(s *conn.Snapshot) {
	now := time.Now()
	up, down := o.tally.up, o.tally.down
	switch {
	case o.state == conn.StateConnected:
		up += now.Sub(s.ConnectedAt)
	case s.Outage != nil:
		down += now.Sub(s.Outage.DetectedAt)
	default: // the first attempt is in flight, or was canceled
		down += now.Sub(o.p.began)
	}
	if life := now.Sub(o.p.began); up+down != life {
		o.w.violate("counters add up", "up %v and down %v in a life of %v", up, down, life)
	}
}

func (o *witness) AttemptStarted(ctx context.Context, a conn.Attempt) context.Context {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.inFlight {
		o.w.violate("one connection, one dial", "an attempt begins while another is in flight")
	}
	now := time.Now()
	least, most := o.pace.bounds()
	if wrong := o.pace.attempt(now, o.p.calls.wakes(now, o.pace.gap > 0), o.w.network.lastDial()); wrong != "" {
		o.w.violate("the schedule", "attempt %d is %s: %v after the last one or the loss, want %v to %v",
			a.Number, wrong, now.Sub(o.pace.from), least, most)
	}
	o.inFlight, o.attempt, o.begun, o.callable = true, a, now, 0
	o.tally.started++
	return context.WithValue(ctx, attemptKey{}, a.Total)
}

func (o *witness) AttemptEnded(ctx context.Context, r conn.AttemptResult) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if took := now.Sub(o.begun); took > connectTimeout || r.Duration > connectTimeout {
		o.w.violate("no attempt above its budget", "attempt %d took %v (%v)", r.Number, took, r.Err)
	}
	if id, _ := ctx.Value(attemptKey{}).(uint64); !o.inFlight || id != o.attempt.Total || r.Total != id {
		o.w.violate("events in order", "attempt %d ended, %d is in flight", id, o.attempt.Total)
	}
	o.inFlight = false
	o.pace.ended(now, r.Err)
	if r.Err == nil {
		o.boot = o.w.network.bootOfNewest()
	}
	switch {
	case r.Err == nil:
		o.tally.succeeded++
	case r.Err.Kind == conn.KindCanceled:
		o.tally.canceled++
	default:
		o.tally.failed++
		o.w.story.tell("    attempt %d failed: %v", r.Number, r.Err)
	}
	if r.Total == 1 {
		o.tally.first, o.tally.firstFailed = 1, r.Err != nil
	} else if r.Err != nil && r.Err.Kind != conn.KindCanceled {
		o.tally.kinds[r.Err.Kind]++
	}
}

func (o *witness) Disconnected(_ context.Context, e conn.Disconnect) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	o.w.story.tell("    lost: %s (%v)", e.Reason, e.Err)
	o.tally.reasons[e.Reason]++
	last, ended := o.w.network.heard()
	if late := now.Sub(last); late > silence {
		o.w.violate("silence", "the loss (%s) is known %v after the last byte", e.Reason, late)
	}
	if since, busy := o.waitingSince(now); busy && now.Sub(later(last, since)) > silenceBusy {
		o.w.violate("silence", "the loss (%s) is known %v after the last byte and %v after a command was sent",
			e.Reason, now.Sub(last), now.Sub(since))
	}
	if !ended.IsZero() && now.After(ended) {
		o.w.violate("a loss is an event", "the loss (%s) is known %v after the far end closed", e.Reason, now.Sub(ended))
	}
	o.tally.up += e.Snapshot.DisconnectedAt.Sub(e.Snapshot.ConnectedAt)
	o.pace.lost(now, now.Sub(o.connectedAt))
	o.callable = 0
}

func (o *witness) OutageEnded(_ context.Context, outage conn.Outage) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tally.causes[outage.Cause]++
	o.tally.down += outage.EndedAt.Sub(outage.DetectedAt)
	o.callable = o.attempt.Total
	o.wantCause(outage.Cause)
}

// wantCause holds the cause against the device's own uptime, where that leaves
// no doubt.
func (o *witness) wantCause(cause conn.Cause) {
	boot := o.w.network.bootOfNewest()
	before := o.boot
	o.boot = boot
	since := boot.Sub(before)
	switch sure := o.w.rds.Faults().Delay < time.Second; {
	case before.IsZero() && cause != conn.CauseUnknown, !before.IsZero() && cause != conn.CauseLink && cause != conn.CauseReboot:
		o.w.violate("cause", "%s, after %d connections", cause, o.tally.succeeded)
	case before.IsZero() || !sure:
	case since > 5*time.Minute && cause != conn.CauseReboot, since < 1500*time.Millisecond && cause != conn.CauseLink:
		o.w.violate("cause", "%s, though the device booted %v after its last boot", cause, since)
	}
}

func (o *witness) GaveUp(context.Context, conn.Outage) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tally.gaveUp++
	if o.w.profile.maxElapsed == 0 {
		o.w.violate("never gives up", "an outage was given up")
	}
}

func (o *witness) OperationAbandoned(context.Context, string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tally.abandoned++
}

func (o *witness) CallbackPanicked(context.Context, any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tally.panics++
}

// CommandStarted gives the command something that SessionWaited finds again.
func (o *witness) CommandStarted(ctx context.Context, c conn.Command) context.Context {
	if c.Purpose != conn.PurposeExec {
		return ctx
	}
	return context.WithValue(ctx, commandKey{}, &command{})
}

// SessionWaited: the command has its session and is sent now.
func (o *witness) SessionWaited(ctx context.Context, waited time.Duration) {
	if waited > commandTimeout {
		o.w.violate("calls are answered", "a command waited %v for a session", waited)
	}
	c, ok := ctx.Value(commandKey{}).(*command)
	if !ok {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	c.launched = time.Now()
	o.commands[c] = struct{}{}
}

func (o *witness) CommandEnded(ctx context.Context, r conn.CommandResult) {
	if r.Duration > 2*commandTimeout {
		o.w.violate("calls are answered", "a command (%s) took %v", r.Purpose, r.Duration)
	}
	if r.Err != nil && errors.Is(r.Err, conn.ErrNotConnected) && r.Duration > 0 {
		o.w.violate("calls are answered", "a command without a connection took %v", r.Duration)
	}
	c, ok := ctx.Value(commandKey{}).(*command)
	if !ok {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	c.ended = time.Now()
}

// waitingSince is when the oldest command was sent that waits for its answer;
// one that the loss itself ended counts.
func (o *witness) waitingSince(now time.Time) (since time.Time, busy bool) {
	for c := range o.commands {
		if !c.ended.IsZero() && c.ended.Before(now) {
			delete(o.commands, c)
			continue
		}
		if !busy || c.launched.Before(since) {
			since, busy = c.launched, true
		}
	}
	return since, busy
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
