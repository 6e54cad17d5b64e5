//go:build linux

package netns

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"rds-csi/internal/conn"
)

// What is promised, without jitter and load of the machine.
const (
	atOnce  = 0
	silence = 10 * time.Second // an idle connection
	busy    = 7 * time.Second  // with a command under way
	probed  = 5 * time.Second  // when the fault answers the first thing that is sent
	// stable is how long a connection must last for the next loss to be a first
	// one, after which the first attempt is at once.
	stable = conn.DefaultMaxInterval + time.Second
	// recovery is from the end of a fault to the connection: the attempt in
	// flight and one wait. The connect comes on top.
	recovery = conn.DefaultConnectTimeout + conn.DefaultMaxInterval
	// Room for a loaded machine: exact times are proved on the fake clock.
	toNotice  = time.Second
	toConnect = 2 * time.Second
)

// fault is a fault that ends the connection, and what is promised about it.
type fault struct {
	name     string
	tunnel   bool           // on a network that is a tunnel, not a switch
	command  string         // under way when the fault begins
	begin    func(w *world) // the fault
	failures int            // failed attempts that it lasts for; 0: until it is found
	end      func(w *world) // nil: new connections work all the time
	detected time.Duration  // the bound
	reasons  []conn.Reason  // of the loss, any of them
	kinds    []conn.Kind    // of failed attempts, any of them
	cause    conn.Cause     // of the outage, CauseLink by default
}

// world is one network with a device and a service that is connected to it.
type world struct {
	*network
	h     *host
	s     *service
	began time.Time // the fault
}

func newWorld(t *testing.T, tunnelled bool, emulatorPath string) *world {
	t.Helper()
	w := &world{h: newHost(t, emulatorPath)}
	if tunnelled {
		w.network = newTunnelled(t)
	} else {
		w.network = newNetwork(t)
	}
	w.h.boot(w.far)
	w.s = startService(t, w.near, w.h)
	w.s.await("connected", 1)
	return w
}

func TestFaultsOfTheNetwork(t *testing.T) {
	needNetwork(t)
	emulatorPath := buildEmulator(t)
	var all table
	// One within the other: the outer ends when all that are parallel have.
	t.Run("faults", func(t *testing.T) {
		for _, f := range allFaults() {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				all.add(newWorld(t, f.tunnel, emulatorPath).suffer(f))
			})
		}
		for _, c := range hardships {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				all.addHardship(newWorld(t, true, emulatorPath).endure(c))
			})
		}
	})
	t.Log("\n" + all.String())
	fmt.Print(all.benchmarks())
	all.publish(t)
}

func allFaults() []fault {
	return slices.Concat(linkFaults, filterFaults, hostFaults, pathFaults)
}

// suffer has the fault and measures what became of the connection.
func (w *world) suffer(f fault) row {
	w.t.Helper()
	w.settle()
	if f.command != "" {
		w.s.exec(f.command)
		waitFor(w.t, "the command", func() bool { return w.h.name() == "changed" })
	}
	w.began = time.Now()
	f.begin(w)
	lost := w.s.await("lost", 1)
	end := lost.At
	if f.end != nil {
		w.s.await("failed", f.failures)
		end = time.Now()
		f.end(w)
	}
	back := w.s.await("connected", 2)
	r := row{fault: f, detected: max(0, lost.At.Sub(w.began)), reason: lost.Reason, kinds: kindsOf(w.s.all("failed")),
		cause: back.Cause, back: max(0, back.At.Sub(end)), atDevice: w.openAtTheDevice()}
	w.judge(r)
	return r
}

// settle waits until the connection has been stable, or the schedule would not
// begin anew, and then for the answer to a probe: no moment is worse for a
// fault to begin, the next probe is the furthest away.
func (w *world) settle() {
	w.t.Helper()
	connected := w.s.await("connected", 1).At
	waitFor(w.t, "a stable connection", func() bool { return time.Since(connected) > stable })
	w.s.await("probe", len(w.s.all("probe"))+1)
	waitFor(w.t, "the probe's last words and their acknowledgement", w.quietLine(200*time.Millisecond))
}

// judge compares what was measured with what is promised.
func (w *world) judge(r row) {
	w.t.Helper()
	if r.detected > r.fault.detected+toNotice {
		w.t.Errorf("found after %v, want %v at most", r.detected, r.fault.detected)
	}
	if !slices.Contains(r.fault.reasons, r.reason) {
		w.t.Errorf("lost for %q, want %q", r.reason, r.fault.reasons)
	}
	for _, kind := range r.kinds {
		if !slices.Contains(r.fault.kinds, kind) {
			w.t.Errorf("an attempt failed with %q, want %q", kind, r.fault.kinds)
		}
	}
	if r.back > r.fault.recovery()+toConnect {
		w.t.Errorf("connected %v after the fault, want %v at most", r.back, r.fault.recovery())
	}
	if want := r.fault.outageCause(); r.cause != want {
		w.t.Errorf("the outage's cause is %q, want %q", r.cause, want)
	}
	if r.atDevice < 1 || r.atDevice > 2 {
		w.t.Errorf("%d connections at the device, want the new one and at most one that it does not know to be dead", r.atDevice)
	}
	w.wantOneAtATime()
	if n := len(w.s.all("lost")); n != 1 {
		w.t.Errorf("%d losses, want 1", n)
	}
	for _, answer := range w.s.all("answer") {
		if answer.Kind != conn.KindClosed || answer.Outcome != conn.Unknown {
			w.t.Errorf("the command under way ended with %q, outcome %q: %s, want closed and unknown", answer.Kind, answer.Outcome, answer.Text)
		}
	}
	if n := len(w.s.all("answer")); r.fault.command != "" && n != 1 {
		w.t.Errorf("%d commands came back, want 1", n)
	}
}

// wantOneAtATime checks that no connection was open when another was dialled.
func (w *world) wantOneAtATime() {
	w.t.Helper()
	for _, dial := range w.s.all("dial") {
		if dial.Open != 0 {
			w.t.Errorf("%d connections were open at the dial at %v", dial.Open, dial.At)
		}
	}
}

// recovery is the bound from the end of the fault to the connection. Where new
// connections work it is from the loss on, and the first attempt is at once.
func (f fault) recovery() time.Duration {
	if f.end == nil {
		return atOnce
	}
	return recovery
}

func (f fault) outageCause() conn.Cause {
	if f.cause == "" {
		return conn.CauseLink
	}
	return f.cause
}

func kindsOf(failures []happening) (kinds []conn.Kind) {
	for _, failure := range failures {
		kinds = append(kinds, failure.Kind)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}
