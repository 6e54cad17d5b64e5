//go:build linux

package netns

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
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

// table collects the rows of faults that are had at once.
type table struct {
	mu   sync.Mutex
	rows []row
}

func (t *table) add(r row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, r)
}

func (t *table) publish(tt *testing.T) {
	tt.Log("\n" + t.String())
}

// String is the table in the order of the list of faults.
func (t *table) String() string {
	var b strings.Builder
	b.WriteString("| fault | found after | bound | reason | attempts failed with | connected again after | bound | cause | connections at the device |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	for _, f := range allFaults() {
		i := slices.IndexFunc(t.rows, func(r row) bool { return r.fault.name == f.name })
		if i < 0 {
			continue
		}
		r := t.rows[i]
		fmt.Fprintf(&b, "| %s | %s | %s | `%s` | %s | %s | %s | `%s` | %d |\n", f.name, seconds(r.detected), bound(f.detected), r.reason,
			kindList(r.kinds), seconds(r.back), bound(f.recovery()), r.cause, r.atDevice)
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
