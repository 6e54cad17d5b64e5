package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// deed is something that people and other programs do to a controller.
type deed struct {
	name   string
	weight int
	plan   func(r *rand.Rand) func(*world)
}

var deeds = []deed{
	{"Reconnect", 4, func(r *rand.Rand) func(*world) {
		limit, n := time.Duration(1+r.Int64N(int64(20*time.Second))), 1+r.IntN(3)
		return func(w *world) {
			w.withProcess(func(p *process) {
				for range n {
					p.calls.reconnect(p, limit)
				}
			})
		}
	}},
	{"a command", 4, func(r *rand.Rand) func(*world) {
		limit, delay, nonce := time.Duration(1+r.Int64N(int64(time.Minute))), r.IntN(40), r.Uint64()
		if r.IntN(2) == 0 {
			delay = 0
		}
		return func(w *world) {
			command := fmt.Sprintf(":put %d", nonce)
			if delay > 0 {
				command = fmt.Sprintf(":delay %ds; %s", delay, command)
			}
			w.withProcess(func(p *process) { p.calls.exec(p, command, limit) })
		}
	}},
	{"a burst of commands", 1, func(r *rand.Rand) func(*world) {
		limit, n, nonce := time.Duration(1+r.Int64N(int64(time.Minute))), 5+r.IntN(30), r.Uint64N(1<<60)
		return func(w *world) {
			w.withProcess(func(p *process) {
				for i := range n {
					p.calls.exec(p, fmt.Sprintf(":put %d", nonce+uint64(i)), limit)
				}
			})
		}
	}},
	{"restart", 1, func(r *rand.Rand) func(*world) {
		away, reconnectFirst := time.Duration(r.Int64N(int64(20*time.Second))), r.IntN(4) == 0
		return func(w *world) {
			if w.profile.guarded {
				return // a budget is kept in memory: a restart forgets what was dialled
			}
			w.stop()
			time.Sleep(away)
			w.start(reconnectFirst)
		}
	}},
}

// withProcess does something where a controller runs.
func (w *world) withProcess(do func(*process)) {
	if p := w.process.Load(); p != nil {
		do(p)
	}
}

// pick chooses a deed by its weight.
func pick(r *rand.Rand) deed {
	all := 0
	for _, d := range deeds {
		all += d.weight
	}
	n := r.IntN(all)
	for _, d := range deeds {
		if n -= d.weight; n < 0 {
			return d
		}
	}
	panic("unreachable")
}
