package e2e

import (
	"time"

	"rds-csi/internal/conn"
)

// checkSnapshot: the snapshot, and with it the page's cards, against the log.
func (st *story) checkSnapshot() {
	want := conn.Snapshot{Address: st.s.Address, Attempts: uint64(len(st.spans))}
	for _, l := range st.tries {
		switch l.Kind {
		case "":
			want.Generation++
			want.ConsecutiveFailures = 0
			want.ConnectedAt, want.NextAttempt = l.Time, time.Time{}
		case conn.KindCanceled:
			want.NextAttempt = l.Time.Add(time.Duration(l.Backoff))
		default:
			want.ConsecutiveFailures++
			want.LastError, want.LastErrorAt = &conn.Error{Kind: l.Kind}, l.Time
			want.NextAttempt = l.Time.Add(time.Duration(l.Backoff))
		}
	}
	for _, l := range said(st.lines, msgLost) {
		want.Reason, want.DisconnectedAt = l.Reason, l.Time
	}
	s, p := st.s, st.page
	if s.Generation != want.Generation || s.ConsecutiveFailures != want.ConsecutiveFailures || s.Reason != want.Reason ||
		!s.ConnectedAt.Equal(want.ConnectedAt) || !s.DisconnectedAt.Equal(want.DisconnectedAt) {
		st.t.Errorf("the snapshot is %+v, by the log it should be %+v", *s, want)
	}
	if kindOf(s.LastError) != kindOf(want.LastError) || !s.LastErrorAt.Equal(want.LastErrorAt) {
		st.t.Errorf("the snapshot's last error is %v at %v, in the log %v at %v", s.LastError, s.LastErrorAt, want.LastError, want.LastErrorAt)
	}
	if s.State == conn.StateWaiting && !st.woken && st.s.Outage.Attempts > 0 && !near(s.NextAttempt.Sub(want.NextAttempt), 0, time.Microsecond) {
		st.t.Errorf("the next attempt is at %v, by the log at %v", s.NextAttempt, want.NextAttempt)
	}

	if p.State != s.State || p.Ready != s.Connected() || (p.Headline == "Connected") != s.Connected() || p.Address != s.Address ||
		p.Connections != want.Generation || p.Attempts != want.Attempts || p.ConsecutiveFailures != want.ConsecutiveFailures ||
		!near(p.NextAttempt.Sub(s.NextAttempt), 0, time.Millisecond) {
		st.t.Errorf("the page says %+v, the snapshot %+v", *p, *s)
	}
	if want.LastError != nil && (p.LastError == nil || p.LastError.Kind != want.LastError.Kind) || want.LastError == nil && p.LastError != nil {
		st.t.Errorf("the page's last error is %v, in the log %v", p.LastError, want.LastError)
	}
	if p.LastError != nil && s.Connected() && p.LastError.Current {
		st.t.Error("the page shows an error as current, though connected")
	}
	switch loss := p.LastDisconnect; {
	case want.Reason == "" && loss == nil:
	case loss == nil || loss.Reason != want.Reason || !near(loss.Time.Sub(want.DisconnectedAt), 0, time.Millisecond):
		st.t.Errorf("the page's last loss is %v, in the log %s at %v", loss, want.Reason, want.DisconnectedAt)
	}
}

func kindOf(e *conn.Error) conn.Kind {
	if e == nil {
		return ""
	}
	return e.Kind
}

// checkRest: panics, operations left behind, outages given up; and no line of
// the log leads to a trace that does not exist.
func (st *story) checkRest() {
	for _, what := range []struct {
		metric, row string
		logged      int // -1: the log does not tell
	}{
		{"callback_panics_total", "callback_panic", len(said(st.lines, msgPanicked))},
		{"abandoned_operations_total", "abandoned_operation", -1},
		{"reconnects_given_up_total", "given_up", 0},
	} {
		onPage := 0
		for _, r := range st.page.rows(what.row) {
			onPage += r.Count
		}
		if counted := int(st.series[what.metric+"{}"]); counted != onPage || what.logged >= 0 && counted != what.logged {
			st.t.Errorf("%s is %d, the page has %d, the log %d", what.metric, counted, onPage, what.logged)
		}
	}
	known := make(map[string]bool)
	for _, sp := range st.world.spans.Started() {
		known[sp.SpanContext().TraceID().String()] = true
	}
	for _, l := range st.lines {
		if l.TraceID != "" && !known[l.TraceID] {
			st.t.Errorf("the line %q leads to a trace %s that nobody recorded", l.Message, l.TraceID)
		}
	}
}
