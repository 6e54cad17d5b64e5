package conn

import (
	"context"
	"strings"
	"testing"
	"time"
)

// Promise 8: OnReconnect.

func TestOnReconnectRunsAfterALossAndAfterAFailedStart(t *testing.T) {
	calls := 0
	count := func(s *settings) { s.manager.OnReconnect = func(context.Context) { calls++ } }
	inBubble(t, count, func(w *world) {
		w.connect()
		if calls != 0 {
			w.t.Error("called for the first connection, though nothing had failed")
		}
		for i := range 3 {
			w.pass(time.Minute)
			w.rds.DropAll()
			w.pass(0)
			if calls != i+1 {
				w.t.Errorf("called %d times after %d reconnections", calls, i+1)
			}
		}
	})
	calls = 0
	inBubble(t, count, func(w *world) {
		w.rds.SetRefuse(true)
		w.m.StartMonitor(w.t.Context())
		w.pass(5 * time.Second)
		w.rds.SetRefuse(false)
		w.wantBack(4 * time.Second)
		w.pass(0)
		if calls != 1 {
			w.t.Errorf("called %d times after a failed start, want 1", calls)
		}
	})
}

func TestOnReconnectGetsTheAttemptsContextUntilTheNextLoss(t *testing.T) {
	var got context.Context
	inBubble(t, func(s *settings) { s.manager.OnReconnect = func(ctx context.Context) { got = ctx } }, func(w *world) {
		w.connect()
		w.pass(time.Minute)
		w.rds.DropAll()
		w.pass(time.Minute)
		if got.Value(attemptKey{}) != uint64(2) {
			w.t.Errorf("the context carries attempt %v, want 2", got.Value(attemptKey{}))
		}
		if got.Err() != nil {
			w.t.Errorf("the context ended on a good connection: %v", got.Err())
		}
		w.rds.SetRefuse(true)
		w.rds.DropAll()
		w.pass(0)
		if got.Err() == nil {
			w.t.Error("the context outlived the connection")
		}
	})
}

func TestOneCallbackAtATimeAndTheNewestIsKept(t *testing.T) {
	running, most := 0, 0
	var seen []any
	release := make(chan struct{})
	inBubble(t, func(s *settings) {
		s.manager.OnReconnect = func(ctx context.Context) {
			running++
			most = max(most, running)
			seen = append(seen, ctx.Value(attemptKey{}))
			<-release
			running--
		}
	}, func(w *world) {
		release = make(chan struct{}) // of the bubble
		w.connect()
		for range 5 {
			w.pass(time.Minute)
			w.rds.DropAll()
		}
		w.pass(time.Minute)
		w.wantConnected(true)
		close(release)
		w.pass(0)
		if most != 1 {
			w.t.Errorf("%d callbacks at once", most)
		}
		if len(seen) != 2 || seen[0] != uint64(2) || seen[1] != uint64(6) {
			w.t.Errorf("callbacks for attempts %v, want the first and the newest, 2 and 6", seen)
		}
	})
}

func TestCallbackThatPanicsOrNeverReturnsHarmsNothing(t *testing.T) {
	forever := make(chan struct{})
	tests := []struct {
		name string
		call func(context.Context)
	}{
		{"panics", func(context.Context) { panic("reconcile failed") }},
		{"never returns", func(ctx context.Context) { <-forever }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(s *settings) { s.manager.OnReconnect = tt.call }, func(w *world) {
				forever = make(chan struct{})
				w.connect()
				for range 3 {
					w.pass(time.Minute)
					w.rds.DropAll()
					w.pass(0)
					w.wantConnected(true)
				}
				if tt.name == "panics" {
					if n := w.seen.count("panic"); n != 3 {
						w.t.Errorf("%d panics counted, want 3", n)
					}
					if !strings.Contains(w.log.String(), "reconcile failed") {
						w.t.Error("the panic is not in the log")
					}
				}
				begin := time.Now()
				w.m.Stop()
				if took := time.Since(begin); took > time.Second {
					w.t.Errorf("Stop took %v", took)
				}
				close(forever)
			})
		})
	}
}

func TestStopUnderACommandOfTheCallbackIsNotCounted(t *testing.T) {
	for range 20 { // its context and its connection end at the same moment
		var w *world
		inBubble(t, func(s *settings) {
			s.manager.OnReconnect = func(ctx context.Context) { w.client.Exec(ctx, ":delay 5s") }
		}, func(made *world) {
			w = made
			w.connect()
			w.pass(time.Minute)
			w.rds.DropAll()
			w.pass(time.Second)
			w.m.Stop()
			w.pass(0)
			if n := w.seen.count("abandoned"); n != 0 {
				w.t.Errorf("%d operations are counted as abandoned", n)
			}
		})
	}
}
