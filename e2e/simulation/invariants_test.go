package simulation

import (
	"context"
	"runtime"
	"strings"
	"testing/synctest"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"

	"rds-csi/internal/conn"
)

// settled waits until nothing happens any more at this moment, and looks at
// everything.
func (w *world) settled() {
	synctest.Wait()
	p := w.process.Load()
	if p == nil || p.ending.Load() {
		return
	}
	now := time.Now()
	s := p.manager.Snapshot()
	p.calls.check(s, now)
	p.witness.check(s, now)
	w.volumes.check()
	if turn := p.manager.LastTurn(); now.Sub(turn) > conn.StuckAfter/3 {
		w.violate("the loop turns", "the last turn was %v ago", now.Sub(turn))
	}
}

// check compares what is published with what the network saw, at a settled
// moment.
func (o *witness) check(s *conn.Snapshot, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.State != o.state {
		o.w.violate("legal states", "the snapshot says %s, the observer was told %s", s.State, o.state)
	}
	if s.Connected() != o.p.manager.IsConnected() {
		o.w.violate("legal states", "IsConnected is %v in state %s", !s.Connected(), s.State)
	}
	if int(s.Generation) != o.tally.succeeded || int(s.Attempts) != o.tally.started {
		o.w.violate("counters add up", "the snapshot counts %d connections and %d attempts, there were %d and %d",
			s.Generation, s.Attempts, o.tally.succeeded, o.tally.started)
	}
	switch s.State {
	case conn.StateConnected:
		o.checkLive(now)
		o.p.callbacks.check(o.callable)
	case conn.StateConnecting:
		o.p.callbacks.check(0)
		if took := now.Sub(o.begun); took > connectTimeout {
			o.w.violate("no attempt above its budget", "attempt %d is in flight for %v", o.attempt.Number, took)
		}
	case conn.StateWaiting:
		o.p.callbacks.check(0)
		if most := max(maxInterval, o.w.profile.longestGap()); s.NextAttempt.Sub(now) > most || now.After(s.NextAttempt) {
			o.w.violate("the schedule", "the next attempt is in %v", s.NextAttempt.Sub(now))
		}
	default:
		o.w.violate("the schedule", "the state is %s, and nothing is planned", s.State)
	}
}

// checkLive: a connection that is called usable has not ended, nor been silent
// for too long.
func (o *witness) checkLive(now time.Time) {
	last, ended := o.w.network.heard()
	if !ended.IsZero() {
		o.w.violate("a loss is an event", "connected, though the far end closed %v ago", now.Sub(ended))
	}
	if quiet := now.Sub(last); quiet > silence {
		o.w.violate("silence", "connected, though the last byte came %v ago", quiet)
	}
	if since, busy := o.waitingSince(now); busy && now.Sub(later(last, since)) > silenceBusy {
		o.w.violate("silence", "connected, though the last byte came %v ago, and a command was sent %v ago", now.Sub(last), now.Sub(since))
	}
}

// wantRecovered waits for the connection, which must come within the bound of
// promise 5. The old link may have died without a word just before.
func (w *world) wantRecovered(healed time.Duration) {
	bound := healed + silence + w.profile.recovery()
	for !w.failed() {
		if p := w.process.Load(); p != nil && p.manager.IsConnected() && w.now() > healed {
			w.story.tell("connected %v after the last fault", w.now()-healed)
			return
		}
		if w.now() >= bound {
			w.violate("recovery", "not connected %v after the last fault", w.now()-healed)
			return
		}
		w.until(min(bound, w.now()+time.Second))
	}
}

// wantWell: all is well, for everybody.
func (w *world) wantWell() {
	p := w.process.Load()
	if w.failed() {
		return
	}
	if p == nil || !p.manager.IsConnected() {
		w.violate("recovery", "not connected at %v, long after the last fault", w.now())
		return
	}
	w.cuts.Store(false)
	p.checkScrape()
	p.calls.wantUnsent(w.rds.Stats().Commands)
	w.volumes.audit()
	code := codes.Unavailable
	for try := 0; code != codes.OK && try < 5; try++ {
		time.Sleep(time.Duration(try) * 10 * time.Second)
		code = p.calls.rpc(p, "list", time.Minute, func(ctx context.Context) error {
			_, err := p.controller.ListVolumes(ctx, &csi.ListVolumesRequest{})
			return err
		})
	}
	if code != codes.OK {
		w.violate("recovery", "ListVolumes says %s, long after the last fault", code)
	}
	if n := len(w.goroutines("")); n > 250 {
		w.violate("nothing grows", "%d goroutines", n)
	}
}

// wantNoGoroutines: nothing of a controller that has stopped runs on.
func (w *world) wantNoGoroutines() {
	for _, owner := range []string{"rds-csi/internal/conn.", "rds-csi/internal/driver.", "rds-csi/internal/otelx.", "google.golang.org/grpc"} {
		if left := w.goroutines(owner); len(left) > 0 {
			w.violate("no goroutine left", "%d of %s, the first:\n%s", len(left), owner, left[0])
		}
	}
}

// goroutines gives the stacks of this bubble's goroutines that have the words
// in them, this one aside.
func (w *world) goroutines(words string) []string {
	buffer := make([]byte, 1<<20)
	stacks := strings.Split(string(buffer[:runtime.Stack(buffer, true)]), "\n\n")
	_, rest, _ := strings.Cut(stacks[0], "synctest bubble ")
	id, _, _ := strings.Cut(rest, "]")
	var found []string
	for _, stack := range stacks[1:] {
		head, _, _ := strings.Cut(stack, "\n")
		if strings.HasSuffix(head, "synctest bubble "+id+"]:") && strings.Contains(stack, words) {
			found = append(found, stack)
		}
	}
	return found
}
