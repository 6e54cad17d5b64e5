package checks_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// units are the ids of Grafana's units that are in use here.
var units = []string{"none", "s", "dtdurations", "dateTimeFromNow", "percentunit", "bytes", "ops", "reqps"}

// linter has the rules of Grafana's dashboard linter, under their names; those
// on Loki and on native histograms have nothing to look at here.
var linter = map[string]func(d dashboard) []string{
	"template-datasource-rule": func(d dashboard) (bad []string) {
		for _, v := range d.Templating.List {
			if v.Type != "datasource" {
				continue
			}
			want := map[string]string{"datasource": "Data source", "tempo_datasource": "Tempo data source"}[v.Name]
			if want == "" || v.Label != want {
				bad = append(bad, fmt.Sprintf("variable %q has the label %q", v.Name, v.Label))
			}
		}
		if d.variable("datasource").Query != "prometheus" {
			bad = append(bad, "there is no variable for the data source")
		}
		return bad
	},
	"template-job-rule":      func(d dashboard) []string { return targetVariable(d, "job") },
	"template-instance-rule": func(d dashboard) []string { return targetVariable(d, "instance") },
	"template-label-promql-rule": func(d dashboard) (bad []string) {
		for _, v := range d.Templating.List {
			if v.Type == "query" && !regexp.MustCompile(`^label_values\([a-z_]+(\{.*\})?, [a-z_]+\)$`).MatchString(v.Definition) {
				bad = append(bad, v.Name+": "+v.Definition)
			}
		}
		return bad
	},
	"template-on-time-change-reload-rule": func(d dashboard) (bad []string) {
		for _, v := range d.Templating.List {
			if v.Type == "query" && v.Refresh != 2 {
				bad = append(bad, v.Name)
			}
		}
		return bad
	},
	"panel-datasource-rule": func(d dashboard) (bad []string) {
		for _, p := range d.graphs() {
			if p.Datasource != (source{"prometheus", "${datasource}"}) {
				bad = append(bad, p.Title)
			}
			for _, tg := range p.Targets {
				if tg.Datasource != p.Datasource {
					bad = append(bad, p.Title+" "+tg.RefID)
				}
			}
		}
		return bad
	},
	"panel-title-description-rule": func(d dashboard) (bad []string) {
		for _, p := range d.graphs() {
			if p.Title == "" || len(p.Description) < 20 {
				bad = append(bad, fmt.Sprintf("%d %q", p.ID, p.Title))
			}
		}
		return bad
	},
	"panel-units-rule": func(d dashboard) (bad []string) {
		for _, p := range d.graphs() {
			if !slices.Contains(units, p.FieldConfig.Defaults.Unit) {
				bad = append(bad, fmt.Sprintf("%s: %q", p.Title, p.FieldConfig.Defaults.Unit))
			}
		}
		return bad
	},
	"panel-no-targets-rule": func(d dashboard) (bad []string) {
		for _, p := range d.graphs() {
			if len(p.Targets) == 0 {
				bad = append(bad, p.Title)
			}
		}
		return bad
	},
	"target-promql-rule": eachQuery(func(p panel, tg panelTarget, q query) string {
		if len(q.selectors) == 0 || strings.Count(tg.Expr, "(") != strings.Count(tg.Expr, ")") {
			return "no PromQL" // tools/promcheck parses it
		}
		return ""
	}),
	"target-rate-interval-rule": eachQuery(func(p panel, tg panelTarget, q query) string {
		for _, c := range q.calls {
			// A single number is over the range that the person chose.
			over := tg.Instant && (c.window == "$__range" || c.window == "$__range:$__interval")
			if c.window != "$__rate_interval" && !over && !strings.HasPrefix(c.window, "$__range:") {
				return fmt.Sprintf("%s over [%s]", c.function, c.window)
			}
		}
		return ""
	}),
	"target-job-rule":      eachSelector("job", "=~", "$job"),
	"target-instance-rule": eachSelector("instance", "=~", "$instance"),
	"target-counter-agg-rule": eachQuery(func(p panel, tg panelTarget, q query) string {
		for _, s := range q.selectors {
			if strings.HasSuffix(s.metric, "_total") && !slices.ContainsFunc(s.inside, func(f string) bool {
				return f == "rate" || f == "irate" || f == "increase"
			}) {
				return s.metric + " is a counter"
			}
		}
		return ""
	}),
	"uneditable-dashboard": func(d dashboard) []string {
		if d.Editable == nil || *d.Editable {
			return []string{"editable"}
		}
		return nil
	},
}

func targetVariable(d dashboard, name string) (bad []string) {
	v := d.variable(name)
	if v.Type != "query" || !strings.EqualFold(v.Label, name) || !v.Multi || !v.IncludeAll || v.AllValue != ".+" ||
		v.Datasource == nil || v.Datasource.UID != "${datasource}" {
		bad = append(bad, fmt.Sprintf("%+v", v))
	}
	return bad
}

func eachQuery(look func(panel, panelTarget, query) string) func(dashboard) []string {
	return func(d dashboard) (bad []string) {
		for _, p := range d.graphs() {
			for _, tg := range p.Targets {
				if fault := look(p, tg, parseQuery(tg.Expr)); fault != "" {
					bad = append(bad, fmt.Sprintf("%s %s: %s", p.Title, tg.RefID, fault))
				}
			}
		}
		return bad
	}
}

func eachSelector(label, op, value string) func(dashboard) []string {
	return eachQuery(func(p panel, tg panelTarget, q query) string {
		for _, s := range q.selectors {
			m, _ := s.matcher(label)
			if s.metric == "ALERTS" && label == "instance" {
				continue // alerts name the device, not the instance
			}
			if m != (matcher{label, op, value}) {
				return s.metric + " is not narrowed to " + value
			}
		}
		return ""
	})
}

func TestDashboardsPassTheLinter(t *testing.T) {
	for _, d := range readDashboards(t) {
		for rule, look := range linter {
			for _, fault := range look(d.dashboard) {
				t.Errorf("%s: %s: %s", d.file, rule, fault)
			}
		}
	}
}
