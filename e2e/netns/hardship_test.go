//go:build linux

package netns

import "time"

// hardship is a way on which no connection may be lost.
type hardship struct {
	name          string
	toFar, toNear conditions
	held          time.Duration // nothing arrives for that long at its start
}

const (
	hardTime   = 20 * time.Second
	idleProbes = 2                // answered, before the first command
	answered   = 10 * time.Second // a command, at most
)

var (
	slow    = conditions{delay: 200 * time.Millisecond, loss: 0.01}
	slowest = conditions{delay: 1200 * time.Millisecond}
	lossy   = conditions{loss: 0.05}
	mixed   = conditions{late: 0.25, lateness: 50 * time.Millisecond, twice: 0.05}
)

var hardships = []hardship{
	{name: "200 ms each way and 1 % of the packets lost", toFar: slow, toNear: slow},
	{name: "1.2 s each way", toFar: slowest, toNear: slowest},
	{name: "5 % of the packets lost each way", toFar: lossy, toNear: lossy},
	{name: "10 % of the packets lost on the way to the service", toNear: conditions{loss: 0.1}},
	{name: "10 % of the packets lost on the way to the device", toFar: conditions{loss: 0.1}},
	{name: "a quarter of the packets 50 ms late, a twentieth twice", toFar: mixed, toNear: mixed},
	{name: "nothing arrives for 3 s", held: 3 * time.Second},
}

// endure has the hardship on an idle connection first, then under commands,
// one after the other.
func (w *world) endure(h hardship) hardRow {
	w.t.Helper()
	begin := time.Now()
	if h.held > 0 {
		h.toFar.heldUntil, h.toNear.heldUntil = begin.Add(h.held), begin.Add(h.held)
		w.s.exec(":put ok")
	}
	w.tunnel.toFar.set(h.toFar)
	w.tunnel.toNear.set(h.toNear)
	if h.held == 0 {
		w.s.await("probe", len(w.s.all("probe"))+idleProbes)
		w.s.exec(":put ok")
	}
	r := hardRow{hardship: h}
	for sent := time.Now(); ; sent = time.Now() {
		r.commands++
		answer := w.s.await("answer", r.commands)
		if answer.Kind != "" {
			w.t.Errorf("command %d failed: %s", r.commands, answer.Text)
		}
		r.slowest = max(r.slowest, answer.At.Sub(sent))
		if time.Since(begin) > hardTime {
			break
		}
		w.s.exec(":put ok")
	}
	if r.slowest > answered {
		w.t.Errorf("a command took %v, want %v at most", r.slowest, answered)
	}
	if lost := w.s.all("lost"); len(lost) != 0 {
		w.t.Errorf("lost for %q after %v: %s", lost[0].Reason, lost[0].At.Sub(begin), lost[0].Text)
	}
	w.wantOneAtATime()
	return r
}
