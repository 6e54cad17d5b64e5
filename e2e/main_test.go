// Package e2e holds the tests of the service as a whole: its parts wired as the
// controller wires them, and the controller itself as a process.
package e2e

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain fails the test binary when a goroutine is left behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// until waits until the check has nothing to complain about.
func until(t testing.TB, within time.Duration, what string, check func() error) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited %v in vain for %s: %v", within, what, err)
		}
	}
}
