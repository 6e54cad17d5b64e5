package conn

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

// Promise 9: Reconnect.

func TestReconnectWakesAWaitingBackoff(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.rds.SetRefuse(true)
		w.m.StartMonitor(w.t.Context())
		w.pass(40 * time.Second) // the next attempt is at 47 s
		w.rds.SetRefuse(false)
		if err := w.m.Reconnect(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		w.wantConnected(true)
		if w.elapsed() != 40*time.Second {
			w.t.Errorf("connected after %v, want 40s", w.elapsed())
		}
	})
}

func TestReconnectJoinsTheAttemptInFlight(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.rds.SetHoldBanner(true)
		w.m.StartMonitor(w.t.Context())
		w.pass(time.Second)
		err := w.m.Reconnect(w.t.Context())
		if KindOf(err) != KindHandshake || w.elapsed() != DefaultConnectTimeout {
			w.t.Errorf("Reconnect: %v after %v, want the result of the attempt", err, w.elapsed())
		}
		if n := len(w.dials()); n != 1 {
			w.t.Errorf("%d dials, want 1", n)
		}
	})
}

func TestReconnectOnAHealthyConnectionConnectsAnew(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.pass(time.Minute)
		if err := w.m.Reconnect(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		w.wantConnected(true)
		s := w.m.Snapshot()
		if s.Generation != 2 || s.Reason != ReasonRequested {
			w.t.Errorf("generation %d, reason %q, want 2 and requested", s.Generation, s.Reason)
		}
	})
}

func TestReconnectWorksBeforeStartMonitor(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.rds.SetRefuse(true)
		if err := w.m.Reconnect(w.t.Context()); KindOf(err) != KindRefused {
			w.t.Errorf("Reconnect: %v, want refused", err)
		}
		w.pass(time.Minute)
		if n := len(w.dials()); n != 1 {
			w.t.Errorf("%d dials: nobody asked for more than one", n)
		}
		w.rds.SetRefuse(false)
		if err := w.m.Reconnect(w.t.Context()); err != nil {
			w.t.Errorf("Reconnect: %v", err)
		}
		w.wantConnected(true)
		w.rds.DropAll()
		w.pass(time.Minute)
		w.wantConnected(false)
		w.m.StartMonitor(w.t.Context())
		w.wantBack(DefaultMaxInterval)
	})
}

// The first attempt of the schedule is at once. One that Reconnect began was
// the first.
func TestAttemptOfReconnectTakesItsPlaceInTheSchedule(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.rds.SetRefuse(true)
		if err := w.m.Reconnect(w.t.Context()); KindOf(err) != KindRefused {
			w.t.Fatalf("Reconnect: %v, want refused", err)
		}
		w.m.StartMonitor(w.t.Context())
		w.pass(8 * time.Second)
		want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}
		if got := w.dials(); !slices.Equal(got, want) {
			w.t.Errorf("dials at %v, want %v", got, want)
		}
	})
}

func TestRefusedLoginBeforeStartMonitorIsNotHurriedAfterIt(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.rds.SetRejectLogin(true)
		if err := w.m.Reconnect(w.t.Context()); KindOf(err) != KindAuth {
			w.t.Fatalf("Reconnect: %v, want auth", err)
		}
		w.m.StartMonitor(w.t.Context())
		w.pass(20 * time.Second)
		if got, want := w.dials(), []time.Duration{0, DefaultMaxInterval}; !slices.Equal(got, want) {
			w.t.Errorf("dials at %v, want %v", got, want)
		}
	})
}

func TestConcurrentReconnectsShareOneAttempt(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.pass(time.Minute)
		w.rds.SetDelay(100 * time.Millisecond) // an attempt takes a while
		w.pass(time.Minute)
		before := len(w.dials())
		errs := make(chan error)
		for range 50 {
			go func() { errs <- w.m.Reconnect(w.t.Context()) }()
		}
		for range 50 {
			if err := <-errs; err != nil {
				w.t.Error(err)
			}
		}
		if n := len(w.dials()) - before; n != 1 {
			w.t.Errorf("%d dials, want 1", n)
		}
	})
}

func TestCallerWhoGivesUpDoesNotEndTheAttempt(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.rds.SetHoldBanner(true)
		w.m.StartMonitor(w.t.Context())
		w.pass(time.Second)
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		err := w.m.Reconnect(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || w.elapsed() != 2*time.Second {
			w.t.Errorf("Reconnect: %v after %v, want the caller's deadline", err, w.elapsed())
		}
		w.pass(7 * time.Second)
		if got := w.m.Snapshot().State; got != StateConnecting {
			w.t.Errorf("state %s, want connecting: only the manager's own context ends a dial", got)
		}
	})
}

// Promise 10: Stop.

