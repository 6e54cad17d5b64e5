package simulation

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

// stuckAfter is how much real time a seed may take; an hour takes half a
// second.
const stuckAfter = 10 * time.Minute

// watchman ends the test binary when a seed is stuck. A bubble in which
// something blocks on a lock, say, comes to no end and would say nothing.
type watchman struct {
	mu   sync.Mutex
	open map[*story]*time.Timer
}

var watch = &watchman{open: make(map[*story]*time.Timer)}

// begin returns the story of a seed that begins now.
func (m *watchman) begin(seed uint64) *story {
	s := &story{seed: seed, start: bubbleStart, most: mostLines}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open[s] = time.AfterFunc(stuckAfter, func() {
		buffer := make([]byte, 4<<20)
		fmt.Fprintf(os.Stderr, "%s\nseed %d is stuck:\n%s\n", s, s.seed, buffer[:runtime.Stack(buffer, true)])
		os.Exit(1)
	})
	return s
}

func (m *watchman) end(s *story) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open[s].Stop()
	delete(m.open, s)
}
