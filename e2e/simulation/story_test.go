package simulation

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// story is what happened in a seed, on its own clock.
type story struct {
	seed  uint64
	start time.Time
	most  int // lines that are kept at least half of

	mu    sync.Mutex
	lines []string
	log   tail
	cut   bool
}

// mostLines bounds the story of a seed that runs for days.
const mostLines = 20_000

func (s *story) tell(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) >= s.most {
		s.lines, s.cut = slices.Clone(s.lines[s.most/2:]), true
	}
	s.lines = append(s.lines, fmt.Sprintf("%14v  ", time.Since(s.start))+fmt.Sprintf(format, args...))
}

// Write is the log's.
func (s *story) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

func (s *story) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "the story of seed %d:\n", s.seed)
	if s.cut {
		b.WriteString("(its beginning is left out)\n")
	}
	for _, line := range s.lines {
		b.WriteString(line + "\n")
	}
	b.WriteString("the end of the log:\n")
	b.Write(s.log.data)
	return b.String()
}

// tail keeps the end of what is written.
type tail struct{ data []byte }

const tailSize = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if len(t.data) > 2*tailSize {
		t.data = append([]byte(nil), t.data[len(t.data)-tailSize:]...)
		if i := bytes.IndexByte(t.data, '\n'); i >= 0 {
			t.data = t.data[i+1:]
		}
	}
	return len(p), nil
}
