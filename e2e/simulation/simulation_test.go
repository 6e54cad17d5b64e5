package simulation

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestSimulation runs seeds, as many at once as go test allows. Each is a
// bubble with a clock of its own.
func TestSimulation(t *testing.T) {
	var failed, ran atomic.Int64
	begin := time.Now()
	run := func(t *testing.T, seed uint64) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			if failed.Load() >= int64(*stopAfter) {
				t.Skip("enough seeds failed")
			}
			count(t, &ran, &failed)
			live(t, seed)
		})
	}
	t.Run("seeds", func(t *testing.T) {
		switch {
		case *oneSeed != 0:
			run(t, *oneSeed)
		case *soak == 0:
			first := *firstSeed
			if first == 0 {
				first = uint64(begin.UnixNano())
			}
			for i := range seedsToRun() {
				run(t, first+uint64(i))
			}
		}
	})
	if *soak > 0 {
		soakFor(t, *soak, &ran, &failed)
	}
	days := float64(ran.Load()) * *hours / 24
	took := time.Since(begin)
	fmt.Printf("simulation: %d seeds, %d failed, %.1f simulated days in %v, %.2f s for a day\n",
		ran.Load(), failed.Load(), days, took.Round(time.Second), took.Seconds()/max(days, 1e-9))
}

// seedsToRun is how many seeds there are; few of them tell enough of a change
// that -short is for.
func seedsToRun() int {
	if testing.Short() {
		return min(*seeds, 2)
	}
	return *seeds
}

// soakFor runs rounds of fresh seeds until the time is over.
func soakFor(t *testing.T, length time.Duration, ran, failed *atomic.Int64) {
	begin := time.Now()
	seed := uint64(begin.UnixNano())
	if *firstSeed > 1 {
		seed = *firstSeed
	}
	for round := 0; time.Since(begin) < length && failed.Load() < int64(*stopAfter); round++ {
		t.Run(fmt.Sprintf("round=%d", round), func(t *testing.T) {
			for range 10 * runtime.GOMAXPROCS(0) {
				seed++
				t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
					t.Parallel()
					count(t, ran, failed)
					live(t, seed)
				})
			}
		})
		fmt.Printf("soak: %d seeds, %.1f simulated days, %d failed, after %v; next seed %d\n",
			ran.Load(), float64(ran.Load())**hours/24, failed.Load(), time.Since(begin).Round(time.Second), seed+1)
	}
}

// count counts the seed when it has ended.
func count(t *testing.T, ran, failed *atomic.Int64) {
	t.Cleanup(func() {
		ran.Add(1)
		if t.Failed() {
			failed.Add(1)
		}
	})
}

// live lives through one seed.
func live(t *testing.T, seed uint64) {
	s := watch.begin(seed)
	defer watch.end(s)
	defer func() { // a bubble that failed does not return
		if t.Failed() || *oneSeed != 0 {
			t.Log(s.String())
		}
		if t.Failed() {
			t.Logf("replay: go test ./e2e/simulation -run TestSimulation -simulation.seed=%d -simulation.hours=%g -v", seed, *hours)
		}
	}()
	synctest.Test(t, func(t *testing.T) { newWorld(t, seed, s).liveFor(simulated(), func() {}) })
}

// TestMemoryStaysFlat lives through a day and more. What grows is the memory of
// the emulator and of the story, both bounded.
func TestMemoryStaysFlat(t *testing.T) {
	if *hours < 6 || *oneSeed != 0 {
		t.Skip("a test for long simulations: -simulation.hours=6")
	}
	s := watch.begin(*firstSeed)
	defer watch.end(s)
	s.most = 1000
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, s.seed, s)
		const from, length, growth = 6 * time.Hour, 36 * time.Hour, 8 << 20
		var early uint64
		w.liveFor(length, func() {
			if w.now() < from {
				return
			}
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if early == 0 {
				early = m.HeapAlloc
			}
			if m.HeapAlloc > early+growth {
				w.violate("nothing grows", "the heap grew from %d to %d KiB", early>>10, m.HeapAlloc>>10)
			}
			if w.now() > length {
				t.Logf("heap: %d KiB after %v, %d KiB after %v", early>>10, from, m.HeapAlloc>>10, length)
			}
		})
	})
}

// bubbleStart is when every bubble's clock starts.
var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
