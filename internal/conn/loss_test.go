package conn

import (
	"slices"
	"testing"
	"time"
)

// Promise 1: a loss is an event, not a poll.

func TestLossIsKnownBeforeAnyTimePasses(t *testing.T) {
	tests := []struct {
		name   string
		drop   func(*world)
		reason Reason
	}{
		{"FIN", func(w *world) { w.rds.DropAll() }, ReasonEOF},
		{"RST", func(w *world) { w.rds.ResetAll() }, ReasonReset},
		{"SSH disconnect", func(w *world) { w.rds.DisconnectAll() }, ReasonDisconnect},
		{"reboot", func(w *world) { w.rds.Reboot(30 * time.Second) }, ReasonEOF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, nil, func(w *world) {
				w.connect()
				w.pass(time.Minute)
				w.rds.SetRefuse(true)
				tt.drop(w)
				w.pass(0)
				w.wantConnected(false)
				s := w.m.Snapshot()
				if s.Reason != tt.reason {
					w.t.Errorf("reason %q, want %q", s.Reason, tt.reason)
				}
				if took := s.DisconnectedAt.Sub(w.start); took != time.Minute {
					w.t.Errorf("the loss was noted at %v, want 1m0s", took)
				}
				if w.client.IsConnected() {
					w.t.Error("the client thinks that it is connected")
				}
			})
		})
	}
}

func TestClientThatCannotSignalIsPolled(t *testing.T) {
	client := newMockClient()
	inBubble(t, func(s *settings) { s.manager.Client = client }, func(w *world) {
		w.connect()
		w.pass(7 * time.Second)
		client.SetConnected(false)
		client.SetReachable(false)
		w.pass(2 * time.Second)
		w.wantConnected(true)
		w.pass(time.Second)
		w.wantConnected(false)
	})
}

func TestReconnectsAtOnceAfterALossOnAStableConnection(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.pass(time.Minute)
		w.rds.DropAll()
		w.pass(0)
		w.wantConnected(true)
		if got, want := w.dials(), []time.Duration{0, time.Minute}; !slices.Equal(got, want) {
			w.t.Errorf("dials at %v, want %v", got, want)
		}
		if s := w.m.Snapshot(); s.Generation != 2 || s.Attempts != 2 {
			w.t.Errorf("generation %d and %d attempts, want 2 and 2", s.Generation, s.Attempts)
		}
	})
}
