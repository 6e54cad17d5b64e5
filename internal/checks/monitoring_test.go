package checks_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// alerting is what is checked of deploy/alertmanager.yml.
type alerting struct {
	Receivers []struct {
		Name    string
		Webhook []struct{ URL string } `yaml:"webhook_configs"`
	}
	Inhibit []struct {
		Source []string `yaml:"source_matchers"`
		Target []string `yaml:"target_matchers"`
		Equal  []string
	} `yaml:"inhibit_rules"`
}

func decodeAlerting(t *testing.T, text []byte) (a alerting) {
	t.Helper()
	if err := yaml.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// accepts gives a file of the deployment, as changed, to the tool of the server
// that reads it.
func accepts(t *testing.T, text []byte, name string, args ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := tool(t, "deploy", name, append(args, file)...).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
}

func TestPrometheusAcceptsItsFileAndTheRulesInIt(t *testing.T) {
	const mounted = "/etc/prometheus/rules/rds-connection.yml"
	rules, err := filepath.Abs(filepath.Join("..", "..", "alerts", rulesFile))
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, "deploy", "prometheus.yml")
	if bytes.Count(text, []byte(mounted)) != 1 {
		t.Fatalf("the rules are not read from %s", mounted)
	}
	accepts(t, bytes.Replace(text, []byte(mounted), []byte(rules), 1), "promtool", "check", "config")
}

func TestAlertmanagerAcceptsItsFile(t *testing.T) {
	accepts(t, read(t, "deploy", "alertmanager.yml"), "amtool", "check-config")
}

// As it is shipped nobody is told. What the header says is all that it takes.
func TestReceiversGetAnAddressByTakingAwayTheHashes(t *testing.T) {
	shipped := read(t, "deploy", "alertmanager.yml")
	changed := regexp.MustCompile(`(?m)^    # (webhook_configs:|  - url: )`).ReplaceAll(shipped, []byte("    $1"))
	for _, r := range decodeAlerting(t, shipped).Receivers {
		if len(r.Webhook) > 0 {
			t.Errorf("%s tells somebody else: %v", r.Name, r.Webhook)
		}
	}
	for _, r := range decodeAlerting(t, changed).Receivers {
		if len(r.Webhook) != 1 || !strings.Contains(r.Webhook[0].URL, r.Name) {
			t.Errorf("%s tells %v", r.Name, r.Webhook)
		}
	}
	accepts(t, changed, "amtool", "check-config")
}

func TestEveryAlertReachesThoseWhoseItIs(t *testing.T) {
	receivers := map[string]string{"critical": "pager", "warning": "chat"}
	for _, a := range readAlerts(t) {
		args := []string{"config", "routes", "test", "--config.file=alertmanager.yml",
			"--verify.receivers=" + receivers[a.Labels["severity"]], "alertname=" + a.Alert, "job=rds-csi"}
		for name, value := range a.Labels {
			args = append(args, name+"="+value)
		}
		if out, err := tool(t, "deploy", "amtool", args...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", a.Alert, err, out)
		}
	}
}

// A security alert is never silenced, and a name in a rule that no alert has
// silences nothing.
func TestInhibitionNamesAlertsAndSparesSecurity(t *testing.T) {
	alerts := readAlerts(t)
	rules := decodeAlerting(t, read(t, "deploy", "alertmanager.yml")).Inhibit
	if len(rules) == 0 {
		t.Fatal("nothing is inhibited")
	}
	matcher := regexp.MustCompile(`^alertname=(~?)"([\w|]+)"$`)
	for _, r := range rules {
		for _, m := range slices.Concat(r.Source, r.Target) {
			found := matcher.FindStringSubmatch(m)
			if found == nil {
				t.Errorf("%s names no alerts", m)
				continue
			}
			names := strings.Split(found[2], "|")
			if (found[1] == "~") != (len(names) > 1) {
				t.Errorf("%s: one name is compared, several are matched", m)
			}
			for _, name := range names {
				at := slices.IndexFunc(alerts, func(a rule) bool { return a.Alert == name })
				if at < 0 {
					t.Errorf("no alert is called %s", name)
				} else if slices.Contains(r.Target, m) && alerts[at].Labels["category"] == "security" {
					t.Errorf("%s is silenced by %v", name, r.Source)
				}
			}
		}
		if !slices.Contains(r.Equal, "namespace") || !slices.Contains(r.Equal, "job") {
			t.Errorf("%v silences alerts of other controllers: equal is %v", r.Source, r.Equal)
		}
	}
}
