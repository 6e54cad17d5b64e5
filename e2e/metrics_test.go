package e2e

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"rds-csi/internal/conn"
)

// prefix is that of every series of the connection.
const prefix = "rds_csi_rds_"

// scrape reads /metrics as Prometheus would: every series of the connection
// with its value, and the buckets of histograms left out. Keys are like
// reconnect_total{status="success"}.
func (w *world) scrape() map[string]float64 {
	w.t.Helper()
	begin := time.Now()
	code, body := w.get("/metrics", "")
	if took := time.Since(begin); took != 0 {
		w.t.Errorf("a scrape took %v of fake time: it waited for something", took)
	}
	if code != http.StatusOK {
		w.t.Fatalf("/metrics answers %d: %s", code, body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		w.t.Fatalf("/metrics cannot be parsed: %v", err)
	}
	series := make(map[string]float64)
	for name, family := range families {
		name = strings.TrimPrefix(name, prefix)
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			key := "{" + strings.Join(labels, ",") + "}"
			switch {
			case m.Counter != nil:
				series[name+key] = m.GetCounter().GetValue()
			case m.Gauge != nil:
				series[name+key] = m.GetGauge().GetValue()
			case m.Histogram != nil:
				series[name+"_count"+key] = float64(m.GetHistogram().GetSampleCount())
				series[name+"_sum"+key] = m.GetHistogram().GetSampleSum()
			}
		}
	}
	return series
}

// by adds up the series of a metric by the value of a label; what is zero is
// left out.
func by(series map[string]float64, metric, label string) map[string]int {
	sums := make(map[string]int)
	for key, value := range series {
		name, labels, _ := strings.Cut(key, "{")
		if _, rest, found := strings.Cut(labels, label+`="`); name == metric && found && value != 0 {
			of, _, _ := strings.Cut(rest, `"`)
			sums[of] += int(value)
		}
	}
	return sums
}

func sum(counts map[string]int) (total int) {
	for _, n := range counts {
		total += n
	}
	return total
}

// isCounter tells by its name whether a series may only grow.
func isCounter(key string) bool {
	name, _, _ := strings.Cut(key, "{")
	return strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_count") || strings.HasSuffix(name, "_sum")
}

// look is what happens at every second of a story: gauges and probes must say
// what the snapshot says, at that very moment, and no counter may go back.
func (w *world) look() {
	w.t.Helper()
	s, got := w.m.Snapshot(), w.scrape()
	address := fmt.Sprintf(`{address=%q}`, s.Address)
	want := map[string]float64{
		"connection_state" + address:       0,
		"reconnect_consecutive_failures{}": float64(s.ConsecutiveFailures),
		"ban_suspected{}":                  0,
	}
	if s.Connected() {
		want["connection_state"+address] = 1
	}
	if s.BanSuspected {
		want["ban_suspected{}"] = 1
	}
	for name, at := range map[string]time.Time{
		"next_attempt_timestamp_seconds":           s.NextAttempt,
		"connection_established_timestamp_seconds": s.ConnectedAt,
		"last_disconnect_timestamp_seconds":        s.DisconnectedAt,
		"last_received_timestamp_seconds":          w.client.LastReceived(),
	} {
		if !at.IsZero() {
			want[name+address] = float64(at.UnixMicro()) / 1e6
		} else if _, there := got[name+address]; there {
			w.t.Errorf("after %v: %s is there, though nothing is known", w.elapsed(), name)
		}
	}
	for key, value := range want {
		if g, there := got[key]; !there || math.Abs(g-value) > 1e-5 {
			w.t.Errorf("after %v: the scrape says %s %v, the snapshot %v", w.elapsed(), key, g, value)
		}
	}
	for key, before := range w.last {
		if isCounter(key) && got[key] < before {
			w.t.Errorf("after %v: %s went back from %v to %v", w.elapsed(), key, before, got[key])
		}
	}
	w.last = got

	ended := int(s.Attempts)
	if s.State == conn.StateConnecting {
		ended--
	}
	if counted := sum(by(got, "reconnect_total", "status")); s.State != conn.StateStopped && counted != max(0, ended-1) {
		w.t.Errorf("after %v: %d attempts are counted, %d have ended, the first of which does not count", w.elapsed(), counted, ended)
	}
	ready := http.StatusServiceUnavailable
	if s.Connected() {
		ready = http.StatusOK
	}
	if code, body := w.get("/readyz", ""); code != ready {
		w.t.Errorf("after %v: /readyz answers %d: %s", w.elapsed(), code, body)
	}
	if code, body := w.get("/livez", ""); code != http.StatusOK {
		w.t.Errorf("after %v: /livez answers %d: %s", w.elapsed(), code, body)
	}
}

func (w *world) elapsed() time.Duration { return time.Since(w.start) }

var exemplar = regexp.MustCompile(`(?m)^` + prefix + `(\w+?)_bucket.* # \{.*?trace_id="([0-9a-f]+)"`)

// exemplars lists the traces that the buckets of a histogram point to.
func (w *world) exemplars(metric string) []string {
	_, body := w.get("/metrics", "application/openmetrics-text;version=1.0.0")
	traces := make(map[string]bool)
	for _, m := range exemplar.FindAllStringSubmatch(body, -1) {
		if m[1] == metric {
			traces[m[2]] = true
		}
	}
	return slices.Sorted(maps.Keys(traces))
}
