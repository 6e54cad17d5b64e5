//go:build linux && !race

package e2e

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// document is a YAML file that is read as it is, so that nothing in it can get
// lost in a rewrite.
type document = map[string]any

func shippedPrometheus(t *testing.T) document {
	return readYAML[document](t, "deploy", "prometheus.yml")
}
func shippedAlertmanager(t *testing.T) document {
	return readYAML[document](t, "deploy", "alertmanager.yml")
}

func repository(t *testing.T, path ...string) string {
	t.Helper()
	full, err := filepath.Abs(filepath.Join(append([]string{".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return full
}

func readYAML[T any](t *testing.T, path ...string) (v T) {
	t.Helper()
	text, err := os.ReadFile(repository(t, path...))
	if err == nil {
		err = yaml.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func writeYAML(t *testing.T, path string, v any) {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, text)
}

// rewriteTargets leads Prometheus to the servers of the test, by their ports.
func rewriteTargets(t *testing.T, config document, here map[string][]string) document {
	t.Helper()
	config["rule_files"] = []any{repository(t, "alerts", "rds-connection.yml")}
	// A job is kept when all that it scrapes is here.
	config["scrape_configs"] = slices.DeleteFunc(list(config["scrape_configs"]), func(job any) bool { return !redirect(job, here) })
	if len(list(config["scrape_configs"])) == 0 {
		t.Fatal("the shipped file scrapes no controller at port 9809")
	}
	alerting, _ := config["alerting"].(document)
	for _, a := range list(alerting["alertmanagers"]) {
		if !redirect(a, here) {
			t.Fatal("the shipped file leads to an Alertmanager that is not at port 9093")
		}
	}
	if len(list(alerting["alertmanagers"])) == 0 {
		t.Fatal("the shipped file names no Alertmanager")
	}
	return config
}

// redirect replaces the targets below, and reports whether it knew them all.
func redirect(of any, here map[string][]string) (known bool) {
	parent, _ := of.(document)
	for _, group := range list(parent["static_configs"]) {
		group, _ := group.(document)
		var targets []any
		for _, old := range list(group["targets"]) {
			old, _ := old.(string)
			_, port, _ := net.SplitHostPort(old)
			at := here[port]
			if at == nil {
				return false
			}
			for _, target := range at {
				targets = append(targets, target)
			}
			known = true
		}
		group["targets"] = targets
	}
	return known
}

// rewriteReceivers leads every receiver to the pager.
func rewriteReceivers(config document, pager string) document {
	for i, r := range list(config["receivers"]) {
		name, _ := r.(document)["name"].(string)
		list(config["receivers"])[i] = document{"name": name,
			"webhook_configs": []any{document{"url": pager + "/" + name, "send_resolved": true}}}
	}
	delete(config, "templates")
	return config
}

func list(v any) []any { l, _ := v.([]any); return l }

func interval(t *testing.T, config document, name string) time.Duration {
	t.Helper()
	global, _ := config["global"].(document)
	text, _ := global[name].(string)
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("%s of the shipped file: %v", name, err)
	}
	return d
}

// rule is an alert as it is shipped.
type rule struct {
	Alert       string
	Expr        string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

// lasts is what the alert asks for before it fires.
func (r rule) lasts(t *testing.T) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(r.For)
	if err != nil {
		t.Fatalf("%s: %v", r.Alert, err)
	}
	return d
}

// shippedRules returns the alerts, without the recording rules.
func shippedRules(t *testing.T) (alerts []rule) {
	t.Helper()
	file := readYAML[struct{ Groups []struct{ Rules []rule } }](t, "alerts", "rds-connection.yml")
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Alert != "" {
				alerts = append(alerts, r)
			}
		}
	}
	return alerts
}

func (m *monitoring) rule(name string) rule {
	m.t.Helper()
	at := slices.IndexFunc(m.rules, func(r rule) bool { return r.Alert == name })
	if at < 0 {
		m.t.Fatalf("no alert %s is shipped", name)
	}
	return m.rules[at]
}

// anchor is the heading of the runbook that an alert leads to.
func (r rule) anchor() string { return "#" + strings.ToLower(r.Alert) }
