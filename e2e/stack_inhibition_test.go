//go:build linux && !race

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"
)

// silenced is what Alertmanager has to hold back while an alert fires.
var silenced = map[string][]string{
	"RDSConnectionDown": {"RDSConnectionFlapping", "RDSConnectionStale", "RDSReconnectsSlow", "RDSAbandonedOperationsRising",
		"RDSRPCErrorBudgetBurnFast", "RDSRPCErrorBudgetBurnSlow"},
	"RDSConnectionDownLong": {"RDSConnectionFlapping", "RDSConnectionStale", "RDSReconnectsSlow", "RDSAbandonedOperationsRising",
		"RDSRPCErrorBudgetBurnFast", "RDSRPCErrorBudgetBurnSlow", "RDSConnectionDown", "RDSReconnectsFailing"},
	"RDSMetricsAbsent": {"RDSScrapeFailing"},
}

// ofTheJob are the alerts that belong to no device: they have no address.
var ofTheJob = []string{"RDSRPCErrorBudgetBurnFast", "RDSRPCErrorBudgetBurnSlow", "RDSMetricsAbsent", "RDSScrapeFailing"}

// TestAnAlertSilencesWhatFollowsFromItAndNothingElse tries each source in a job
// of its own: there it fires for one device, and every alert that is shipped
// fires for this device and for another one.
func TestAnAlertSilencesWhatFollowsFromItAndNothingElse(t *testing.T) {
	realTime(t, "prometheus-alertmanager")
	m := newMonitoring(t)
	m.startAlertmanager()
	const down, up = "192.0.2.10:22", "192.0.2.20:22"
	var all []posted
	for source, targets := range silenced {
		for _, r := range m.rules {
			// A source beside the one that is tried may silence more.
			if _, isSource := silenced[r.Alert]; isSource && r.Alert != source && !slices.Contains(targets, r.Alert) {
				continue
			}
			all = append(all, r.post(source, down))
			if _, isSource := silenced[r.Alert]; !isSource {
				all = append(all, r.post(source, up))
			}
		}
	}
	m.post(all)
	// Those that are silenced come first: once all are, the sources are at work.
	for _, want := range []bool{true, false} {
		for _, p := range all {
			source := p.Labels["job"]
			if want != (slices.Contains(silenced[source], p.Labels["alertname"]) && p.Labels["address"] != up) {
				continue
			}
			until(t, 10*time.Second, fmt.Sprintf("%v beside %s, inhibited: %v", p.Labels, source, want), func() error {
				return m.isInhibited(p, want)
			})
		}
	}
}

// isInhibited looks at the alert that was posted.
func (m *monitoring) isInhibited(p posted, want bool) error {
	inside, err := m.inAlertmanager(p.Labels["alertname"])
	if err != nil {
		return err
	}
	at := slices.IndexFunc(inside, func(h held) bool { return maps.Equal(h.Labels, p.Labels) })
	if at < 0 || (len(inside[at].Status.InhibitedBy) > 0) != want {
		return fmt.Errorf("there are %+v", inside)
	}
	return nil
}

// posted is an alert as Prometheus would send it.
type posted struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// post gives an alert the labels that it has when it fires.
func (r rule) post(job, address string) posted {
	labels := maps.Clone(r.Labels)
	maps.Copy(labels, map[string]string{"alertname": r.Alert, "job": job})
	if !slices.Contains(ofTheJob, r.Alert) {
		labels["address"] = address
	}
	return posted{labels, r.Annotations}
}

func (m *monitoring) post(all []posted) {
	m.t.Helper()
	body, err := json.Marshal(all)
	if err != nil {
		m.t.Fatal(err)
	}
	answer, err := web.Post(m.alertmanager+"/api/v2/alerts", "application/json", bytes.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		m.t.Fatalf("Alertmanager answers %s", answer.Status)
	}
}
