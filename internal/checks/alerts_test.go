package checks_test

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	rulesFile     = "rds-connection.yml"
	ruleTestsFile = "rds-connection_test.yml"
)

var underRace bool // set by a file that only the race detector builds

type rule struct {
	Record        string            `yaml:"record"`
	Alert         string            `yaml:"alert"`
	Expr          string            `yaml:"expr"`
	For           string            `yaml:"for"`
	KeepFiringFor string            `yaml:"keep_firing_for"`
	Labels        map[string]string `yaml:"labels"`
	Annotations   map[string]string `yaml:"annotations"`
}

type ruleTest struct {
	Name           string `yaml:"name"`
	AlertRuleTests []struct {
		Alert  string `yaml:"alertname"`
		Expect []any  `yaml:"exp_alerts"`
	} `yaml:"alert_rule_test"`
	PromQLTests []struct {
		Expr string `yaml:"expr"`
	} `yaml:"promql_expr_test"`
	InputSeries []struct {
		Series string `yaml:"series"`
		Values string `yaml:"values"`
	} `yaml:"input_series"`
}

func readRules(t *testing.T) (rules []rule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	d := yaml.NewDecoder(bytes.NewReader(read(t, "alerts", rulesFile)))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		rules = append(rules, g.Rules...)
	}
	return rules
}

func readAlerts(t *testing.T) (alerts []rule) {
	t.Helper()
	return slices.DeleteFunc(readRules(t), func(r rule) bool { return r.Alert == "" })
}

func readRuleTests(t *testing.T) []ruleTest {
	t.Helper()
	var file struct {
		Tests []ruleTest `yaml:"tests"`
	}
	if err := yaml.Unmarshal(read(t, "alerts", ruleTestsFile), &file); err != nil {
		t.Fatal(err)
	}
	return file.Tests
}

// withRecorded adds the series that rules record, with the labels they keep.
func (v vocabulary) withRecorded(rules []rule) vocabulary {
	v = maps.Clone(v)
	for _, r := range rules {
		if r.Record == "" {
			continue
		}
		kept := make(labels)
		q := parseQuery(r.Expr)
		for _, s := range q.selectors {
			for label, values := range v[s.metric] {
				if len(q.grouping) == 0 || slices.Contains(q.grouping, label) {
					kept[label] = values
				}
			}
		}
		v[r.Record] = kept
	}
	return v
}

func TestRulesNameOnlyWhatIsExported(t *testing.T) {
	rules := readRules(t)
	v := newVocabulary(t).withRecorded(rules)
	for _, r := range rules {
		for _, fault := range v.faults(r.Expr) {
			t.Errorf("%s%s: %s", r.Record, r.Alert, fault)
		}
	}
	for _, test := range readRuleTests(t) {
		for _, in := range test.InputSeries {
			// Only a selector must not have a value of le.
			for _, fault := range v.faults(regexp.MustCompile(`,le="[^"]+"`).ReplaceAllString(in.Series, "")) {
				t.Errorf("test %q: %s", test.Name, fault)
			}
		}
	}
}

func TestEveryAlertTellsAPersonWhatToDo(t *testing.T) {
	runbook := headings(read(t, "docs", "runbook.md"))
	rules := readRules(t)
	v := newVocabulary(t).withRecorded(rules)
	seen := make(map[string]bool)
	for _, a := range readAlerts(t) {
		check := func(ok bool, format string, args ...any) {
			t.Helper()
			if !ok {
				t.Errorf("%s: %s", a.Alert, fmt.Sprintf(format, args...))
			}
		}
		anchor := strings.ToLower(a.Alert)
		check(regexp.MustCompile(`^RDS([A-Z][a-z]+|RPC)+$`).MatchString(a.Alert), "the name is not in CamelCase behind RDS")
		check(!seen[a.Alert], "there are two of it")
		seen[a.Alert] = true
		check(slices.Contains([]string{"warning", "critical"}, a.Labels["severity"]), "severity is %q", a.Labels["severity"])
		check(a.Annotations["summary"] != "" && !strings.Contains(a.Annotations["summary"], "{{"),
			"the summary is missing, or not the same for all")
		check(len(a.Annotations["description"]) > 100, "the description does not say what it means for the cluster")
		check(a.Annotations["runbook_url"] == "docs/runbook.md#"+anchor, "runbook_url is %q", a.Annotations["runbook_url"])
		check(slices.Contains(runbook, anchor), "docs/runbook.md has no heading for it")
		check(a.For != "" && a.For != "0s", "one wrong sample would fire it")
		check(a.KeepFiringFor != "", "it would come and go with its threshold")

		known := make(map[string]bool)
		for _, s := range parseQuery(a.Expr).selectors {
			for label := range v[s.metric] {
				known[label] = true
			}
		}
		for _, label := range labelsNamed(a.Annotations["description"]) {
			check(known[label], "the description names the label %q, which it cannot have", label)
		}
	}
	for _, section := range runbook {
		if strings.HasPrefix(section, "rds") && !slices.ContainsFunc(readAlerts(t), func(a rule) bool {
			return strings.ToLower(a.Alert) == section
		}) {
			t.Errorf("docs/runbook.md has a section %q, which is no alert", section)
		}
	}
}

