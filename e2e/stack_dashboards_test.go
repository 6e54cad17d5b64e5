//go:build linux && !race

package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// board is a dashboard as it is shipped.
type board struct {
	file      string
	queries   []boardQuery
	variables map[string]string // what Grafana asks Prometheus for
}

type boardQuery struct {
	panel   string
	refID   string
	expr    string
	instant bool
}

func readBoards(t *testing.T) (all []board) {
	t.Helper()
	files, err := filepath.Glob(repository(t, "dashboards", "*.json"))
	if err != nil || len(files) < 2 {
		t.Fatalf("dashboards: %q, %v", files, err)
	}
	type target struct {
		RefID, Expr string
		Instant     bool
	}
	type panel struct {
		Title   string
		Targets []target
		Panels  []json.RawMessage
	}
	for _, file := range files {
		var model struct {
			Panels      []json.RawMessage
			Annotations struct{ List []struct{ Name, Expr string } }
			Templating  struct {
				List []struct{ Name, Type, Definition string }
			}
		}
		decode := func(text []byte, to any) {
			if err := json.Unmarshal(text, to); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		decode(text, &model)
		b := board{file: filepath.Base(file), variables: make(map[string]string)}
		for len(model.Panels) > 0 {
			var p panel
			decode(model.Panels[0], &p)
			model.Panels = append(model.Panels[1:], p.Panels...) // those in a collapsed row too
			for _, tg := range p.Targets {
				b.queries = append(b.queries, boardQuery{p.Title, tg.RefID, tg.Expr, tg.Instant})
			}
		}
		for _, a := range model.Annotations.List {
			if a.Expr != "" {
				b.queries = append(b.queries, boardQuery{"annotation " + a.Name, "", a.Expr, false})
			}
		}
		for _, v := range model.Templating.List {
			if v.Type == "query" {
				b.variables[v.Name] = v.Definition
			}
		}
		all = append(all, b)
	}
	return all
}

// fill puts in what Grafana would: the variables of one controller, or of all
// of them where there is no instance.
func (m *monitoring) fill(expr, instance string, since time.Time) string {
	m.t.Helper()
	if instance == "" {
		instance = ".+"
	} else {
		// As Grafana escapes it: for the regular expression, and for PromQL.
		instance = strings.ReplaceAll(regexp.QuoteMeta(instance), `\`, `\\`)
	}
	return strings.NewReplacer(
		"$__rate_interval", (4 * m.scrapeEvery).String(), "$__interval", m.scrapeEvery.String(),
		"$__range", fmt.Sprintf("%ds", int(time.Since(since).Seconds())),
		"$job", ".+", "$instance", instance, "$address", ".+",
	).Replace(expr)
}

// situation is what has happened to a controller, as panels see it.
type situation struct {
	// What has no data now, by panel and query, and why that is right.
	empty map[string]string
}

var (
	inOutage = situation{empty: map[string]string{
		"Last cause A":                "known at its end",
		"Length of outages A":         "known at its end",
		"Duration of reconnections A": "known at its end",
	}}
	afterOutage = situation{empty: map[string]string{
		"Next attempt in A": "none is planned",
	}}
	noOutage = situation{empty: map[string]string{
		"Last cause A":                "there was none",
		"Length of outages A":         "there was none",
		"Duration of reconnections A": "there was none",
		"Next attempt in A":           "none is planned",
		"Failed CSI calls A":          "none has failed",
		"Devices, worst first H":      "no call has failed",
		"Failed commands A":           "none has failed",
		"annotation Outages":          "there was none",
		"annotation Connection lost":  "there was none",
	}}
)

// panels runs every query of the dashboards as Grafana would for one
// controller, and expects data where there is something to show.
func (m *monitoring) panels(t *testing.T, instance string, since time.Time, s situation) {
	for _, b := range readBoards(t) {
		for _, name := range []string{"job", "instance", "address"} {
			if found, err := m.variable(b.variables[name]); err != nil || len(found) == 0 {
				t.Errorf("%s: the variable %s can be %q, %v", b.file, name, found, err)
			}
		}
		for _, q := range b.queries {
			expr := m.fill(q.expr, instance, since)
			if strings.Contains(expr, "$") {
				t.Errorf("%s: %s: a variable is left in %s", b.file, q.panel, expr)
			}
			var found []series
			var err error
			if q.instant {
				found, err = m.query(expr)
			} else {
				found, err = m.queryRange(expr, since, m.scrapeEvery)
			}
			reason, empty := s.empty[strings.TrimSpace(q.panel+" "+q.refID)]
			switch {
			case err != nil:
				t.Errorf("%s: %s %s: %v\n%s", b.file, q.panel, q.refID, err, expr)
			case empty && len(found) > 0:
				t.Errorf("%s: %s %s shows %v, but %s", b.file, q.panel, q.refID, found, reason)
			case !empty && !isNumber(found):
				t.Errorf("%s: %s %s has no data\n%s", b.file, q.panel, q.refID, expr)
			}
		}
	}
}

// isNumber reports whether there is something that a panel can show.
func isNumber(found []series) bool {
	return slices.ContainsFunc(found, func(s series) bool {
		return slices.ContainsFunc(append(s.Values, s.Value), func(p point) bool { return p[1] != nil && p[1] != "NaN" })
	})
}

var labelValues = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)

// variable asks for the values that Grafana offers.
func (m *monitoring) variable(definition string) (values []string, err error) {
	found := labelValues.FindStringSubmatch(definition)
	if found == nil {
		return nil, fmt.Errorf("%q asks for no label", definition)
	}
	err = m.api("label/"+found[2]+"/values", url.Values{"match[]": {m.fill(found[1], "", time.Now())}}, &values)
	return values, err
}
