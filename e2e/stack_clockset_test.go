//go:build linux && !race

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/connectivity"
	grpcstatus "google.golang.org/grpc/status"
)

const day = 24 * time.Hour

// TestASetClockIsNoticedByNobody sets the clock by hours and days, to and fro,
// whatever is going on. One controller is left alone meanwhile: gRPC, if it pinged
// its clients, would end their connections 80 s after they were made.
func TestASetClockIsNoticedByNobody(t *testing.T) {
	realTime(t)
	idle := startClocked(t)
	idle.worksOverCSI()
	for _, wrong := range []time.Duration{3 * time.Hour, 3 * day, -2 * time.Hour, -3 * day} {
		idle.set(wrong)
		idle.isOneConnection()
		idle.worksOverCSI()
		idle.tellsTheTruth()
	}
	t.Run("a call", callIsNotCutShort)
	t.Run("the waits between attempts", attemptsKeepTheirTimes)
	t.Run("a handshake that hangs", attemptHasItsTime)
	t.Run("silence, forward", func(t *testing.T) { silenceIsFound(t, 3*day) })
	t.Run("silence, backward", func(t *testing.T) { silenceIsFound(t, -3*day) })
	idle.keepsItsSidecar(90 * time.Second)
	idle.isOneConnection()
	idle.worksOverCSI()
	idle.tellsTheTruth()
	idle.ends()
}

// keepsItsSidecar expects the connection of a sidecar to be there for so long, and
// never to have ended.
func (c *clocked) keepsItsSidecar(lasts time.Duration) {
	c.t.Helper()
	ctx, cancel := context.WithDeadline(c.t.Context(), c.began.Add(lasts))
	defer cancel()
	if c.sidecar.GetState() != connectivity.Ready || c.sidecar.WaitForStateChange(ctx, connectivity.Ready) {
		c.t.Errorf("after %v the connection of the sidecar is %s", time.Since(c.began), c.sidecar.GetState())
	}
}

// A call that waits for the RDS goes on waiting, and gets its answer.
func callIsNotCutShort(t *testing.T) {
	c := startClocked(t)
	c.rds.do("/faults/hold-exec?on=true")
	answered := make(chan error, 1)
	go func() {
		_, err := c.create(t.Context(), "meanwhile", 1<<30)
		answered <- err
	}()
	c.shows(10*time.Second, "a session in use", func(v shown) bool { return v.Sessions != nil && v.Sessions.InUse == 1 })
	for _, wrong := range []time.Duration{3 * day, -3 * day, time.Hour} {
		c.set(wrong)
		c.tellsTheTruth()
	}
	select {
	case err := <-answered:
		t.Errorf("the call ended before its answer: %v", err)
	default:
	}
	c.rds.do("/faults/none")
	if err := <-answered; err != nil {
		t.Error(err)
	}
	c.isOneConnection()
	c.ends()
}

// The waits between attempts are as long as ever.
func attemptsKeepTheirTimes(t *testing.T) {
	c := startClocked(t)
	c.rds.do("/faults/accept-then-close?on=true")
	began := time.Now()
	c.rds.do("/drop")
	// One before each attempt: the connection did not last for the first to be made
	// at once.
	waits := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}
	for i, wrong := range []time.Duration{2 * time.Hour, -2 * time.Hour, 3 * day, -3 * day, time.Hour} {
		if i > 0 {
			c.line("RDS connection attempt failed", fmt.Sprintf(`"attempt":%d,`, i))
		}
		c.set(wrong)
		c.tellsWhenToCallAgain(waits[i])
		c.tellsTheTruth()
	}
	c.rds.do("/faults/none")
	v := c.reconnects(20 * time.Second)
	if o := v.LastOutage; o.Attempts != 5 || o.Cause != "link" || o.Seconds < 31 || o.Seconds > 33 {
		t.Errorf("the outage on the page: %+v", o)
	}
	c.dialledAfter(began, waits...)
	for series, want := range map[string]string{`reconnect_total{status="failure"}`: "4", `reconnect_total{status="success"}`: "1",
		`disconnects_total{reason="eof"}`: "1", `outages_total{cause="link"}`: "1", `outage_duration_seconds_count`: "1"} {
		if got, err := c.sample(prefix + series); got != want {
			t.Errorf("%s is %s, want %s (%v)", series, got, want, err)
		}
	}
	c.worksOverCSI()
	c.tellsTheTruth()
	c.ends()
}

