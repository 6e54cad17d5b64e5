package status

import (
	"context"
	"fmt"
	"sync"
	"time"

	"rds-csi/internal/conn"
)

// Recorder remembers what the page shows of the past: recent events, and when
// the connection was up and down during the last day. It is an observer of the
// connection manager, is safe for concurrent use, never blocks and never grows
// beyond a bound.
type Recorder struct {
	conn.NopObserver

	mu       sync.Mutex // guards the rest; held for memory work only
	started  time.Time  // immutable
	events   ring
	timeline timeline
	banned   bool   // the newest snapshot suspected a ban
	over     uint64 // id of the newest outage that is over
}

var _ conn.Observer = (*Recorder)(nil)

// NewRecorder starts an empty record; what was before is unknown.
func NewRecorder() *Recorder { return newRecorder(time.Now()) }

func newRecorder(now time.Time) *Recorder {
	return &Recorder{started: now, timeline: newTimeline(now)}
}

// record is a copy of everything a Recorder knows.
type record struct {
	started   time.Time
	events    []event // newest first
	intervals []interval
}

func (r *Recorder) read(now time.Time) record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return record{r.started, r.events.newestFirst(), r.timeline.last(now)}
}

func (r *Recorder) add(now time.Time, e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events.add(now, e)
}

// StateChanged implements conn.Observer.
func (r *Recorder) StateChanged(_ context.Context, s *conn.Snapshot) {
	r.stateChanged(time.Now(), s)
}

func (r *Recorder) stateChanged(now time.Time, s *conn.Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := s.Since
	if at.IsZero() || at.After(now) {
		at = now
	}
	switch {
	case s.State == conn.StateConnected:
		r.timeline.set(at, linkUp)
	case s.State == conn.StateStopped || s.Outage == nil:
		// Stopped for good, not started yet, or in the very first attempt:
		// whether the RDS can be reached is not known.
		r.timeline.set(at, linkUnknown)
	default:
		// From the last byte on, as the outage is measured everywhere else.
		if last := s.Outage.LastReceived; !last.IsZero() {
			at = last
		}
		r.timeline.set(at, linkDown)
	}
	if s.BanSuspected && !r.banned {
		r.events.add(now, event{eventKey: eventKey{Type: eventBan, Outage: outageID(s)}})
	}
	r.banned = s.BanSuspected
}

// Disconnected implements conn.Observer.
func (r *Recorder) Disconnected(_ context.Context, d conn.Disconnect) {
	r.disconnected(time.Now(), d)
}

func (r *Recorder) disconnected(now time.Time, d conn.Disconnect) {
	e := event{eventKey: eventKey{Type: eventDisconnected, Outage: outageID(d.Snapshot), Reason: d.Reason}}
	if d.Err != nil {
		e.Detail = clean(d.Err.Error())
	}
	r.add(now, e)
}

// AttemptEnded implements conn.Observer.
func (r *Recorder) AttemptEnded(_ context.Context, a conn.AttemptResult) {
	r.attemptEnded(time.Now(), a)
}

func (r *Recorder) attemptEnded(now time.Time, a conn.AttemptResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case a.Err == nil && a.OutageID != 0 && a.OutageID == r.over:
		// The row of the outage that it ended says it all.
	case a.Err == nil:
		r.events.add(now, event{eventKey: eventKey{Type: eventConnected}, Duration: a.Duration})
	case a.Err.Kind == conn.KindCanceled:
	default:
		// The very first attempt has no outage yet, its failure begins one.
		id := a.OutageID
		if id == 0 {
			id = outageID(a.Snapshot)
		}
		r.events.add(now, event{
			eventKey: eventKey{Type: eventFailed, Outage: id, Kind: a.Err.Kind, Stage: a.Err.Stage},
			Detail:   clean(a.Err.Error()),
			Duration: a.Duration,
		})
	}
}

// OutageEnded implements conn.Observer.
func (r *Recorder) OutageEnded(_ context.Context, o conn.Outage) {
	r.outageEnded(time.Now(), o)
}

func (r *Recorder) outageEnded(now time.Time, o conn.Outage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = o.ID
	r.events.add(now, event{
		eventKey: eventKey{Type: eventOutageOver, Outage: o.ID, Reason: o.Reason},
		Cause:    o.Cause,
		Attempts: o.Attempts,
		Duration: o.Duration(now),
	})
}

// GaveUp implements conn.Observer.
func (r *Recorder) GaveUp(_ context.Context, o conn.Outage) { r.gaveUp(time.Now(), o) }

func (r *Recorder) gaveUp(now time.Time, o conn.Outage) {
	r.add(now, event{
		eventKey: eventKey{Type: eventGaveUp, Outage: o.ID},
		Attempts: o.Attempts,
		Duration: o.Duration(now),
	})
}

// OperationAbandoned implements conn.Observer.
func (r *Recorder) OperationAbandoned(_ context.Context, op string) {
	r.add(time.Now(), event{eventKey: eventKey{Type: eventAbandoned, Op: clean(op)}})
}

// CallbackPanicked implements conn.Observer.
func (r *Recorder) CallbackPanicked(_ context.Context, v any) {
	r.add(time.Now(), event{eventKey: eventKey{Type: eventPanic}, Detail: clean(fmt.Sprint(v))})
}

// outageID is the id of the running outage, 0 without one.
func outageID(s *conn.Snapshot) uint64 {
	if s == nil || s.Outage == nil {
		return 0
	}
	return s.Outage.ID
}
