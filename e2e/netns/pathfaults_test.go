//go:build linux

package netns

import (
	"strings"
	"time"

	"rds-csi/internal/conn"
)

// pathFaults are those of the way between: the kernels at its ends see none
// of them.
var pathFaults = []fault{
	{
		name:     "way to the device loses everything",
		tunnel:   true,
		begin:    func(w *world) { w.tunnel.toFar.set(conditions{loss: 1}) },
		failures: 2,
		end:      clearPath,
		detected: silence, reasons: unheard, kinds: []conn.Kind{conn.KindTimeout},
	},
	{
		name:     "way to the service loses everything",
		tunnel:   true,
		begin:    func(w *world) { w.tunnel.toNear.set(conditions{loss: 1}) },
		failures: 2,
		end:      clearPath,
		detected: silence, reasons: unheard, kinds: []conn.Kind{conn.KindTimeout},
	},
	{
		name:   "way to the service swallows packets over 600 bytes",
		tunnel: true,
		// Nothing is lost until an answer is larger, and then everything that
		// follows it; the key exchange of an attempt is large as well.
		begin: func(w *world) {
			w.tunnel.toNear.set(conditions{largest: 600})
			w.s.exec(`:put "` + strings.Repeat("0123456789", 400) + `"`)
		},
		failures: 2,
		end:      clearPath,
		detected: busy, reasons: unheard, kinds: []conn.Kind{conn.KindHandshake},
	},
}

func clearPath(w *world) { w.tunnel.set(conditions{}) }

// hardship is a way on which no connection may be lost.
type hardship struct {
	name string
	c    conditions
	held time.Duration // at the start nothing arrives for that long
	each time.Duration // a command must be answered within it
}

const hardTime = 20 * time.Second

var hardships = []hardship{
	{name: "200 ms each way and 1 % of the packets lost", c: conditions{delay: 200 * time.Millisecond, loss: 0.01}, each: 5 * time.Second},
	{name: "1.2 s each way", c: conditions{delay: 1200 * time.Millisecond}, each: 10 * time.Second},
	{name: "5 % of the packets lost", c: conditions{loss: 0.05}, each: 5 * time.Second},
	{name: "a quarter of the packets late by 50 ms, a twentieth twice", c: conditions{late: 0.25, lateness: 50 * time.Millisecond, twice: 0.05}, each: 5 * time.Second},
	{name: "nothing for 3 s", held: 3 * time.Second, each: 5 * time.Second},
}

// endure has the hardship on an idle connection first, then under commands.
func (w *world) endure(c hardship) {
	w.t.Helper()
	if c.held > 0 {
		c.c.heldUntil = time.Now().Add(c.held)
	}
	w.tunnel.set(c.c)
	begin := time.Now()
	time.Sleep(hardTime / 2) // there is nothing to wait for: nothing may happen
	for n := 1; time.Since(begin) < hardTime; n++ {
		sent := time.Now()
		w.s.exec(":put ok")
		answer := w.s.await("answer", n)
		if answer.Kind != "" {
			w.t.Errorf("command %d failed: %s", n, answer.Text)
		}
		if took := answer.At.Sub(sent); took > c.each {
			w.t.Errorf("command %d took %v, want %v at most", n, took, c.each)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if lost := w.s.all("lost"); len(lost) != 0 {
		w.t.Errorf("lost for %q after %v: %s", lost[0].Reason, lost[0].At.Sub(begin), lost[0].Text)
	}
	w.wantOneAtATime()
}
