// Package promcheck_test gives every expression of the dashboards, rules and
// pages to the parser of Prometheus, and evaluates the panels with its engine
// over a recorded outage. It is a module of its own, since the engine brings
// more dependencies than the rest of the project together.
//
// Of those some cannot be had everywhere: `go mod tidy` fails, `go mod tidy -e`
// leaves a go.mod that works. Nothing else here needs them.
package promcheck_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
)

// The repository, by links within this module: go test takes a cached result
// where a file outside of it has changed.
var root = filepath.Join("testdata", "repository")

// Grafana's variables at a scrape interval of 5 s and a range of the recording.
var variables = strings.NewReplacer("$__rate_interval", "20s", "$__interval", "5s", "$__range", "300s",
	"$job", ".+", "$instance", ".+", "$address", ".+")

// panelQuery is one query of a panel, or of an annotation.
type panelQuery struct {
	dashboard, panel, expr string
	instant                bool
}

func panelQueries(t *testing.T) (all []panelQuery) {
	t.Helper()
	type panel struct {
		Title   string
		Panels  []json.RawMessage
		Targets []struct {
			Expr    string
			Instant bool
		}
	}
	files, err := filepath.Glob(filepath.Join(root, "dashboards", "*.json"))
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		var d struct {
			Panels      []json.RawMessage
			Annotations struct {
				List []struct {
					Name, Expr string
				}
			}
		}
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &d)
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		for len(d.Panels) > 0 {
			var p panel
			if err := json.Unmarshal(d.Panels[0], &p); err != nil {
				t.Fatal(err)
			}
			d.Panels = append(d.Panels[1:], p.Panels...)
			for _, target := range p.Targets {
				all = append(all, panelQuery{name, p.Title, variables.Replace(target.Expr), target.Instant})
			}
		}
		for _, a := range d.Annotations.List {
			if a.Expr != "" {
				all = append(all, panelQuery{name, "annotation " + a.Name, variables.Replace(a.Expr), false})
			}
		}
	}
	return all
}

