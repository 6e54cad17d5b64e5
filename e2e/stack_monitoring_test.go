//go:build linux && !race

package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rds-csi/internal/testkit"
)

// monitoring is Prometheus and Alertmanager with the files that are shipped.
// What is changed in them, and nothing else, is what says where the others are:
//
//   - the target of port 9809 becomes the controllers of the test, that of 9090
//     this Prometheus, that of 9093 this Alertmanager. A job whose target is
//     none of these scrapes a program that does not run here, and is left out;
//   - rule_files becomes the file in alerts/;
//   - each receiver becomes a webhook to the test's pager, under its own name.
type monitoring struct {
	t            *testing.T
	began        time.Time
	prometheus   string // URL
	alertmanager string // URL
	pager        *pager
	rules        []rule

	scrapeEvery, evaluateEvery time.Duration
}

// newMonitoring starts nothing.
func newMonitoring(t *testing.T) *monitoring {
	t.Helper()
	return &monitoring{t: t, began: time.Now(), pager: newPager(t), rules: shippedRules(t),
		prometheus: "http://" + testkit.FreeAddress(t), alertmanager: "http://" + testkit.FreeAddress(t)}
}

func startMonitoring(t *testing.T, controllers ...string) *monitoring {
	t.Helper()
	m := newMonitoring(t)
	m.startAlertmanager()
	m.startPrometheus(controllers)
	return m
}

func (m *monitoring) startAlertmanager() {
	m.t.Helper()
	dir := m.t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	writeYAML(m.t, config, rewriteReceivers(shippedAlertmanager(m.t), m.pager.url))
	startProgram(m.t, nil, "prometheus-alertmanager", "--config.file="+config, "--storage.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+hostOf(m.alertmanager), "--cluster.listen-address=")
	isReady(m.t, m.alertmanager)
}

func (m *monitoring) startPrometheus(controllers []string) {
	m.t.Helper()
	here := map[string][]string{"9809": controllers, "9090": {hostOf(m.prometheus)}, "9093": {hostOf(m.alertmanager)}}
	config := rewriteTargets(m.t, shippedPrometheus(m.t), here)
	m.scrapeEvery, m.evaluateEvery = interval(m.t, config, "scrape_interval"), interval(m.t, config, "evaluation_interval")
	dir := m.t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	writeYAML(m.t, file, config)
	startProgram(m.t, nil, "prometheus", "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+hostOf(m.prometheus), "--enable-feature=exemplar-storage")
	isReady(m.t, m.prometheus)
}

func isReady(t *testing.T, server string) {
	t.Helper()
	until(t, 30*time.Second, server+" to be ready", func() error {
		_, err := fetch("GET", server+"/-/ready")
		return err
	})
}

func hostOf(url string) string { return strings.TrimPrefix(url, "http://") }

// series is one of a query's result.
type series struct {
	Metric map[string]string
	Value  point   // of an instant query
	Values []point // of a range query
}

// point is a time and a value.
type point [2]any

func (p point) number() float64 {
	text, _ := p[1].(string)
	v, _ := strconv.ParseFloat(text, 64)
	return v
}

// api asks Prometheus.
func (m *monitoring) api(path string, parameters url.Values, to any) error {
	body, err := fetch("GET", m.prometheus+"/api/v1/"+path+"?"+parameters.Encode())
	if err != nil {
		return err
	}
	var answer struct {
		Data     json.RawMessage
		Warnings []string
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return err
	}
	if len(answer.Warnings) > 0 {
		return fmt.Errorf("%s: %s", path, strings.Join(answer.Warnings, ", "))
	}
	return json.Unmarshal(answer.Data, to)
}

// query evaluates an expression now.
func (m *monitoring) query(expr string) ([]series, error) {
	var data struct{ Result []series }
	err := m.api("query", url.Values{"query": {expr}}, &data)
	return data.Result, err
}

// queryRange evaluates an expression from a time until now.
func (m *monitoring) queryRange(expr string, from time.Time, step time.Duration) ([]series, error) {
	var data struct{ Result []series }
	unix := func(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1e3, 'f', 3, 64) }
	err := m.api("query_range", url.Values{"query": {expr}, "start": {unix(from)}, "end": {unix(time.Now())},
		"step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)}}, &data)
	return data.Result, err
}

// holds waits until an expression has a result and none of its values differs.
func (m *monitoring) holds(within time.Duration, expr string, want float64) {
	m.t.Helper()
	until(m.t, within, expr+" to be "+strconv.FormatFloat(want, 'g', -1, 64), func() error {
		found, err := m.query(expr)
		if err == nil && (len(found) == 0 || slices.ContainsFunc(found, func(s series) bool { return s.Value.number() != want })) {
			err = fmt.Errorf("it is %v", found)
		}
		return err
	})
}

// alert is one of Prometheus' pending or firing alerts.
type alert struct {
	State       string
	ActiveAt    time.Time
	Labels      map[string]string
	Annotations map[string]string
}

// alerts returns those of a name.
func (m *monitoring) alerts(name string) ([]alert, error) {
	var data struct{ Alerts []alert }
	err := m.api("alerts", nil, &data)
	return slices.DeleteFunc(data.Alerts, func(a alert) bool { return a.Labels["alertname"] != name }), err
}

// alertIs waits until the only alert of a name is in a state; "" is none.
func (m *monitoring) alertIs(within time.Duration, name, state string) (found alert) {
	m.t.Helper()
	until(m.t, within, name+" to be "+state, func() error {
		all, err := m.alerts(name)
		switch {
		case err != nil:
			return err
		case state == "" && len(all) == 0:
			return nil
		case len(all) != 1 || all[0].State != state:
			return fmt.Errorf("there are %+v", all)
		}
		found = all[0]
		return nil
	})
	return found
}

// isWell expects that every scrape works and every rule can be evaluated.
func (m *monitoring) isWell() {
	m.t.Helper()
	m.holds(m.scrapeEvery+slack, "up", 1)
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	if err := m.api("rules", nil, &data); err != nil || len(data.Groups) == 0 {
		m.t.Errorf("rules: %+v, %v", data, err)
	}
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			if r.Health != "ok" {
				m.t.Errorf("the rule %s is %s: %s", r.Name, r.Health, r.LastError)
			}
		}
	}
}

// held is an alert in Alertmanager.
type held struct {
	Labels      map[string]string
	Annotations map[string]string
	Status      struct {
		State       string
		InhibitedBy []string
		SilencedBy  []string
	}
}

// inAlertmanager returns the alerts of a name that are not over.
func (m *monitoring) inAlertmanager(name string) (found []held, err error) {
	body, err := fetch("GET", m.alertmanager+"/api/v2/alerts?filter="+url.QueryEscape("alertname="+strconv.Quote(name)))
	if err == nil {
		err = json.Unmarshal([]byte(body), &found)
	}
	return found, err
}

// storedExemplar names the trace of one observation.
type storedExemplar struct {
	Labels struct {
		TraceID string `json:"trace_id"`
	}
	Value string
}

func (m *monitoring) exemplars(selector string, from time.Time) (found []storedExemplar, err error) {
	var data []struct{ Exemplars []storedExemplar }
	err = m.api("query_exemplars", url.Values{"query": {selector}, "start": {strconv.FormatInt(from.Unix(), 10)},
		"end": {strconv.FormatInt(time.Now().Unix()+1, 10)}}, &data)
	for _, d := range data {
		found = append(found, d.Exemplars...)
	}
	return found, err
}