// dialledAfter compares the dials since the first connection was lost with the
// waits before them.
func (c *clocked) dialledAfter(lost time.Time, waits ...time.Duration) {
	c.t.Helper()
	dials := c.dials()
	if len(dials) != 1+len(waits) {
		c.t.Fatalf("there are dials at %v, want %d and one before", dials, len(waits))
	}
	dials[0] = lost
	for i, wait := range waits {
		// The device may notice one later than the next.
		if gap := dials[i+1].Sub(dials[i]); gap < wait-100*time.Millisecond || gap > wait+atOnce {
			c.t.Errorf("attempt %d came after %v, want %v", i+1, gap, wait)
		}
	}
}

// tellsWhenToCallAgain compares what a sidecar is told in the outage with the
// wait that has just begun.
func (c *clocked) tellsWhenToCallAgain(wait time.Duration) {
	c.t.Helper()
	_, err := c.controller.ListVolumes(c.t.Context(), &csi.ListVolumesRequest{})
	told := false
	for _, detail := range grpcstatus.Convert(err).Details() {
		switch d := detail.(type) {
		case *errdetails.RetryInfo:
			told = true
			if delay := d.GetRetryDelay().AsDuration(); delay < 0 || delay > wait || delay < wait-atOnce {
				c.t.Errorf("a call is told to come again in %v; the wait is %v", delay, wait)
			}
		case *errdetails.ErrorInfo:
			since, err := time.Parse(time.RFC3339, d.GetMetadata()["since"])
			if lies := c.now().Sub(since); err != nil || lies < -atOnce || lies > time.Since(c.began)+atOnce {
				c.t.Errorf("a call is told of an outage since %v, %v ago (%v)", since, lies, err)
			}
		}
	}
	if !told {
		c.t.Errorf("a call in the outage is not told when to come again: %v", err)
	}
}

// An attempt that hangs in its handshake has its ten seconds.
func attemptHasItsTime(t *testing.T) {
	c := startClocked(t)
	c.rds.do("/faults/hold-key-exchange?on=true")
	began := time.Now()
	c.rds.do("/drop")
	for i, wrong := range []time.Duration{3 * day, -3 * day} {
		c.shows(10*time.Second, "connecting", func(v shown) bool { return v.State == "connecting" })
		c.set(wrong)
		c.tellsTheTruth()
		c.line("RDS connection attempt failed", `"kind":"handshake"`, fmt.Sprintf(`"attempt":%d,`, i+1))
	}
	c.rds.do("/faults/none")
	c.reconnects(10 * time.Second)
	c.dialledAfter(began, time.Second, 12*time.Second, 14*time.Second) // of which 10 s are the attempt before
	c.tellsTheTruth()
	c.ends()
}

// A peer that falls silent is found in its ten seconds, not sooner and not later.
// To the process a machine that slept looks like this too: the wall clock went on
// without it, and the peer has forgotten the connection.
func silenceIsFound(t *testing.T, wrong time.Duration) {
	c := startClocked(t)
	c.rds.do("/black-hole-live")
	silent := time.Now()
	c.set(wrong)
	c.reconnects(20 * time.Second)
	if took := time.Since(silent); took < 4*time.Second || took > 10*time.Second+atOnce {
		t.Errorf("connected again %v after the silence began", took)
	}
	v, err := c.status()
	if err != nil || v.LastDisconnect == nil || v.LastDisconnect.Reason != "silence" {
		t.Errorf("the page shows %+v, %v", v, err)
	}
	c.tellsTheTruth()
	c.ends()
}
