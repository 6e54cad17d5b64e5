//go:build linux && !race

package e2e

import (
	"fmt"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
)

const recordedTimes = 61

// recording is what scrapes saw of each series, in the words of Prometheus'
// own tests.
type recording struct {
	began  time.Time
	times  int
	values map[string][]string // by series; what is missing is empty
}

// TestAnOutageIsRecorded writes what tools/promcheck evaluates the panels over.
// It takes the five minutes that it records. Attempts have no jitter: each
// outage ends before the scrape that the tests there name.
func TestAnOutageIsRecorded(t *testing.T) {
	if !*update {
		t.Skip("-update records for five minutes")
	}
	realTime(t)
	file := repository(t, "tools", "promcheck", "testdata", "outage.txt")
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := startService(t, device{}, "", "--embedded-rds-outages=every=80s,down=20s,kind=reboot", "--rds-backoff-jitter=0")
	s.shows(time.Minute, "the connection", connected)
	<-time.After(2 * time.Second) // no outage begins or ends at a scrape
	r := s.record()
	header := regexp.MustCompile(`\A(#.*\n)*`).Find(old)
	writeFile(t, file, append(header, r.String()...))
}

// record scrapes the service every 5 s, and creates volumes meanwhile.
func (s *service) record() *recording {
	r := &recording{began: time.Now(), values: make(map[string][]string)}
	scrape, create := time.NewTicker(5*time.Second), time.NewTicker(4*time.Second)
	defer scrape.Stop()
	defer create.Stop()
	for r.add(s); r.times < recordedTimes; {
		select {
		case <-scrape.C:
			r.add(s)
		case at := <-create.C:
			_, _ = s.controller.GetCapacity(s.t.Context(), &csi.GetCapacityRequest{}) // refused in an outage
			_, _ = s.create(s.t.Context(), fmt.Sprintf("pvc-%d", at.Unix()), 1<<30)
		}
	}
	return r
}

// recorded are the series that dashboards and rules read.
var recorded = regexp.MustCompile(`^(rds_csi_|csi_plugin_|go_goroutines|process_(cpu|max|open|resident|start))`)

// add takes the next sample of each series.
func (r *recording) add(s *service) {
	body, err := fetch("GET", s.page+"metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	address := regexp.MustCompile(`address="[^"]*"`)
	for line := range strings.Lines("up 1\n" + body) {
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || !recorded.MatchString(line) && !strings.HasPrefix(line, "up ") {
			continue
		}
		name, labels, _ := strings.Cut(strings.TrimSuffix(line[:at], "}"), "{")
		if labels != "" {
			labels = "," + address.ReplaceAllString(labels, `address="192.0.2.10:22"`)
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
		if err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		if strings.HasSuffix(name, "timestamp_seconds") || name == "process_start_time_seconds" {
			value -= float64(r.began.UnixMicro()) / 1e6
		}
		series := name + "{@" + labels + "}"
		if r.values[series] == nil {
			r.values[series] = make([]string, recordedTimes)
		}
		r.values[series][r.times] = strconv.FormatFloat(math.Round(value*1000)/1000, 'f', -1, 64)
	}
	r.times++
}

func (r *recording) String() string {
	var text strings.Builder
	text.WriteString("load 5s\n")
	for _, series := range slices.Sorted(maps.Keys(r.values)) {
		text.WriteString("  " + series)
		for values := r.values[series]; len(values) > 0; {
			n := 1
			for n < len(values) && values[n] == values[0] {
				n++
			}
			text.WriteString(" " + run(values[0], n, len(values) < recordedTimes))
			values = values[n:]
		}
		text.WriteString("\n")
	}
	return text.String()
}

// run writes a value that was seen n times in a row: a, or axN with N more; a
// series that is missing is _ or _xN, after a marker where it was there before.
func run(value string, n int, before bool) string {
	switch {
	case value == "" && before && n > 1:
		return "stale " + run("", n-1, false)
	case value == "" && before:
		return "stale"
	case value == "" && n > 1:
		return fmt.Sprintf("_x%d", n)
	case value == "":
		return "_"
	case n > 1:
		return fmt.Sprintf("%sx%d", value, n-1)
	}
	return value
}
