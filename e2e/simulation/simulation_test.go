package simulation

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestSimulation runs seeds, as many at once as go test allows. Each is a
// bubble with a clock of its own.
func TestSimulation(t *testing.T) {
	r := runner{live: live}
	begin := time.Now()
	first := *firstSeed
	if first == 0 || *soak > 0 && first == 1 {
		first = uint64(begin.UnixNano())
	}
	switch {
	case *oneSeed != 0:
		r.run(t, *oneSeed, 1)
	case *soak > 0:
		r.soak(t, first, *soak)
	default:
		r.run(t, first, seedsToRun())
	}
	days := r.days()
	took := time.Since(begin)
	fmt.Printf("simulation: %d seeds, %d failed, %.1f simulated days in %v, %.2f s for a day\n",
		r.ran.Load(), r.failed.Load(), days, took.Round(time.Second), took.Seconds()/max(days, 1e-9))
}

// seedsToRun is how many seeds there are; few of them tell enough of a change
// that -short is for.
func seedsToRun() int {
	if testing.Short() {
		return min(*seeds, 2)
	}
	return *seeds
}

// runner lives through seeds, and counts them.
type runner struct {
	live        func(t *testing.T, seed uint64)
	ran, failed atomic.Int64
}

// run lives through seeds one after the other from the first, and returns when
// all have ended. Once enough have failed it skips the rest.
func (r *runner) run(t *testing.T, first uint64, seeds int) {
	t.Run("seeds", func(t *testing.T) {
		for i := range uint64(seeds) {
			t.Run(fmt.Sprintf("seed=%d", first+i), func(t *testing.T) {
				t.Parallel()
				if r.failed.Load() >= int64(*stopAfter) {
					t.Skip("enough seeds failed")
				}
				t.Cleanup(func() { // a bubble that failed does not return
					r.ran.Add(1)
					if t.Failed() {
						r.failed.Add(1)
					}
				})
				r.live(t, first+i)
			})
		}
	})
}

// soak runs rounds of seeds until the time is over.
func (r *runner) soak(t *testing.T, first uint64, length time.Duration) {
	round := 10 * runtime.GOMAXPROCS(0)
	begin := time.Now()
	for time.Since(begin) < length && r.failed.Load() < int64(*stopAfter) {
		r.run(t, first, round)
		first += uint64(round)
		fmt.Printf("soak: %d seeds, %.1f simulated days, %d failed, after %v; next seed %d\n",
			r.ran.Load(), r.days(), r.failed.Load(), time.Since(begin).Round(time.Second), first)
	}
}

func (r *runner) days() float64 { return float64(r.ran.Load()) * *hours / 24 }

func TestSoakLivesThroughEachSeedOnce(t *testing.T) {
	var lived sync.Map
	r := runner{live: func(t *testing.T, seed uint64) {
		if _, before := lived.LoadOrStore(seed, true); before {
			t.Errorf("seed %d a second time", seed)
		}
	}}
	r.soak(t, 7, time.Millisecond)
	for i := range uint64(r.ran.Load()) {
		if _, ok := lived.Load(7 + i); !ok {
			t.Errorf("seed %d was left out", 7+i)
		}
	}
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
