// Package simulation lives through hours of faults, in an order that a seed
// decides, with the real connection manager, SSH client, telemetry and CSI
// services before an emulated device. See docs/simulation.md.
package simulation

import (
	"flag"
	"runtime/debug"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var (
	oneSeed   = flag.Uint64("simulation.seed", 0, "run this seed alone and print its story; 0: several")
	firstSeed = flag.Uint64("simulation.first", 1, "the first of several seeds; 0: taken from the clock")
	seeds     = flag.Int("simulation.seeds", 8, "how many seeds to run")
	hours     = flag.Float64("simulation.hours", 1, "simulated hours of each seed")
	soak      = flag.Duration("simulation.soak", 0, "run fresh seeds for so long, in place of a number of them")
	stopAfter = flag.Int("simulation.failures", 3, "start no further seed after so many failed")
)

// TestMain fails the test binary when a goroutine is left behind.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // the heap is small, and speed is what hours cost
	goleak.VerifyTestMain(m)
}

// simulated is how long a seed lives.
func simulated() time.Duration { return time.Duration(*hours * float64(time.Hour)) }
