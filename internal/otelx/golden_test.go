package otelx

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

var (
	goVersion = regexp.MustCompile(`goversion="[^"]*"`)
	exemplars = regexp.MustCompile(`(?m)^(.*\} \S+) # \{(.*)\} (\S+ \S+)$`)
)

var ourMetrics = regexp.MustCompile(`\b(rds_csi|csi_plugin|rpc_server)_`)

// ours keeps the lines of this project's metrics and what the format itself
// adds.
func ours(exposition string) string {
	var kept strings.Builder
	for line := range strings.Lines(exposition) {
		if ourMetrics.MatchString(line) || strings.HasPrefix(line, "# EOF") {
			kept.WriteString(line)
		}
	}
	text := goVersion.ReplaceAllString(kept.String(), `goversion="go"`)
	return exemplars.ReplaceAllStringFunc(text, predictable)
}

// predictable makes a line with an exemplar the same in every run. The SDK keeps
// a random one of several exemplars, so those stay only where the story makes
// one observation; the order of their labels is random too.
func predictable(line string) string {
	part := exemplars.FindStringSubmatch(line)
	if !strings.HasPrefix(line, nameReconnectDuration) && !strings.HasPrefix(line, nameOutageDuration) {
		return part[1]
	}
	ids := strings.Split(part[2], ",")
	slices.Sort(ids)
	return part[1] + " # {" + strings.Join(ids, ",") + "} " + part[3]
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	wanted := strings.Split(string(want), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(wanted) || line != wanted[i] {
			t.Fatalf("%s: line %d is %q; run with -update and look at the difference\n%s", path, i+1, line, got)
		}
	}
	t.Fatalf("%s: lines are missing\n%s", path, got)
}

func TestExpositionAtStart(t *testing.T) {
	tel, _ := newTelemetry(t, false)
	newDevice(tel)
	golden(t, "start.prom", ours(scrape(t, tel, acceptClassic)))
}

func TestExpositionOfAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, _ := newTelemetry(t, true)
		rebootStory(newDevice(tel))
		golden(t, "reboot.prom", ours(scrape(t, tel, acceptClassic)))
		golden(t, "reboot.openmetrics", ours(scrape(t, tel, acceptOpenMetrics)))
	})
}

func TestExpositionDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, _ := newTelemetry(t, false)
		d := newDevice(tel)
		rebootStory(d)
		d.lose("eof", 0)
		d.fail("refused", 0, 0)
		d.fail("auth", 0, 16e9)
		golden(t, "down.prom", ours(scrape(t, tel, acceptClassic)))
	})
}
