//go:build linux

package netns

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rds-csi/internal/conn"
)

// row is what was measured of a fault.
type row struct {
	fault    fault
	detected time.Duration
	reason   conn.Reason
	kinds    []conn.Kind
	cause    conn.Cause
	back     time.Duration
	atDevice int
}

// hardRow is what was measured of a hardship: no loss.
type hardRow struct {
	hardship hardship
	commands int
	slowest  time.Duration
}

// table collects the rows of what happens at once.
type table struct {
	mu    sync.Mutex
	rows  map[string]string // by the name of the fault or hardship
	worst map[string]worst
}

// worst is the longest time of all faults that have the same promise.
type worst struct {
	faults int
	time   time.Duration
}

func (t *table) add(r row) {
	t.compare("Found/", r.fault.detected, r.detected)
	t.compare("Back/", r.fault.recovery(), r.back)
	t.put(r.fault.name, seconds(r.detected), bound(r.fault.detected), "`"+string(r.reason)+"`", kindList(r.kinds),
		seconds(r.back), bound(r.fault.recovery()), "`"+string(r.cause)+"`", strconv.Itoa(r.atDevice))
}

func (t *table) addHardship(r hardRow) {
	t.put(r.hardship.name, strconv.Itoa(r.commands), seconds(r.slowest), bound(answered))
}

func (t *table) put(name string, cells ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows == nil {
		t.rows = map[string]string{}
	}
	t.rows[name] = "| " + name + " | " + strings.Join(cells, " | ") + " |\n"
}

func (t *table) compare(what string, promised, measured time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.worst == nil {
		t.worst = map[string]worst{}
	}
	promise := what + strings.ReplaceAll(bound(promised), " ", "")
	s := t.worst[promise]
	t.worst[promise] = worst{faults: s.faults + 1, time: max(s.time, measured)}
}

// benchmarks is what docs/performance.md has of it, as a benchmark prints it.
func (t *table) benchmarks() string {
	var b strings.Builder
	for _, promise := range slices.Sorted(maps.Keys(t.worst)) {
		s := t.worst[promise]
		fmt.Fprintf(&b, "Benchmark%s 1 %d faults %.2f slowest-s\n", promise, s.faults, s.time.Seconds())
	}
	return b.String()
}

// String is both tables, in the order of the lists.
func (t *table) String() string {
	var b strings.Builder
	b.WriteString("| fault | found after | bound | reason | attempts failed with | connected again after | bound | cause | connections at the device |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	for _, f := range allFaults() {
		b.WriteString(t.rows[f.name])
	}
	fmt.Fprintf(&b, "\n| no loss in %s | commands answered | slowest | bound |\n|---|---|---|---|\n", bound(hardTime))
	for _, h := range hardships {
		b.WriteString(t.rows[h.name])
	}
	return b.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func bound(d time.Duration) string {
	if d == atOnce {
		return "at once"
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

func kindList(kinds []conn.Kind) string {
	if len(kinds) == 0 {
		return "none"
	}
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = "`" + string(kind) + "`"
	}
	return strings.Join(names, ", ")
}
