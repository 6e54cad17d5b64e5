package e2e

import (
	"maps"
	"testing/synctest"
	"time"

	"rds-csi/internal/conn"
)

// errorTypes is what error.type of a span has to be for each kind of failure.
// It is written down here once more on purpose.
var errorTypes = map[conn.Kind]string{
	"resolve":     "name_resolution_error",
	"refused":     "connection_refused",
	"unreachable": "host_unreachable",
	"timeout":     "timeout",
	"closed":      "connection_reset",
	"handshake":   "ssh_handshake_failed",
	"host_key":    "host_key_mismatch",
	"auth":        "ssh_auth_failed",
	"credentials": "credentials_unreadable",
	"unusable":    "rds_unusable",
}

// story is what happened, as each source tells it. The sources are independent
// of one another: the log is written by the manager, metrics, spans and page by
// three observers, the snapshot is none of them.
type story struct {
	*world
	s       *conn.Snapshot
	series  map[string]float64
	page    *statusPage
	lines   []line
	tries   []line    // of the log, one for each attempt that ended
	outages []*outage // of the log
	spans   []span    // of attempts; one may be in flight
}

// check compares the sources, once nothing is in motion.
func (w *world) check() {
	w.t.Helper()
	synctest.Wait()
	st := &story{world: w, s: w.m.Snapshot(), series: w.scrape(), page: w.page(), lines: w.lines(), spans: w.recorded("rds.reconnect")}
	st.tries, st.outages = attemptLines(st.lines), loggedOutages(st.lines)
	st.checkAttempts()
	st.checkWaits()
	st.checkLinks()
	st.checkStages()
	st.checkFailures()
	st.checkLosses()
	st.checkOutages()
	st.checkOutageTimes()
	st.checkSnapshot()
	st.checkCommands()
	st.checkRest()
}

// checkAttempts: each attempt is a span and, when it ended, a line with the
// trace of that span.
func (st *story) checkAttempts() {
	inFlight := 0
	if st.s.State == conn.StateConnecting {
		inFlight = 1
	}
	if len(st.spans) != int(st.s.Attempts) || len(st.tries) != len(st.spans)-inFlight {
		st.t.Fatalf("%d lines and %d spans of %d attempts, %d of them in flight", len(st.tries), len(st.spans), st.s.Attempts, inFlight)
	}
	traces := make(map[string]bool)
	for i, l := range st.tries {
		sp := st.spans[i]
		outcome := "failure"
		switch l.Kind {
		case "":
			outcome = "success"
		case conn.KindCanceled:
			outcome = "canceled"
		}
		same(st, i, "trace", l.TraceID, sp.trace)
		same(st, i, "span", l.SpanID, sp.id)
		same(st, i, "number", l.Attempt, sp.number("rds_csi.reconnect.attempt"))
		same(st, i, "outcome", outcome, sp.text("rds_csi.reconnect.outcome"))
		same(st, i, "error type", errorTypes[l.Kind], sp.errorType())
		same(st, i, "failed", outcome == "failure", sp.failed)
		same(st, i, "parent", "", sp.parent)
		same(st, i, "address", l.Address, sp.address("server"))
		same(st, i, "address", l.Address, st.s.Address)
		if !l.Time.Equal(sp.end) {
			st.t.Errorf("attempt %d ended at %v in the log, at %v in its span", i, l.Time, sp.end)
		}
		if l.Kind == "" && !near(time.Duration(l.Duration), sp.duration(), time.Microsecond) {
			st.t.Errorf("attempt %d took %v in the log, %v in its span", i, l.Duration, sp.duration())
		}
		if traces[sp.trace] {
			st.t.Errorf("attempt %d shares its trace with an earlier one", i)
		}
		traces[sp.trace] = true
	}
}

func same[T comparable](st *story, attempt int, what string, inLog, inSpan T) {
	st.t.Helper()
	if inLog != inSpan {
		st.t.Errorf("attempt %d: the %s is %v in the log, %v in its span", attempt, what, inLog, inSpan)
	}
}

func near(a, b, most time.Duration) bool { return (a - b).Abs() <= most }

