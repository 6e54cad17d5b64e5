package checks_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rds-csi/internal/otelx"
)

// anyValue stands for the values of a label without a closed list.
var anyValue []string

// labels are those of a series, with their values where the list is closed.
type labels map[string][]string

// target are the labels that the scrape adds.
var target = labels{"job": anyValue, "instance": anyValue, "namespace": anyValue}

// foreign are the series of others that may be used: of the Go runtime and of
// the process, which /metrics has as well, and of Prometheus itself.
var foreign = map[string]labels{
	"go_goroutines":                 {},
	"process_cpu_seconds_total":     {},
	"process_max_fds":               {},
	"process_open_fds":              {},
	"process_resident_memory_bytes": {},
	"process_start_time_seconds":    {},
	"up":                            {},
	"ALERTS":                        {"alertname": anyValue, "alertstate": {"pending", "firing"}, "severity": {"warning", "critical"}},
}

// vocabulary is every series that may be named, by its name.
type vocabulary map[string]labels

func newVocabulary(t *testing.T) vocabulary {
	t.Helper()
	v := make(vocabulary)
	add := func(name string, all ...labels) {
		v[name] = maps.Clone(target)
		for _, l := range all {
			maps.Copy(v[name], l)
		}
	}
	for _, info := range otelx.Catalog() {
		own := make(labels)
		for _, l := range info.Labels {
			own[l.Name] = l.Values
		}
		if info.Type != otelx.TypeHistogram {
			add(info.Name, own)
			continue
		}
		add(info.Name+"_sum", own)
		add(info.Name+"_count", own)
		add(info.Name+"_bucket", own, labels{"le": anyValue})
	}
	for name, own := range foreign {
		add(name, own)
	}
	return v
}

// metricOf returns the name in the catalog of a series.
func metricOf(series string) string {
	for _, info := range otelx.Catalog() {
		if info.Name == series || info.Type == otelx.TypeHistogram && strings.HasPrefix(series, info.Name+"_") {
			return info.Name
		}
	}
	return ""
}

// faults lists the names in an expression that nothing exports.
func (v vocabulary) faults(expr string) (found []string) {
	q := parseQuery(expr)
	known := make(map[string]bool)
	for _, s := range q.selectors {
		own, ok := v[s.metric]
		if !ok {
			found = append(found, fmt.Sprintf("there is no series %q", s.metric))
			continue
		}
		for label := range own {
			known[label] = true
		}
		for _, m := range s.matchers {
			values, ok := own[m.label]
			if !ok {
				found = append(found, fmt.Sprintf("%s has no label %q", s.metric, m.label))
			}
			if m.label == "le" {
				found = append(found, "le is matched by its value, which differs between formats")
			}
			if values == nil || strings.Contains(m.value, "$") {
				continue
			}
			for _, value := range strings.Split(m.value, "|") {
				if !slices.Contains(values, value) {
					found = append(found, fmt.Sprintf("%s never has %s=%q", s.metric, m.label, value))
				}
			}
		}
	}
	for _, label := range q.grouping {
		if !known[label] {
			found = append(found, fmt.Sprintf("no series of the expression has the label %q", label))
		}
	}
	return found
}

func TestAWrongNameIsFound(t *testing.T) {
	v := newVocabulary(t)
	for expr, want := range map[string]string{
		`rds_csi_rds_connection_status`:                                       `there is no series "rds_csi_rds_connection_status"`,
		`rds_csi_rds_reconnect_duration_seconds > 1`:                          `there is no series "rds_csi_rds_reconnect_duration_seconds"`,
		`rds_csi_rds_connection_state{host="a"}`:                              `rds_csi_rds_connection_state has no label "host"`,
		`rds_csi_rds_reconnect_total{status="failed"}`:                        `rds_csi_rds_reconnect_total never has status="failed"`,
		`rds_csi_rds_reconnect_failures_total{reason=~"auth|login"}`:          `rds_csi_rds_reconnect_failures_total never has reason="login"`,
		`sum by (cause) (rds_csi_rds_disconnects_total)`:                      `no series of the expression has the label "cause"`,
		`rds_csi_rds_reconnect_duration_seconds_bucket{le="5"}`:               `le is matched by its value, which differs between formats`,
		`sum by (job, le) (rds_csi_rds_outage_duration_seconds_bucket)`:       ``,
		`rds_csi_rds_disconnects_total{reason!~"eof|reset", job=~"$job"} > 0`: ``,
	} {
		if got := strings.Join(v.faults(expr), "; "); got != want {
			t.Errorf("%s: got %q, want %q", expr, got, want)
		}
	}
}

var placeholder = regexp.MustCompile(`\{\{\s*(?:with )?\$labels\.(\w+)|\{\{\s*(\w+)\s*\}\}`)

// labelsNamed lists the labels in a legend or in the text of an alert.
func labelsNamed(text string) (names []string) {
	for _, found := range placeholder.FindAllStringSubmatch(text, -1) {
		if n := found[1] + found[2]; n != "end" {
			names = append(names, n)
		}
	}
	return names
}
