package otelx

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
)

// docEntry is how doc.go has a metric.
func docEntry(i MetricInfo) string {
	text := "//\t" + i.Name + "\n//\t\t" + i.Type
	if i.Unit != "" {
		text += ", " + i.Unit
	}
	for _, l := range i.Labels {
		text += "; " + l.Name
		if len(l.Values) > 0 {
			text += " = " + strings.Join(l.Values, ", ")
		}
	}
	if len(i.Buckets) > 0 {
		text += "; buckets " + strings.Trim(fmt.Sprint(i.Buckets), "[]")
	}
	return text + "\n//\t\t" + i.Help + ".\n"
}

func TestTheDocumentationListsEveryMetric(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range Catalog() {
		if !strings.Contains(string(doc), docEntry(i)) {
			t.Errorf("doc.go should have\n%s", docEntry(i))
		}
	}
	if got := strings.Count(string(doc), "//\trds_csi_") + strings.Count(string(doc), "//\tcsi_") + strings.Count(string(doc), "//\trpc_"); got != len(catalog) {
		t.Errorf("doc.go lists %d metrics, the catalog %d", got, len(catalog))
	}
}

func TestEveryMetricOnAScrapeIsInTheCatalog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, _ := newTelemetry(t, false)
		csiStory(t, tel)
		d := newDevice(tel)
		rebootStory(d)
		d.lose("eof", 0)
		d.fail("refused", 0, 1e9)
		families, err := tel.Registry().Gather()
		if err != nil {
			t.Fatal(err)
		}
		seen := make(map[string]bool)
		for _, family := range families {
			first, _, _ := strings.Cut(family.GetName(), "_")
			if !slices.Contains([]string{"rds", "csi", "rpc"}, first) {
				continue
			}
			seen[family.GetName()] = true
			at := slices.IndexFunc(catalog, func(i MetricInfo) bool { return i.Name == family.GetName() })
			if at < 0 {
				t.Errorf("%s is not in the catalog", family.GetName())
				continue
			}
			compareFamily(t, catalog[at], family)
		}
		for _, i := range catalog {
			if !seen[i.Name] {
				t.Errorf("%s is never exported", i.Name)
			}
		}
	})
}

func compareFamily(t *testing.T, info MetricInfo, family *dto.MetricFamily) {
	t.Helper()
	if got := strings.ToLower(family.GetType().String()); got != info.Type || family.GetHelp() != info.Help {
		t.Errorf("%s: %s %q, in the catalog %s %q", info.Name, got, family.GetHelp(), info.Type, info.Help)
	}
	for _, m := range family.Metric {
		if len(m.Label) != len(info.Labels) {
			t.Errorf("%s: labels %v, in the catalog %v", info.Name, m.Label, info.Labels)
		}
		for _, l := range info.Labels {
			at := slices.IndexFunc(m.Label, func(p *dto.LabelPair) bool { return p.GetName() == l.Name })
			if at < 0 || l.Values != nil && !slices.Contains(l.Values, m.Label[at].GetValue()) {
				t.Errorf("%s: label %s missing or not in its list: %v", info.Name, l.Name, m.Label)
			}
		}
		var bounds []float64
		for _, bucket := range m.GetHistogram().GetBucket() {
			bounds = append(bounds, bucket.GetUpperBound())
		}
		if !slices.Equal(bounds, info.Buckets) {
			t.Errorf("%s: buckets %v, in the catalog %v", info.Name, bounds, info.Buckets)
		}
	}
}

func TestPromlintFindsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, _ := newTelemetry(t, false)
		rebootStory(newDevice(tel))
		problems, err := testutil.GatherAndLint(tel.Registry())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	})
}

// The three that the requirement names, without a look at the catalog.
func TestTheContractsNamesLabelsAndBuckets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, _ := newTelemetry(t, false)
		rebootStory(newDevice(tel))
		text := scrape(t, tel, acceptClassic)
		wanted := []string{
			"# HELP rds_csi_rds_connection_state RDS SSH connection state (1=connected, 0=disconnected)",
			"# TYPE rds_csi_rds_connection_state gauge",
			`rds_csi_rds_connection_state{address="192.0.2.10:22"} 1`,
			"# TYPE rds_csi_rds_reconnect_total counter",
			`rds_csi_rds_reconnect_total{status="success"} 1`,
			`rds_csi_rds_reconnect_total{status="failure"} 2`,
			"# TYPE rds_csi_rds_reconnect_duration_seconds histogram",
			"rds_csi_rds_reconnect_duration_seconds_sum 13.06",
		}
		for _, le := range []string{"0.1", "0.5", "1", "2", "5", "10"} {
			wanted = append(wanted, `rds_csi_rds_reconnect_duration_seconds_bucket{le="`+le+`"} 0`)
		}
		for _, le := range []string{"30", "60", "+Inf"} {
			wanted = append(wanted, `rds_csi_rds_reconnect_duration_seconds_bucket{le="`+le+`"} 1`)
		}
		for _, line := range wanted {
			if !strings.Contains(text, line+"\n") {
				t.Errorf("missing: %s", line)
			}
		}
		for _, word := range []string{"otel_scope", "target_info", "service_name"} {
			if strings.Contains(text, word) {
				t.Errorf("%s is on the page", word)
			}
		}
	})
}
