package driver

import "sync"

// locks keep two calls from working on one volume at a time. They are no truth
// about the volume: another controller may work on it, and the device decides.
type locks struct {
	mu   sync.Mutex // guards held
	held map[string]struct{}
}

func newLocks() *locks { return &locks{held: make(map[string]struct{})} }

// try takes the lock of a volume, or reports that somebody has it.
func (l *locks) try(id string) (release func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, taken := l.held[id]; taken {
		return nil, false
	}
	l.held[id] = struct{}{}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.held, id)
	}, true
}
