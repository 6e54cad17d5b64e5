package simulation

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"rds-csi/internal/conn"
)

const prefix = "rds_csi_rds_"

// samples are the newest values on /metrics by name and labels.
type samples map[string]float64

// scrape asks /metrics as Prometheus would.
func (p *process) scrape() samples {
	answer := httptest.NewRecorder()
	p.telemetry.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	found := make(samples)
	for line := range strings.Lines(answer.Body.String()) {
		i := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || i < 0 {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(line[i+1:]), 64)
		if err != nil || answer.Code != http.StatusOK {
			p.w.violate("metrics", "scrape: %d, line %q", answer.Code, line)
			return nil
		}
		found[line[:i]] = value
	}
	return found
}

// checkScrape compares /metrics with the truth, at a settled moment.
func (p *process) checkScrape() {
	found := p.scrape()
	s := p.manager.Snapshot()
	want := func(series string, value float64) {
		got, ok := found[prefix+series]
		if !ok && value == 0 && strings.HasSuffix(series, "_count") {
			return
		}
		if !ok || math.Abs(got-value) > 1e-3 {
			p.w.violate("metrics", "%s is %v (%v), the truth is %v", series, got, ok, value)
		}
	}
	absent := func(series string, is bool) {
		if _, ok := found[prefix+series]; ok == is {
			p.w.violate("metrics", "%s: there %v, absent %v expected", series, ok, is)
		}
	}
	address := `{address="` + p.client.Address() + `"}`
	want("connection_state"+address, number(s.Connected()))
	want("reconnect_consecutive_failures", float64(s.ConsecutiveFailures))
	want("ban_suspected", number(s.BanSuspected))
	absent("next_attempt_timestamp_seconds"+address, s.State != conn.StateWaiting)
	if last, _ := p.w.network.heard(); s.Connected() {
		want("last_received_timestamp_seconds"+address, float64(last.UnixMicro())/1e6)
	}
	if inUse := found[prefix+"sessions_in_use"]; inUse > float64(p.w.profile.sessions) {
		p.w.violate("metrics", "%v sessions are in use of %d", inUse, p.w.profile.sessions)
	}
	p.witness.checkCounters(want)
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// checkCounters: what was counted is what happened.
func (o *witness) checkCounters(want func(string, float64)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := &o.tally
	succeeded, failed := t.succeeded, 0
	if t.first == 1 && !t.firstFailed {
		succeeded--
	}
	for _, kind := range conn.AttemptKinds() {
		want(`reconnect_failures_total{reason="`+string(kind)+`"}`, float64(t.kinds[kind]))
		failed += t.kinds[kind]
	}
	want(`reconnect_total{status="success"}`, float64(succeeded))
	want(`reconnect_total{status="failure"}`, float64(failed))
	want("reconnect_duration_seconds_count", float64(succeeded))
	for _, reason := range conn.DisconnectReasons() {
		want(`disconnects_total{reason="`+string(reason)+`"}`, float64(t.reasons[reason]))
	}
	outages := 0
	for _, cause := range conn.Causes() {
		want(`outages_total{cause="`+string(cause)+`"}`, float64(t.causes[cause]))
		outages += t.causes[cause]
	}
	want("outage_duration_seconds_count", float64(outages))
	want("reconnects_given_up_total", float64(t.gaveUp))
	want("abandoned_operations_total", float64(t.abandoned))
	want("callback_panics_total", float64(t.panics))
	if sum := t.succeeded + t.failed + t.canceled; sum != t.started && sum != t.started-1 || sum != t.started && !o.inFlight {
		o.w.violate("counters add up", "%d attempts, of them %d succeeded, %d failed, %d canceled", t.started, t.succeeded, t.failed, t.canceled)
	}
}

// wantUncounted: Stop changed no counter.
func (p *process) wantUncounted(before samples) {
	for series, value := range p.scrape() {
		if strings.Contains(series, "_total") && value != before[series] {
			p.w.violate("counters add up", "Stop changed %s from %v to %v", series, before[series], value)
		}
	}
}

// spanCount counts spans: each that starts must end.
type spanCount struct{ open, all atomic.Int64 }

func (c *spanCount) OnStart(context.Context, sdktrace.ReadWriteSpan) { c.open.Add(1); c.all.Add(1) }
func (c *spanCount) OnEnd(sdktrace.ReadOnlySpan)                     { c.open.Add(-1) }
func (c *spanCount) Shutdown(context.Context) error                  { return nil }
func (c *spanCount) ForceFlush(context.Context) error                { return nil }

func (c *spanCount) wantNone(w *world) {
	if open := c.open.Load(); open != 0 {
		w.violate("counters add up", "%d spans of %d have not ended", open, c.all.Load())
	}
}

// final is for the end of a life.
func (o *witness) final() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.inFlight {
		o.w.violate("counters add up", "an attempt never ended")
	}
}

// monitorStarts: the wait before the next attempt counts from now.
func (o *witness) monitorStarts() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.inFlight {
		o.pace.from = time.Now()
	}
}