func TestEveryExpressionParses(t *testing.T) {
	p := parser.NewParser(parser.Options{})
	parse := func(where, expr string) {
		t.Helper()
		if _, err := p.ParseExpr(expr); err != nil {
			t.Errorf("%s: %v\n%s", where, err, expr)
		}
	}
	for _, q := range panelQueries(t) {
		parse(q.dashboard+": "+q.panel, q.expr)
		if strings.Contains(q.expr, "$") {
			t.Errorf("%s: %s: an unknown variable in %s", q.dashboard, q.panel, q.expr)
		}
	}
	fence := regexp.MustCompile("(?ms)^ *```promql\n(.*?)^ *```")
	for _, page := range []string{"metrics.md", "runbook.md"} {
		text, err := os.ReadFile(filepath.Join(root, "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
			for expr := range strings.Lines(block[1]) {
				parse(page, expr)
			}
		}
	}
	_, errs := rulefmt.ParseFile(filepath.Join(root, "alerts", "rds-connection.yml"), false, model.LegacyValidation, p,
		slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
}

// recording returns the recorded outage as of some targets.
func recording(t *testing.T, targets ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "outage.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for i, target := range targets {
		one := strings.ReplaceAll(string(text), "{@", "{"+target)
		if i > 0 {
			one = strings.ReplaceAll(one, "192.0.2.10:22", "192.0.2.2"+string(rune('0'+i))+":22")
		}
		all.WriteString(one + "\n")
	}
	return all.String()
}

const first = `job="rds-csi",instance="10.0.0.5:9809"`

// The recording has outages of 30 s that end at 90, 170 and 250 s, and a fourth
// one at its end.
var (
	firstFailure = time.Unix(65, 0)
	inOutage     = time.Unix(230, 0)
	connected    = time.Unix(290, 0)
	atEnd        = time.Unix(300, 0)
)

type database struct {
	engine  *promql.Engine
	storage storage.Queryable
}

func load(t *testing.T, text string) database {
	t.Helper()
	s := promqltest.LoadedStorage(t, text)
	t.Cleanup(func() { s.Close() })
	return database{promqltest.NewTestEngine(t, false, 5*time.Minute, 1_000_000), s}
}

// at evaluates an instant query.
func (d database) at(t *testing.T, expr string, when time.Time) (promql.Vector, error) {
	t.Helper()
	q, err := d.engine.NewInstantQuery(context.Background(), d.storage, nil, expr, when)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	r := q.Exec(context.Background())
	v, err := r.Vector()
	return slices.Clone(v), err
}

// over evaluates a query over the recording.
func (d database) over(t *testing.T, expr string) (promql.Matrix, error) {
	t.Helper()
	q, err := d.engine.NewRangeQuery(context.Background(), d.storage, nil, expr, time.Unix(0, 0), atEnd, 5*time.Second)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	m, err := q.Exec(context.Background()).Matrix()
	var copied promql.Matrix
	for _, series := range m {
		series.Floats = slices.Clone(series.Floats)
		copied = append(copied, series)
	}
	return copied, err
}

// count evaluates a query as its panel does and tells how many series came.
func (d database) count(t *testing.T, q panelQuery) (n int, err error) {
	t.Helper()
	if q.instant {
		v, err := d.at(t, q.expr, atEnd)
		return len(v), err
	}
	m, err := d.over(t, q.expr)
	return len(m), err
}

func TestEveryPanelShowsTheRecordedOutage(t *testing.T) {
	d := load(t, recording(t, first))
	// What the recording has nothing of, and why.
	empty := map[string]string{"Failed commands": "none failed: calls are refused before they become commands"}
	for _, q := range panelQueries(t) {
		n, err := d.count(t, q)
		if err != nil {
			t.Errorf("%s: %s: %v\n%s", q.dashboard, q.panel, err, q.expr)
		}
		if (n == 0) != (empty[q.panel] != "") {
			t.Errorf("%s: %s: %d series\n%s", q.dashboard, q.panel, n, q.expr)
		}
	}
}

func TestPanelsAreEmptyAndNotWrongWithoutATarget(t *testing.T) {
	d := load(t, `load 5s
  other{job="other"} 1x60
`)
	// Counts of things are zero where there is none.
	zero := []string{"Alerts firing", "Devices", "Connected", "Disconnected", "Not scraped"}
	for _, q := range panelQueries(t) {
		n, err := d.count(t, q)
		if err != nil {
			t.Errorf("%s: %s: %v", q.dashboard, q.panel, err)
		}
		if want := slices.Contains(zero, q.panel); (n > 0) != want {
			t.Errorf("%s: %s: %d series, want any: %v", q.dashboard, q.panel, n, want)
		}
	}
}

func TestEveryPanelCanShowSeveralDevices(t *testing.T) {
	d := load(t, recording(t, first, `job="rds-csi",instance="10.0.0.6:9809"`, `job="second",instance="10.0.1.5:9809"`))
	for _, q := range panelQueries(t) {
		if _, err := d.count(t, q); err != nil {
			t.Errorf("%s: %s: %v", q.dashboard, q.panel, err)
		}
	}
	v, err := d.at(t, query(t, "rds-fleet", "Devices"), atEnd)
	if err != nil || len(v) != 1 || v[0].F != 3 {
		t.Errorf("devices: %v, %v", v, err)
	}
	// One device chosen: series without an address are narrowed to it as well.
	one := strings.ReplaceAll(query(t, "rds-connection", "Reconnects"), `address=~".+"`, `address=~"192.0.2.21:22"`)
	all, err := d.at(t, query(t, "rds-connection", "Reconnects"), atEnd)
	if err != nil {
		t.Fatal(err)
	}
	narrowed, err := d.at(t, one, atEnd)
	if err != nil || len(narrowed) != 1 || math.Abs(3*narrowed[0].F-all[0].F) > 0.01 {
		t.Errorf("reconnects of one device %v, of three %v, %v", narrowed, all, err)
	}
}

// A restart in Kubernetes ends all series and begins others, under another
// instance. Nothing may break, and no line may change its name.
func TestPanelsOutliveARestartOfTheController(t *testing.T) {
	before := regexp.MustCompile(`(?m)^(  \S.*\}) (.*)$`)
	text := recording(t, first)
	cut := before.ReplaceAllStringFunc(text, func(line string) string {
		parts := before.FindStringSubmatch(line)
		return parts[1] + " " + keep(parts[2], 30) + " stale"
	})
	moved := before.ReplaceAllString(strings.ReplaceAll(text, "10.0.0.5", "10.0.0.6"), "$1 _x32 $2")
	d := load(t, cut+"\n"+moved)
	for _, q := range panelQueries(t) {
		if _, err := d.count(t, q); err != nil {
			t.Errorf("%s: %s: %v", q.dashboard, q.panel, err)
		}
	}
	for _, panel := range []string{"Connection over time", "Failures in a row", "Time since the last byte", "Pool space left", "Goroutines"} {
		m, err := d.over(t, query(t, "rds-connection", panel))
		if err != nil || len(m) != 1 {
			t.Errorf("%s: %d lines, %v", panel, len(m), err)
		}
	}
}

// keep cuts a list of values after n of them.
func keep(values string, n int) string {
	var kept []string
	for _, v := range strings.Fields(values) {
		value, times, repeated := strings.Cut(v, "x")
		count := 1
		if repeated {
			for _, digit := range times {
				count = count*10 + int(digit-'0')
			}
			count -= int(math.Pow10(len(times))) // began at 1
			if value != "_" {
				count++ // axn is n+1 values
			}
		}
		for ; count > 0 && n > 0; count, n = count-1, n-1 {
			kept = append(kept, value)
		}
	}
	return strings.Join(kept, " ")
}

func query(t *testing.T, dashboard, panel string) string {
	t.Helper()
	for _, q := range panelQueries(t) {
		if q.dashboard == dashboard && q.panel == panel {
			return q.expr
		}
	}
	t.Fatalf("%s has no panel %q", dashboard, panel)
	return ""
}

func TestPanelsShowTheRightNumbers(t *testing.T) {
	d := load(t, recording(t, first))
	for _, c := range []struct {
		panel  string
		when   time.Time
		labels string // of the only series
		want   float64
		within float64
	}{
		{"Connection", connected, `{address="192.0.2.10:22", job="rds-csi"}`, 1, 0},
		{"Connection", inOutage, `{address="192.0.2.10:22", job="rds-csi"}`, 0, 0},
		{"In this state for", connected, `{address="192.0.2.10:22", job="rds-csi"}`, 290 - 249, 0.2},
		{"In this state for", inOutage, `{address="192.0.2.10:22", job="rds-csi"}`, 230 - 218, 0.2},
		{"Availability", connected, `{address="192.0.2.10:22", job="rds-csi"}`, 1 - 18.0/59, 0.01},
		{"Reconnects", connected, `{}`, 3, 0.2},
		{"Last cause", connected, `{cause="reboot"}`, 1000 * 265, 10_000},
		{"Alerts firing", connected, `{}`, 0, 0},
		{"Next attempt in", inOutage, `{address="192.0.2.10:22", job="rds-csi"}`, 233 - 230, 0.2},
		{"Given up", connected, `{}`, 0, 0},
	} {
		v, err := d.at(t, query(t, "rds-connection", c.panel), c.when)
		if err != nil || len(v) != 1 || v[0].Metric.String() != c.labels || math.Abs(v[0].F-c.want) > c.within {
			t.Errorf("%s at %d s: %v, %v; want %s %g", c.panel, c.when.Unix(), v, err, c.labels, c.want)
		}
	}
	if v, err := d.at(t, query(t, "rds-connection", "Next attempt in"), connected); err != nil || len(v) != 0 {
		t.Errorf("next attempt while connected: %v, %v", v, err)
	}
	for _, cause := range []struct {
		name string
		want float64
	}{{"reboot", 3}, {"link", 0}} {
		v, err := d.at(t, query(t, "rds-connection", "Outages over the range"), connected)
		at := slices.IndexFunc(v, func(s promql.Sample) bool { return s.Metric.Get("cause") == cause.name })
		if err != nil || at < 0 || math.Abs(v[at].F-cause.want) > 0.2 {
			t.Errorf("outages by cause %s: %v, %v", cause.name, v, err)
		}
	}
	// The first reconnection too, which increase() alone does not see.
	m, err := d.over(t, query(t, "rds-connection", "Duration of reconnections"))
	if err != nil {
		t.Fatal(err)
	}
	for _, series := range m {
		if series.Metric.Get("le") == "+Inf" && (len(series.Floats) == 0 || series.Floats[0].F != 1) {
			t.Errorf("the first reconnection: %v", series)
		}
	}
	// Nor does it see the first failed call, whose series begins with it.
	m, err = d.over(t, query(t, "rds-connection", "Failed CSI calls"))
	at := slices.IndexFunc(m, func(s promql.Series) bool { return strings.HasSuffix(s.Metric.Get("method_name"), "/CreateVolume") })
	if err != nil || at < 0 || m[at].Floats[0].T != firstFailure.UnixMilli() || m[at].Floats[0].F <= 0 || m[at].Floats[0].F > 1 {
		t.Errorf("the first failed calls: %v, %v", m, err)
	}
	// An outage between two points of a long range is still seen.
	m, err = d.over(t, query(t, "rds-connection", "Connection over time"))
	down := 0
	for _, series := range m {
		for _, p := range series.Floats {
			if p.F == 0 {
				down++
			}
		}
	}
	if err != nil || down < 18 {
		t.Errorf("the state is down at %d points, %v", down, err)
	}
}
