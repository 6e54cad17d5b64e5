package e2e

import (
	"maps"
	"math"
	"time"

	"rds-csi/internal/conn"
)

// over lists the outages that are over, and returns the running one.
func (st *story) over() (ended []*outage, running *outage) {
	for _, o := range st.outages {
		if o.cause == "" {
			running = o
		} else {
			ended = append(ended, o)
		}
	}
	return ended, running
}

// checkOutages: number, cause, reason, attempts and length of outages.
func (st *story) checkOutages() {
	ended, running := st.over()
	causes := make(map[string]int)
	spans := st.recorded("rds.outage")
	rows := st.page.rows("outage_over")
	if len(spans) != len(ended) || len(rows) != len(ended) {
		st.t.Fatalf("%d outages are over in the log, %d in spans, %d on the page", len(ended), len(spans), len(rows))
	}
	for i, o := range ended {
		causes[string(o.cause)]++
		st.sameOutage("span", o, outageOfSpan(spans[i]))
		if want := map[string]string{"first_attempt": o.tries[0].TraceID, "last_attempt": o.tries[len(o.tries)-1].TraceID}; !maps.Equal(spans[i].links, want) {
			st.t.Errorf("outage %d has links %v, want %v", o.id, spans[i].links, want)
		}
		if sp := spans[i]; sp.parent != "" || sp.failed || !near(sp.length("rds_csi.outage.duration"), sp.duration(), time.Microsecond) {
			st.t.Errorf("outage %d: %+v", o.id, sp)
		}
		r := rows[i]
		st.sameOutage("page", o, &outage{id: r.OutageID, reason: r.Reason, cause: r.Cause, attempts: r.Attempts, firstError: o.firstError,
			begin: o.end.Add(-seconds(r.DurationSeconds)), end: r.Time})
	}
	st.equal("outages in metrics", by(st.series, "outages_total", "cause"), causes)

	if last := st.s.LastOutage; len(ended) > 0 && last != nil && st.page.LastOutage != nil {
		st.sameOutage("snapshot", ended[len(ended)-1], outageOfSnapshot(last))
		st.sameOutage("/status.json", ended[len(ended)-1], outageOfPage(st.page.LastOutage, last.EndedAt))
	} else if len(ended) > 0 || last != nil || st.page.LastOutage != nil {
		st.t.Errorf("%d outages are over, the snapshot's last is %v, that of the page %v", len(ended), last, st.page.LastOutage)
	}
	if now := st.s.Outage; running != nil && now != nil && st.page.Outage != nil {
		if running.begin.IsZero() { // the log does not tell when a start began
			running.begin = st.spans[0].start
		}
		running.end = time.Now()
		st.sameRunning(running, outageOfSnapshot(now))
		st.sameRunning(running, outageOfPage(st.page.Outage, running.end))
	} else if running != nil || now != nil || st.page.Outage != nil {
		st.t.Errorf("in the log the running outage is %v, in the snapshot %v, on the page %v", running, now, st.page.Outage)
	}
}

// sameRunning allows for the attempt in flight, which has no line yet.
func (st *story) sameRunning(o, got *outage) {
	got.end = o.end
	if st.s.State == conn.StateConnecting {
		got.attempts--
	}
	st.sameOutage("running", o, got)
}

func (st *story) sameOutage(where string, o, got *outage) {
	st.t.Helper()
	if o.id != got.id || o.reason != got.reason || o.cause != got.cause || o.attempts != got.attempts || o.firstError != got.firstError ||
		!near(o.begin.Sub(got.begin), 0, time.Millisecond) || !near(o.end.Sub(got.end), 0, time.Millisecond) {
		o, got := *o, *got
		o.tries, got.tries = nil, nil
		st.t.Errorf("%s: the outage is %+v, in the log %+v", where, got, o)
	}
}

func outageOfSpan(s span) *outage {
	return &outage{id: uint64(s.number("rds_csi.outage.id")), reason: conn.Reason(s.text("rds_csi.disconnect.reason")),
		cause: conn.Cause(s.text("rds_csi.outage.cause")), attempts: s.number("rds_csi.outage.attempts"),
		firstError: s.text("rds_csi.outage.first_error_type"), begin: s.start, end: s.end}
}

func outageOfSnapshot(o *conn.Outage) *outage {
	got := &outage{id: o.ID, reason: o.Reason, cause: o.Cause, attempts: o.Attempts, begin: o.LastReceived, end: o.EndedAt}
	if o.FirstError != nil {
		got.firstError = errorTypes[o.FirstError.Kind]
	}
	return got
}

func outageOfPage(o *pageOutage, end time.Time) *outage {
	got := &outage{id: o.ID, reason: o.Reason, cause: o.Cause, attempts: o.Attempts, begin: end.Add(-seconds(o.DurationSeconds)), end: end}
	if o.FirstError != nil {
		got.firstError = errorTypes[o.FirstError.Kind]
	}
	return got
}

// checkOutageTimes: what metrics and the strip of the page say of how long.
func (st *story) checkOutageTimes() {
	ended, running := st.over()
	losses := said(st.lines, msgLost)
	var down, reconnecting time.Duration
	for _, o := range ended {
		down += o.end.Sub(o.begin)
		detected := o.begin // of a start that failed
		if o.reason != "" {
			detected, losses = losses[0].Time, losses[1:]
		}
		reconnecting += o.end.Sub(detected)
	}
	for metric, want := range map[string]time.Duration{"outage_duration_seconds": down, "reconnect_duration_seconds": reconnecting} {
		if n := int(st.series[metric+"_count{}"]); n != len(ended) {
			st.t.Errorf("%d observations of %s, %d outages are over", n, metric, len(ended))
		}
		if got := st.series[metric+"_sum{}"]; math.Abs(got-want.Seconds()) > 1e-3 {
			st.t.Errorf("%s adds up to %v, the log to %v", metric, got, want.Seconds())
		}
	}
	if running != nil && st.s.State != conn.StateStopped {
		down += time.Since(running.begin)
	}
	if got := seconds(st.page.History.DownSeconds); st.s.State != conn.StateStopped && !near(got, down, 10*time.Millisecond) {
		st.t.Errorf("the strip of the page is down for %v, the log for %v", got, down)
	}
	st.checkExemplars("reconnect_duration_seconds", "rds.reconnect")
	st.checkExemplars("outage_duration_seconds", "rds.outage")
}

// checkExemplars: a dot on a graph leads to a span that ended well.
func (st *story) checkExemplars(metric, name string) {
	traces := make(map[string]bool)
	for _, sp := range st.recorded(name) {
		traces[sp.trace] = !sp.failed
	}
	found := st.exemplars(metric)
	for _, trace := range found {
		if !traces[trace] {
			st.t.Errorf("an exemplar of %s leads to %s, no %s that ended well", metric, trace, name)
		}
	}
	if ended, _ := st.over(); len(found) == 0 && len(ended) > 0 {
		st.t.Errorf("%s has no exemplar", metric)
	}
}