func TestEveryAlertHasAFiringAndASilentCase(t *testing.T) {
	fires, silent := make(map[string]int), make(map[string]int)
	restart, lost := make(map[string]bool), make(map[string]bool)
	for _, test := range readRuleTests(t) {
		for _, step := range test.AlertRuleTests {
			if len(step.Expect) == 0 {
				silent[step.Alert]++
				continue
			}
			fires[step.Alert]++
			for _, in := range test.InputSeries {
				if strings.Contains(in.Series, "10.0.0.6") {
					restart[step.Alert] = true
				}
				if regexp.MustCompile(`stale [0-9]`).MatchString(in.Values) {
					lost[step.Alert] = true
				}
			}
		}
	}
	for _, a := range readAlerts(t) {
		if fires[a.Alert] == 0 || silent[a.Alert] == 0 {
			t.Errorf("%s: %d firing and %d silent cases", a.Alert, fires[a.Alert], silent[a.Alert])
		}
		if !restart[a.Alert] || !lost[a.Alert] {
			t.Errorf("%s: with a restart %v, with a lost scrape %v", a.Alert, restart[a.Alert], lost[a.Alert])
		}
	}
	for _, want := range []string{"quiet hour", "restart of the controller in place", "restart of the controller as another instance",
		"blip of 3 s", "lost scrapes"} {
		if !slices.ContainsFunc(readRuleTests(t), func(test ruleTest) bool {
			return strings.Contains(test.Name, want) && slices.ContainsFunc(test.PromQLTests, func(p struct {
				Expr string `yaml:"expr"`
			}) bool {
				return strings.Contains(p.Expr, `ALERTS{alertstate="firing"}`)
			})
		}) {
			t.Errorf("no test shows that nothing fires in a %s", want)
		}
	}
}

// Of these, promtool could only tell after simulating three days.
func TestTheBurnRateHasItsWindowsAndFactors(t *testing.T) {
	want := map[string][]string{
		"RDSRPCErrorBudgetBurnFast": {"1h > 14.4 * 0.01", "5m > 14.4 * 0.01", "6h > 6 * 0.01", "30m > 6 * 0.01"},
		"RDSRPCErrorBudgetBurnSlow": {"1d > 3 * 0.01", "2h > 3 * 0.01", "3d > 1 * 0.01", "6h > 1 * 0.01"},
	}
	windows := regexp.MustCompile(`:ratio_rate(\w+ > [\d.]+ \* 0\.01)`)
	for _, a := range readAlerts(t) {
		if parts, ok := want[a.Alert]; ok {
			var got []string
			for _, found := range windows.FindAllStringSubmatch(a.Expr, -1) {
				got = append(got, found[1])
			}
			if !slices.Equal(got, parts) {
				t.Errorf("%s: %q, want %q", a.Alert, got, parts)
			}
			delete(want, a.Alert)
		}
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	windows = regexp.MustCompile(`:ratio_rate(\w+)$`)
	for _, r := range readRules(t) {
		if found := windows.FindStringSubmatch(r.Record); found != nil {
			for _, w := range parseQuery(r.Expr).ranges {
				if w != found[1] {
					t.Errorf("%s looks back %s", r.Record, w)
				}
			}
		}
	}
}

func TestEveryRecordedSeriesIsNamedByItsLevelAndUsed(t *testing.T) {
	rules := readRules(t)
	used := make(map[string]bool)
	for _, r := range rules {
		for _, s := range parseQuery(r.Expr).selectors {
			used[s.metric] = true
		}
	}
	for _, r := range rules {
		if r.Record == "" {
			continue
		}
		if !regexp.MustCompile(`^[a-z_]+:[a-z_]+:[a-z0-9_]+$`).MatchString(r.Record) {
			t.Errorf("%s is not level:metric:operation", r.Record)
		}
		if !used[r.Record] {
			t.Errorf("%s is recorded and never read", r.Record)
		}
	}
}

// The line that the header of the rules gives to operators.
func TestTheRunbooksAddressIsRewrittenByTheDocumentedLine(t *testing.T) {
	text := string(read(t, "alerts", rulesFile))
	found := regexp.MustCompile(`(?m)^#\s+sed -i '(.+)' ` + regexp.QuoteMeta(rulesFile) + `$`).FindStringSubmatch(text)
	if found == nil {
		t.Fatal("the header has no such line")
	}
	sed := tool(t, "alerts", "sed", found[1])
	sed.Stdin = strings.NewReader(text)
	out, err := sed.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	n := len(readAlerts(t))
	if got := strings.Count(string(out), "runbook_url: https://git.example.org/rds-csi/blob/main/docs/runbook.md#"); got != n {
		t.Errorf("%d of %d addresses are rewritten", got, n)
	}
}

func TestPromtoolAcceptsTheRules(t *testing.T) {
	out, err := tool(t, "alerts", "promtool", "check", "rules", rulesFile).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("duplicate")) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestAlertsFireWhenTheyShouldAndOnlyThen(t *testing.T) {
	if testing.Short() {
		t.Skip("promtool takes half a minute")
	}
	if underRace {
		t.Skip("promtool does not run under the race detector")
	}
	t.Parallel()
	if out, err := tool(t, "alerts", "promtool", "test", "rules", ruleTestsFile).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
