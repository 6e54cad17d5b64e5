package conn

import (
	"slices"
	"testing"
	"time"
)

// Promise 5: the schedule.

func seconds(list ...float64) []time.Duration {
	var d []time.Duration
	for _, s := range list {
		d = append(d, time.Duration(s*float64(time.Second)))
	}
	return d
}

func TestWaitsAreOneTwoFourEightSixteen(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.pass(time.Minute)
		w.rds.SetRefuse(true)
		w.rds.DropAll()
		w.pass(64 * time.Second)
		if got, want := w.dials(), seconds(0, 60, 61, 63, 67, 75, 91, 107, 123); !slices.Equal(got, want) {
			w.t.Errorf("dials at %v, want %v", got, want)
		}
		w.rds.SetRefuse(false)
		if took := w.wantBack(16 * time.Second); took < 14*time.Second {
			w.t.Errorf("back after %v, before its turn", took)
		}
	})
}

func TestWaitsCountFromTheEndOfTheFailedAttempt(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.rds.SetHoldBanner(true)
		w.m.StartMonitor(w.t.Context())
		w.pass(40 * time.Second)
		if got, want := w.dials(), seconds(0, 11, 23, 37); !slices.Equal(got, want) {
			w.t.Errorf("dials at %v, want %v", got, want)
		}
	})
}

func TestServerThatIsDownAtTheStartIsTriedForEver(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.rds.SetRefuse(true)
		w.m.StartMonitor(w.t.Context())
		w.pass(24 * time.Hour)
		if s := w.m.Snapshot(); s.Generation != 0 || s.State != StateWaiting || s.Outage == nil || s.Outage.Reason != "" {
			w.t.Errorf("snapshot %+v, want an outage without a loss", *s)
		}
		w.rds.SetRefuse(false)
		w.wantBack(16 * time.Second)
		if o := w.seen.lastOutage(); o.Cause != CauseUnknown || o.Duration(time.Now()) < 24*time.Hour {
			w.t.Errorf("outage %+v, want one of a day with an unknown cause", o)
		}
	})
}

func TestFlappingLinkWalksUpTheSchedule(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.pass(time.Minute)
		for range 20 {
			w.rds.DropAll()
			w.pass(500 * time.Millisecond)
		}
		if got, want := w.dials()[1:], seconds(60, 61.5, 63.5, 67.5); !slices.Equal(got, want) {
			w.t.Errorf("dials at %v, want %v", got, want)
		}
		w.pass(24 * time.Second)
		w.wantConnected(true)
	})
}

func TestTwentyDropsInTenSecondsCostAtMostEightDials(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.pass(time.Minute)
		before := len(w.dials())
		for range 20 {
			w.rds.DropAll()
			w.pass(500 * time.Millisecond)
		}
		w.pass(50 * time.Second)
		w.wantConnected(true)
		if n := len(w.dials()) - before; n > 8 {
			w.t.Errorf("%d dials, want at most 8", n)
		}
	})
}

func TestSixtySecondsOfAcceptThenCloseCostAtMostTenDials(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.pass(time.Minute)
		before := len(w.dials())
		w.rds.SetAcceptThenClose(true)
		w.rds.DropAll()
		w.pass(60 * time.Second)
		if n := len(w.dials()) - before; n > 10 {
			w.t.Errorf("%d dials, want at most 10", n)
		}
		w.rds.SetAcceptThenClose(false)
		w.wantBack(17 * time.Second)
	})
}

func TestStableConnectionBeginsAnew(t *testing.T) {
	for _, tt := range []struct {
		stable time.Duration
		back   time.Duration
	}{{DefaultMaxInterval - time.Second, 8 * time.Second}, {DefaultMaxInterval, 0}} {
		inBubble(t, nil, func(w *world) {
			w.rds.SetRefuse(true)
			w.m.StartMonitor(w.t.Context())
			w.pass(5 * time.Second) // attempts at 0, 1, 3
			w.rds.SetRefuse(false)
			w.wantBack(2 * time.Second) // at 7
			connected := w.m.Snapshot().ConnectedAt
			w.pass(tt.stable - time.Since(connected))
			w.rds.DropAll()
			w.pass(0)
			if s := w.m.Snapshot(); tt.back > 0 && time.Until(s.NextAttempt) != tt.back || tt.back == 0 && !s.Connected() {
				w.t.Errorf("stable for %v: snapshot %+v, want the next attempt after %v", tt.stable, *s, tt.back)
			}
		})
	}
}