// checkWaits: the backoff in an attempt's line is the one that the next attempt
// says it waited, and it began just then.
func (st *story) checkWaits() {
	if st.woken {
		return
	}
	losses := said(st.lines, msgLost)
	for i, l := range st.tries[:min(len(st.tries), max(0, len(st.spans)-1))] {
		next := st.spans[i+1]
		wait, ready := next.length("rds_csi.reconnect.backoff"), l.Time
		if l.Kind == "" {
			ready, losses = losses[0].Time, losses[1:]
		} else if !near(time.Duration(l.Backoff), wait, time.Microsecond) {
			st.t.Errorf("attempt %d: the line promises a backoff of %v, the next span waited %v", i, time.Duration(l.Backoff), wait)
		}
		if began := next.start.Sub(ready); !near(began, wait, time.Microsecond) {
			st.t.Errorf("attempt %d began after %v, it says %v", i+1, began, wait)
		}
	}
}

// checkLinks: any attempt leads to the first and the previous one of its outage.
func (st *story) checkLinks() {
	want := make(map[string]map[string]string) // trace of an attempt to its links
	ids := make(map[string]uint64)
	for _, o := range st.outages {
		for i, l := range o.tries {
			ids[l.TraceID] = o.id
			if i > 0 {
				want[l.TraceID] = map[string]string{"outage_start": o.tries[0].TraceID, "previous_attempt": o.tries[i-1].TraceID}
			}
		}
	}
	for i, sp := range st.spans[:len(st.tries)] {
		if !maps.Equal(sp.links, want[sp.trace]) {
			st.t.Errorf("attempt %d has links %v, want %v", i, sp.links, want[sp.trace])
		}
		if got := uint64(sp.number("rds_csi.outage.id")); got != ids[sp.trace] {
			st.t.Errorf("attempt %d is of outage %d, in the log of %d", i, got, ids[sp.trace])
		}
	}
}

// checkFailures: failures by kind are the same in log, spans, metrics and page.
// The process's very first attempt is no reconnection: metrics leave it out.
func (st *story) checkFailures() {
	logged, counted := make(map[string]int), make(map[string]int)
	inSpans, expected := make(map[string]int), make(map[string]int)
	status := make(map[string]int)
	for i, l := range st.tries {
		what := "success"
		switch l.Kind {
		case "":
		case conn.KindCanceled:
			continue
		default:
			what = "failure"
			logged[string(l.Kind)]++
			expected[errorTypes[l.Kind]]++
		}
		if i > 0 {
			status[what]++
			if l.Kind != "" {
				counted[string(l.Kind)]++
			}
		}
	}
	for _, sp := range st.spans {
		if sp.failed {
			inSpans[sp.errorType()]++
		}
	}
	st.equal("failures in spans", inSpans, expected)
	st.equal("attempts in metrics", by(st.series, "reconnect_total", "status"), status)
	st.equal("failures in metrics", by(st.series, "reconnect_failures_total", "reason"), counted)

	onPage := make(map[string]int)
	for _, r := range st.page.rows("attempt_failed") {
		onPage[string(r.Kind)] += r.Count
		st.checkRow(r)
	}
	st.equal("failures on the page", onPage, logged)
}

// checkRow: a row of failures counts the lines of that kind in that outage, and
// knows the first and the newest.
func (st *story) checkRow(r row) {
	var first, last time.Time
	n := 0
	for _, o := range st.outages {
		for _, l := range o.tries {
			if o.id != r.OutageID || l.Kind != r.Kind {
				continue
			}
			if n++; n == 1 {
				first = l.Time
			}
			last = l.Time
		}
	}
	if n > 1 && !near(r.FirstTime.Sub(first), 0, time.Millisecond) || !near(r.Time.Sub(last), 0, time.Millisecond) || r.Count != n {
		st.t.Errorf("the page has %d failures of kind %s in outage %d, from %v to %v; the log %d, from %v to %v",
			r.Count, r.Kind, r.OutageID, r.FirstTime, r.Time, n, first, last)
	}
}

// checkLosses: the ends of connections by reason.
func (st *story) checkLosses() {
	logged, onPage := make(map[string]int), make(map[string]int)
	losses := said(st.lines, msgLost)
	for _, l := range losses {
		logged[string(l.Reason)]++
	}
	rows := st.page.rows("disconnected")
	for i, r := range rows {
		onPage[string(r.Reason)]++
		if i < len(losses) && !near(r.Time.Sub(losses[i].Time), 0, time.Millisecond) {
			st.t.Errorf("loss %d is at %v on the page, at %v in the log", i, r.Time, losses[i].Time)
		}
	}
	st.equal("losses in metrics", by(st.series, "disconnects_total", "reason"), logged)
	st.equal("losses on the page", onPage, logged)
}

// equal compares counts with those of the log.
func (st *story) equal(what string, got, logged map[string]int) {
	st.t.Helper()
	if !maps.Equal(got, logged) {
		st.t.Errorf("%s: %v, in the log: %v", what, got, logged)
	}
}
