package emulator

import (
	"slices"
	"time"
)

// Dial is one attempt to connect that the device, or the network before it, has seen.
type Dial struct {
	At     time.Time
	Source string // address without port
}

// Stats is what the server has seen since it was made.
type Stats struct {
	Dials []Dial // every attempt, refused and dropped ones included; over TCP, those that were accepted

	// Open is how many connections clients hold now, MaxOpen the most there were at once. A connection counts until the
	// client closes its end, even if the device has closed its own; over TCP, until either end is seen closed.
	Open, MaxOpen int

	Handshakes    int // key exchanges completed
	Logins        int
	LoginFailures int
	Opens         int // session opens received
	Sessions      int // session channels open now
	MaxSessions   int // the most there were at once
	Commands      []string
	Banned        int       // dials dropped, or refused, by the brute-force rules
	BannedUntil   time.Time // end of the last ban
	Reboots       int
}

// Stats returns a copy of the counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Dials = slices.Clone(st.Dials)
	st.Commands = slices.Clone(st.Commands)
	return st
}

// keep is how many dials and commands are remembered; the oldest go first.
const keep = 10_000

func (s *Server) count(f func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.countLocked(f)
}

func (s *Server) countLocked(f func(*Stats)) {
	f(&s.stats)
	if n := len(s.stats.Dials) - keep; n > 0 {
		s.stats.Dials = slices.Delete(s.stats.Dials, 0, n)
	}
	if n := len(s.stats.Commands) - keep; n > 0 {
		s.stats.Commands = slices.Delete(s.stats.Commands, 0, n)
	}
}

func (s *Server) countDialLocked(source string) {
	s.countLocked(func(st *Stats) { st.Dials = append(st.Dials, Dial{time.Now(), source}) })
}

func (s *Server) clientArrived() {
	s.count(func(st *Stats) { st.Open++; st.MaxOpen = max(st.MaxOpen, st.Open) })
}

func (s *Server) clientLeft() { s.count(func(st *Stats) { st.Open-- }) }
