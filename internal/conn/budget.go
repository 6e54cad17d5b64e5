package conn

import (
	"sync"
	"time"
)

// dialBudget counts TCP dials, whatever becomes of them: brute-force rules of
// firewalls count new connections, successful logins included. A steady pace
// is no remedy, since every connection renews the lists that such rules keep;
// only a gap without any dial is. Safe for concurrent use.
type dialBudget struct {
	burst int // 0: no bound
	gap   time.Duration

	mu    sync.Mutex
	count int       // dials in the current burst
	last  time.Time // newest dial
}

// wait is how long no further dial may be made, 0 for now.
func (b *dialBudget) wait(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waitLocked(now)
}

func (b *dialBudget) waitLocked(now time.Time) time.Duration {
	if b.burst == 0 || b.count < b.burst {
		return 0
	}
	return max(0, b.gap-now.Sub(b.last))
}

// take counts a dial and reports whether it may be made.
func (b *dialBudget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waitLocked(now) > 0 {
		return false
	}
	if now.Sub(b.last) >= b.gap {
		b.count = 0
	}
	b.count++
	b.last = now
	return true
}
