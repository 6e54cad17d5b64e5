package status

import (
	"slices"
	"time"

	"rds-csi/internal/conn"
)

// eventType is the word for an event, the same as in the names of the metrics
// that count it.
type eventType string

const (
	eventConnected    eventType = "connected"   // the first attempt of the process succeeded
	eventOutageOver   eventType = "outage_over" // connected after a loss or a failed start
	eventDisconnected eventType = "disconnected"
	eventFailed       eventType = "attempt_failed"
	eventGaveUp       eventType = "given_up"
	eventBan          eventType = "ban_suspected"
	eventPanic        eventType = "callback_panic"
	eventAbandoned    eventType = "abandoned_operation"
	eventVolume       eventType = "volume_changed"
)

// event is one row of the ring. Its texts are cleaned, so that its size is
// bounded too.
type event struct {
	eventKey
	First, Last time.Time // the same unless Count > 1
	Count       int
	Detail      string        // of the newest occurrence
	Cause       conn.Cause    // of eventOutageOver
	Duration    time.Duration // of the outage; of the newest attempt
	Attempts    int           // of the outage
}

// eventKey is what makes two events equal. The text of an error is not in it:
// it names a different local port every time.
type eventKey struct {
	Type   eventType
	Outage uint64 // in which it happened, 0 for none
	Kind   conn.Kind
	Stage  conn.Stage
	Reason conn.Reason
	Op     string // what was abandoned; how a volume changed
}

// collapses reports whether an event equal to an earlier one is counted there
// instead of taking a row of its own: so that a day of failed attempts is as
// many rows as it has kinds of failure.
func (e *event) collapses() bool {
	switch e.Type {
	case eventFailed, eventGaveUp, eventBan, eventPanic, eventAbandoned, eventVolume:
		return true
	case eventConnected, eventOutageOver, eventDisconnected:
		return false
	}
	panic("status: no such event: " + string(e.Type))
}

// class decides which quota an event counts against.
type class int

const (
	classRoutine class = iota // what is as it should be
	classFailure              // what goes wrong when a network or a device does
	classAlarm                // what needs a person
	classes
)

func (e *event) class() class {
	switch {
	case e.Type == eventConnected, e.Type == eventDisconnected && e.Reason == conn.ReasonRequested:
		return classRoutine
	case e.Type == eventOutageOver && e.Cause != conn.CauseOtherDevice:
		return classRoutine
	case e.Type == eventDisconnected, e.Type == eventAbandoned:
		return classFailure
	case e.Type == eventFailed && e.Kind != conn.KindHostKey:
		return classFailure
	}
	return classAlarm
}

// quota is how many rows each class may have. With one ring for all, a link
// that flaps would push out why it does: every recovery is a row, but the
// failure worth reading may be hours old. With quotas a success displaces only
// successes, a loss only losses, and the rare rows that need a person outlive
// both. Together they are the 200 rows of the page.
var quota = [classes]int{classRoutine: 50, classFailure: 110, classAlarm: 40}

// ring holds the recent events. It is not safe for concurrent use.
type ring struct {
	rows [classes][]event // each in the order of Last
}

// add takes in one occurrence of e at now.
func (r *ring) add(now time.Time, e event) {
	e.First, e.Last, e.Count = now, now, 1
	c := e.class()
	if e.collapses() {
		same := func(old event) bool { return old.eventKey == e.eventKey }
		if i := slices.IndexFunc(r.rows[c], same); i >= 0 {
			e.First, e.Count = r.rows[c][i].First, r.rows[c][i].Count+1
			r.rows[c] = slices.Delete(r.rows[c], i, i+1)
		}
	}
	if len(r.rows[c]) >= quota[c] {
		r.rows[c] = slices.Delete(r.rows[c], 0, 1)
	}
	r.rows[c] = append(r.rows[c], e)
}

// newestFirst is a copy of all rows.
func (r *ring) newestFirst() []event {
	all := slices.Concat(r.rows[:]...)
	slices.SortStableFunc(all, func(a, b event) int { return b.Last.Compare(a.Last) })
	return all
}
