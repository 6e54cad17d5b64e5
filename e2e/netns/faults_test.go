//go:build linux

package netns

import (
	"slices"
	"testing"
	"time"

	"rds-csi/internal/conn"
)

// Bounds on the real clock, with room for a loaded machine; exact times are
// proved on the fake clock.
const (
	silence = 10*time.Second + margin
	margin  = time.Second
	// recovery is the longest time from the end of a fault to the connection:
	// the attempt in flight, one wait and one connect.
	recovery = conn.DefaultConnectTimeout + conn.DefaultMaxInterval + margin
)

// world is one network with a device and a service that is connected to it.
type world struct {
	*network
	h *host
	s *service
}

// fault is one fault of the network and what is promised about it.
type fault struct {
	name     string
	begin    func(w *world)
	end      func(w *world)
	detected time.Duration // the bound
	reasons  []conn.Reason // any of them
}

var faults = []fault{
	{
		name:     "link of the service down",
		begin:    func(w *world) { w.ip(w.near, "link set eth0 down") },
		end:      func(w *world) { w.ip(w.near, "link set eth0 up") },
		detected: silence, reasons: []conn.Reason{conn.ReasonSilence},
	},
	{
		name:     "link of the device down",
		begin:    func(w *world) { w.ip(w.far, "link set eth0 down") },
		end:      func(w *world) { w.ip(w.far, "link set eth0 up") },
		detected: silence, reasons: []conn.Reason{conn.ReasonSilence},
	},
}

func TestFaultsOfTheNetwork(t *testing.T) {
	needNetwork(t)
	emulatorPath := buildEmulator(t)
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			w := &world{network: newNetwork(t), h: newHost(t, emulatorPath)}
			w.h.boot(w.far)
			w.s = startService(t, w.near, w.h)
			w.s.await("connected", 1)
			w.suffer(f)
		})
	}
}

// suffer has the fault for as long as two attempts fail.
func (w *world) suffer(f fault) {
	w.t.Helper()
	begin := time.Now()
	f.begin(w)
	lost := w.s.await("lost", 1)
	w.s.await("failed", 2)
	end := time.Now()
	f.end(w)
	back := w.s.await("connected", 2)
	if took := lost.At.Sub(begin); took > f.detected {
		w.t.Errorf("detected after %v, want %v at most", took, f.detected)
	}
	if !slices.Contains(f.reasons, lost.Reason) {
		w.t.Errorf("lost for %q, want %q", lost.Reason, f.reasons)
	}
	if took := back.At.Sub(end); took > recovery {
		w.t.Errorf("connected %v after the fault, want %v at most", took, recovery)
	}
}
