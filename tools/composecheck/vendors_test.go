package composecheck_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// What Debian has of the third parties is older than what the stack runs, and
// has the same flags.
func TestPrometheusAndAlertmanagerTakeTheirFlags(t *testing.T) {
	s := everything(t)
	for _, c := range []struct {
		program string
		args    []string
	}{
		{"prometheus", s.Services["prometheus"].Command},
		{"prometheus-alertmanager", s.Services["alertmanager"].Command},
	} {
		path, err := exec.LookPath(c.program)
		if err != nil {
			lacking(t, c.program+" is missing: apt-get install prometheus prometheus-alertmanager")
		}
		out, err := exec.Command(path, "--help").CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", c.program, err, out)
		}
		if len(c.args) == 0 {
			t.Errorf("%s gets no flags", c.program)
		}
		for _, arg := range c.args {
			name, _, _ := strings.Cut(arg, "=")
			if !regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(name) + `\b`).Match(out) {
				t.Errorf("%s has no flag %s", c.program, name)
			}
		}
	}
}

// lacking skips, but not where everything has to be there.
func lacking(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("RDS_CI") == "1" {
		t.Fatal(why + " (with RDS_CI=1 nothing is skipped for that)")
	}
	t.Skip(why)
}