func TestStopReturnsWithinASecondInEveryState(t *testing.T) {
	tests := []struct {
		name string
		run  func(*world)
	}{
		{"never started", func(*world) {}},
		{"connected", func(w *world) { w.connect() }},
		{"in a hung dial", func(w *world) { w.rds.SetDropDials(true); w.m.StartMonitor(w.t.Context()) }},
		{"in a hung handshake", func(w *world) { w.rds.SetHoldBanner(true); w.m.StartMonitor(w.t.Context()) }},
		{"in a hung Verify", func(w *world) { w.rds.SetHangOpens(true); w.m.StartMonitor(w.t.Context()) }},
		{"in backoff", func(w *world) { w.rds.SetRefuse(true); w.m.StartMonitor(w.t.Context()) }},
		{"in a black hole", func(w *world) { w.connect(); w.rds.SetBlackHole(true) }},
		{"under a command", func(w *world) { w.connect(); w.rds.SetHoldExec(true); go w.exec(":put ok"); w.pass(0) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, nil, func(w *world) {
				tt.run(w)
				w.pass(2500 * time.Millisecond)
				begin := time.Now()
				w.m.Stop()
				if took := time.Since(begin); took != 0 {
					w.t.Errorf("Stop took %v: there is nothing to wait for", took)
				}
				if s := w.m.Snapshot(); s.State != StateStopped || !s.NextAttempt.IsZero() || w.client.IsConnected() {
					w.t.Errorf("after Stop: %+v, client connected %v", *s, w.client.IsConnected())
				}
				dials := len(w.dials())
				w.pass(time.Minute)
				if open := w.rds.Stats().Open; open != 0 || len(w.dials()) != dials {
					w.t.Errorf("after Stop: %d connections open, %d more dials", open, len(w.dials())-dials)
				}
				if w.seen.count("disconnected") != 0 {
					w.t.Error("a shutdown was counted as a loss")
				}
				if last := w.seen.last(); last.Err != nil && tt.name != "in backoff" && last.Err.Kind != KindCanceled {
					w.t.Errorf("the attempt that shutdown cut short ended with %v", last.Err)
				}
			})
		})
	}
}

func TestStopMayBeCalledFromAnywhereAnyNumberOfTimes(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		done := make(chan struct{})
		for range 20 {
			go func() { w.m.Stop(); done <- struct{}{} }()
		}
		for range 20 {
			<-done
		}
		w.m.Stop()
	})
	var w *world
	inBubble(t, func(s *settings) { s.manager.OnReconnect = func(context.Context) { w.m.Stop() } }, func(made *world) {
		w = made
		w.connect()
		w.pass(time.Minute)
		w.rds.DropAll()
		w.pass(time.Second)
		if got := w.m.Snapshot().State; got != StateStopped {
			w.t.Errorf("state %s after Stop from the callback", got)
		}
	})
}

func TestStopDoesNotWaitForAClientThatIgnoresItsContext(t *testing.T) {
	client := newMockClient()
	inBubble(t, func(s *settings) { s.manager.Client = client }, func(w *world) {
		client.stuck = make(chan struct{})
		w.m.StartMonitor(w.t.Context())
		w.pass(time.Second)
		begin := time.Now()
		w.m.Stop()
		if took := time.Since(begin); took > time.Second {
			w.t.Errorf("Stop took %v", took)
		}
		close(client.stuck)
		w.pass(time.Second)
	})
}

func TestEndOfTheMonitorsContextStops(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		ctx, cancel := context.WithCancel(w.t.Context())
		w.m.StartMonitor(ctx)
		w.pass(time.Second)
		cancel()
		w.pass(0)
		if got := w.m.Snapshot().State; got != StateStopped {
			w.t.Errorf("state %s, want stopped", got)
		}
	})
}

func TestReconnectAndStartMonitorAfterStopDoNothing(t *testing.T) {
	for _, started := range []bool{false, true} {
		inBubble(t, nil, func(w *world) {
			if started {
				w.connect()
			}
			w.m.Stop()
			dials := len(w.dials())
			w.m.StartMonitor(w.t.Context())
			if err := w.m.Reconnect(w.t.Context()); !errors.Is(err, ErrStopped) {
				w.t.Errorf("Reconnect: %v, want ErrStopped", err)
			}
			w.pass(time.Minute)
			if len(w.dials()) != dials {
				w.t.Error("dialled after Stop")
			}
		})
	}
}

func TestSecondStartMonitorChangesNothing(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		ctx, cancel := context.WithCancel(w.t.Context())
		w.connect()
		w.m.StartMonitor(ctx)
		cancel() // the second context counts for nothing
		w.pass(time.Minute)
		w.wantConnected(true)
		if n := len(w.dials()); n != 1 {
			w.t.Errorf("%d dials, want 1", n)
		}
	})
}

func TestManagerAdoptsAConnectionThatWasMadeBefore(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		if err := w.client.Connect(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		w.connect()
		if got, want := w.dials(), seconds(0); !slices.Equal(got, want) {
			w.t.Errorf("dials at %v, want %v", got, want)
		}
		w.pass(time.Minute)
		w.rds.DropAll()
		w.pass(0)
		w.wantConnected(true)
		if last := w.seen.last(); last.Total != 2 {
			w.t.Errorf("the reconnection is attempt %d, want 2: it is not the first", last.Total)
		}
		if w.m.GetClient() != Client(w.client) {
			w.t.Error("GetClient returns another client than the one that is kept connected")
		}
	})
}

func TestLoopTurnsWhateverTheNetworkDoes(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.rds.SetDropDials(true)
		w.m.StartMonitor(w.t.Context())
		for range 600 {
			w.pass(time.Second)
			if since := time.Since(w.m.LastTurn()); since > maxTurn {
				w.t.Fatalf("the loop has not turned for %v", since)
			}
		}
	})
}