func TestGivingUpIsReportedAndChangesNothing(t *testing.T) {
	inBubble(t, func(s *settings) { s.manager.MaxElapsedTime = time.Minute }, func(w *world) {
		w.rds.SetRefuse(true)
		w.m.StartMonitor(w.t.Context())
		w.pass(10 * time.Minute)
		got := w.dials()
		for i := 6; i < len(got); i++ {
			if got[i]-got[i-1] != DefaultMaxInterval {
				w.t.Fatalf("dials at %v: the pace changed", got)
			}
		}
		// Attempts are 16 s apart, so that a cycle of a minute ends after 64 s.
		if n := w.seen.count("gave up"); n != 9 || w.m.Snapshot().GivenUp != 9 {
			w.t.Errorf("given up %d times (snapshot %d), want 9", n, w.m.Snapshot().GivenUp)
		}
		w.rds.SetRefuse(false)
		w.wantBack(16 * time.Second)
	})
}

func TestAuthHostKeyAndCredentialsWaitTheLongestAtOnce(t *testing.T) {
	other, _ := newSigner()
	tests := []struct {
		kind  Kind
		fault func(*world)
	}{
		{KindAuth, func(w *world) { w.rds.SetRejectLogin(true) }},
		{KindHostKey, func(w *world) { w.rds.SetHostKeys(other) }},
		{KindCredentials, func(w *world) { writeFile(w.t, w.keyFile, "") }},
	}
	for _, tt := range tests {
		inBubble(t, nil, func(w *world) {
			w.connect()
			w.pass(time.Minute)
			tt.fault(w)
			w.rds.DropAll()
			w.pass(0)
			s := w.m.Snapshot()
			if s.LastError == nil || s.LastError.Kind != tt.kind {
				w.t.Errorf("last error %v, want kind %s", s.LastError, tt.kind)
			}
			if wait := time.Until(s.NextAttempt); wait != DefaultMaxInterval {
				w.t.Errorf("%s: next attempt after %v, want %v", tt.kind, wait, DefaultMaxInterval)
			}
		})
	}
}

func TestJitterStaysWithinItsFactorAndBelowTheLongest(t *testing.T) {
	const limit = 16 * time.Second
	for _, d := range seconds(1, 2, 4, 8, 15, 16, 20) {
		for _, factor := range []float64{0, 0.1, 0.5, 1} {
			for _, r := range []float64{0, 0.25, 0.5, 0.999999} {
				got := jitter(d, limit, factor, r)
				low := time.Duration((1 - factor) * float64(min(d, limit)))
				high := min(limit, time.Duration((1+factor)*float64(d)))
				if got < low-time.Microsecond || got > high {
					t.Errorf("jitter(%v, factor %v, r %v) = %v, want between %v and %v", d, factor, r, got, low, high)
				}
				if factor == 0 && got != min(d, limit) {
					t.Errorf("jitter(%v) without a factor = %v", d, got)
				}
			}
		}
	}
}

func TestDefaultScheduleIsSpreadByATenth(t *testing.T) {
	inBubble(t, func(s *settings) { s.manager.RandomizationFactor = 0 }, func(w *world) {
		w.rds.SetRefuse(true)
		w.m.StartMonitor(w.t.Context())
		w.pass(10 * time.Minute)
		at := w.dials()
		different := false
		for i, wait := range seconds(1, 2, 4, 8, 16, 16, 16, 16) {
			got := at[i+1] - at[i]
			if got < wait*9/10 || got > min(wait*11/10, DefaultMaxInterval)+time.Millisecond {
				w.t.Errorf("wait %d is %v, want %v within a tenth", i+1, got, wait)
			}
			different = different || got != wait
		}
		if !different {
			w.t.Error("no wait was spread")
		}
	})
}
