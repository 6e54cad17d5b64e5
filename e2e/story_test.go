package e2e

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"rds-csi/internal/conn"
)

// fault is a story about one thing that goes wrong, and what everybody is to
// say of it.
type fault struct {
	name    string
	settle  func(*world, *settings) // before the world is made
	atStart bool                    // it is there before the service starts
	begin   func(*world)
	lasts   time.Duration
	end     func(*world)  // nil: it is over by itself
	mended  time.Duration // it is over so long after end

	silent  time.Duration       // how long the loss may go unnoticed; 0: the peer says so
	lost    map[conn.Reason]int // connections
	failed  map[conn.Kind]int   // attempts
	causes  map[conn.Cause]int  // of outages
	dials   int                 // the most there may be, from the fault on; 0: any number
	unready bool                // never connected while it lasts
	then    func(*world)        // more to look at, once connected again
}

// losing is the end of one connection.
func losing(reason conn.Reason) map[conn.Reason]int { return map[conn.Reason]int{reason: 1} }

// failing is n failures of one kind.
func failing(n int, kind conn.Kind) map[conn.Kind]int { return map[conn.Kind]int{kind: n} }

var (
	oneLink    = map[conn.Cause]int{conn.CauseLink: 1}
	oneReboot  = map[conn.Cause]int{conn.CauseReboot: 1}
	oneUnknown = map[conn.Cause]int{conn.CauseUnknown: 1}
)

// tell lives through the fault in a bubble. At every second of it the scrape is
// compared with the snapshot; before it, in its middle, after it and after Stop
// all sources are compared with one another.
func (f fault) tell(t *testing.T) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, f.settle)
		if !f.atStart {
			w.connect()
			w.pass(stable)
			w.check()
		}
		began, dials := time.Now(), len(w.rds.Stats().Dials)
		f.begin(w)
		if f.atStart {
			w.m.StartMonitor(t.Context())
		}
		w.pass(f.lasts / 2)
		w.check()
		w.pass(f.lasts - f.lasts/2)
		if f.end != nil {
			f.end(w)
		}
		w.wantBack(f.mended + recovery)
		if f.unready {
			w.wantNotReady(began, began.Add(f.lasts))
		}
		w.pass(stable)
		w.check()
		f.wantNoticed(w, began)
		f.wantCounts(w)
		if n := len(w.rds.Stats().Dials) - dials; f.dials > 0 && n > f.dials {
			t.Errorf("%d dials, want at most %d", n, f.dials)
		}
		if f.then != nil {
			f.then(w)
		}
		w.stop()
	})
}

// wantNoticed: the loss is in the log as soon as it could be known.
func (f fault) wantNoticed(w *world, began time.Time) {
	w.t.Helper()
	losses := said(w.lines(), msgLost)
	if len(losses) == 0 {
		return // whether there should be one is looked at elsewhere
	}
	if took := losses[0].Time.Sub(began); took > f.silent {
		w.t.Errorf("the loss was noticed after %v, want at most %v", took, f.silent)
	}
}

// wantCounts: the log counts what is expected. The other sources were found to
// agree with the log.
func (f fault) wantCounts(w *world) {
	w.t.Helper()
	lost, failed, causes := make(map[conn.Reason]int), make(map[conn.Kind]int), make(map[conn.Cause]int)
	for _, l := range w.lines() {
		switch {
		case l.Message == msgLost:
			lost[l.Reason]++
		case l.Kind != "":
			failed[l.Kind]++
		case l.Cause != "":
			causes[l.Cause]++
		}
	}
	if !maps.Equal(lost, f.lost) || !maps.Equal(failed, f.failed) || !maps.Equal(causes, f.causes) {
		w.t.Errorf("lost %v, want %v; failed %v, want %v; causes %v, want %v", lost, f.lost, failed, f.failed, causes, f.causes)
	}
}

// wantNotReady: no attempt succeeded meanwhile.
func (w *world) wantNotReady(from, to time.Time) {
	w.t.Helper()
	for _, l := range said(attemptLines(w.lines()), msgConnected, msgReconnected, msgOther) {
		if l.Time.After(from) && l.Time.Before(to) {
			w.t.Errorf("connected %v after the fault began", l.Time.Sub(from))
		}
	}
}

// stop ends the service, which must take no time, and be counted nowhere.
func (w *world) stop() {
	w.t.Helper()
	w.pass(0)
	before := w.scrape()
	events := len(w.page().Events)
	begin := time.Now()
	w.m.Stop()
	if took := time.Since(begin); took > time.Second {
		w.t.Errorf("Stop took %v", took)
	}
	w.pass(0)
	after := w.scrape()
	for key, value := range after {
		if isCounter(key) && value != before[key] {
			w.t.Errorf("shutdown changed %s from %v to %v", key, before[key], value)
		}
	}
	if n := len(w.page().Events); n != events {
		w.t.Errorf("shutdown made %d events on the page", n-events)
	}
	if open := w.rds.Stats().Open; open != 0 {
		w.t.Errorf("%d connections are open after Stop", open)
	}
	if n := len(said(w.lines(), msgStopped)); n != 1 && w.m.Snapshot().Attempts > 0 {
		w.t.Errorf("%d lines say that the manager stopped", n)
	}
	w.check()
	w.look()
	dials := len(w.rds.Stats().Dials)
	w.pass(stable)
	if len(w.rds.Stats().Dials) != dials {
		w.t.Error("dialled after Stop")
	}
}
