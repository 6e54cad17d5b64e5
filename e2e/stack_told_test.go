//go:build linux && !race

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// reachesThePager expects the warning in Alertmanager and at the receiver, as
// it is shipped.
func (m *monitoring) reachesThePager(warning rule, address string) {
	m.t.Helper()
	ofIt := func(a notified) bool { return a.Labels["alertname"] == warning.Alert }
	until(m.t, 90*time.Second, warning.Alert+" at the receiver", func() error {
		if slices.ContainsFunc(m.pager.got("firing"), ofIt) {
			return nil
		}
		inside, err := m.inAlertmanager(warning.Alert)
		return errors.Join(err, fmt.Errorf("in Alertmanager are %+v", inside))
	})
	for _, a := range m.pager.got("firing") {
		shipped := m.rule(a.Labels["alertname"])
		if url := a.Annotations["runbook_url"]; url != shipped.Annotations["runbook_url"] || !strings.HasSuffix(url, shipped.anchor()) {
			m.t.Errorf("the receiver of %v is led to %q", a.Labels, url)
		}
		if a.Labels["severity"] != shipped.Labels["severity"] || a.Annotations["summary"] == "" {
			m.t.Errorf("the receiver got %+v", a)
		}
		if ofIt(a) && (a.Labels["address"] != address || !strings.Contains(a.Annotations["description"], address)) {
			m.t.Errorf("the receiver is not told which RDS: %+v", a)
		}
	}
	inside, err := m.inAlertmanager(warning.Alert)
	if err != nil || len(inside) != 1 || inside[0].Status.State != "active" {
		m.t.Errorf("in Alertmanager are %+v, %v", inside, err)
	}
}

// isTraced expects the outage as a span, an attempt in the store for each line
// of the log, and both to name the same trace.
func (s *service) isTraced(traces *traceStore, lost, back time.Time) {
	s.t.Helper()
	until(s.t, 10*time.Second, "the span of the outage", func() error {
		if len(traces.named("rds.outage")) == 0 {
			return errors.New("none so far")
		}
		return nil
	})
	outage := traces.named("rds.outage")[0]
	if took := lasted(outage); took < back.Sub(lost) || attributeOf(outage, "rds_csi.outage.cause").GetStringValue() != "link" {
		s.t.Errorf("the span of the outage lasts %v and says %v", took, outage.GetAttributes())
	}
	lines := 0
	for text := range strings.Lines(s.log.String()) {
		var l struct {
			Msg     string
			Kind    string
			TraceID string `json:"trace_id"`
			SpanID  string `json:"span_id"`
		}
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			s.t.Errorf("the log has %q: %v", text, err)
		}
		if l.Msg != "RDS connection attempt failed" {
			continue
		}
		lines++
		if l.Kind != "refused" || l.SpanID == "" || !traces.has(l.TraceID, "rds.reconnect") {
			s.t.Errorf("no span belongs to the line %s", text)
		}
	}
	attempts := attributeOf(outage, "rds_csi.outage.attempts").GetIntValue()
	if lines == 0 || int64(lines)+1 != attempts {
		s.t.Errorf("the log has %d failed attempts, the span of the outage %d attempts in all", lines, attempts)
	}
}

// isMarked tells whether graphs mark an outage of the device now.
func (m *monitoring) isMarked(address string) bool {
	m.t.Helper()
	marked := 0
	boards := readBoards(m.t)
	for _, b := range boards {
		for _, q := range b.queries {
			if q.panel != "annotation Outages" {
				continue
			}
			found, err := m.query(m.fill(q.expr, "", m.began))
			if err != nil {
				m.t.Errorf("%s: %v", b.file, err)
			}
			if slices.ContainsFunc(found, func(s series) bool { return s.Metric["address"] == address }) {
				marked++
			}
		}
	}
	if marked != 0 && marked != len(boards) {
		m.t.Errorf("%d of %d dashboards mark the outage", marked, len(boards))
	}
	return marked > 0
}

// leadsToATrace expects an exemplar of the reconnection whose trace can be
// looked at.
func (m *monitoring) leadsToATrace(traces *traceStore, since time.Time) {
	m.t.Helper()
	found, err := m.exemplars("rds_csi_rds_reconnect_duration_seconds_bucket", since)
	if err != nil || len(found) == 0 {
		m.t.Fatalf("exemplars: %v, %v", found, err)
	}
	for _, e := range found {
		if !traces.has(e.Labels.TraceID, "rds.reconnect") {
			m.t.Errorf("the exemplar %+v leads to no trace", e)
		}
	}
}

// hasToldOnly expects that nothing has fired, and nobody was told of anything,
// but the alert on the device.
func (m *monitoring) hasToldOnly(name, address string, since time.Time) {
	m.t.Helper()
	expected := func(labels map[string]string) bool {
		return labels["alertname"] == name && labels["address"] == address
	}
	fired, err := m.queryRange(`ALERTS{alertstate="firing"}`, since, m.evaluateEvery)
	if err != nil || len(fired) == 0 {
		m.t.Errorf("what has fired: %v, %v", fired, err)
	}
	for _, f := range fired {
		if !expected(f.Metric) {
			m.t.Errorf("it has fired: %v", f.Metric)
		}
	}
	for _, a := range slices.Concat(m.pager.got("firing"), m.pager.got("resolved")) {
		if !expected(a.Labels) {
			m.t.Errorf("somebody was told of %v", a.Labels)
		}
	}
}
