package conn

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"rds-csi/internal/emulator"
)

// Promise 7: the dial budget, and the suspicion of a ban.

var budget = DialBudget{Burst: 3, Gap: 61 * time.Second}

func TestBudgetAllowsThreeDialsAndThenAGap(t *testing.T) {
	inBubble(t, func(s *settings) { s.client.DialBudget = budget }, func(w *world) {
		w.rds.SetRefuse(true)
		w.m.StartMonitor(w.t.Context())
		w.pass(4 * time.Minute)
		if got, want := w.dials(), seconds(0, 1, 3, 64, 72, 88, 149, 165, 181); !slices.Equal(got, want) {
			w.t.Errorf("dials at %v, want %v", got, want)
		}
	})
}

func TestBudgetBindsManualReconnectsToo(t *testing.T) {
	inBubble(t, func(s *settings) { s.client.DialBudget = budget }, func(w *world) {
		w.rds.SetRefuse(true)
		w.m.StartMonitor(w.t.Context())
		for w.elapsed() < 10*time.Minute {
			ctx, cancel := context.WithTimeout(w.t.Context(), 100*time.Millisecond)
			w.m.Reconnect(ctx)
			cancel()
			w.pass(100 * time.Millisecond)
		}
		at := w.dials()
		for i := 3; i < len(at); i++ {
			if at[i]-at[i-3] < budget.Gap {
				w.t.Fatalf("dials at %v: four within %v", at, budget.Gap)
			}
		}
	})
}

func TestBudgetCountsEveryAddress(t *testing.T) {
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"),
		netip.MustParseAddr("192.0.2.3"), netip.MustParseAddr("192.0.2.4")}
	inBubble(t, func(s *settings) {
		s.client.Host = "rds.example"
		s.client.DialBudget = budget
		s.client.LookupIP = func(context.Context, string) ([]netip.Addr, error) { return addrs, nil }
	}, func(w *world) {
		w.rds.SetRefuse(true)
		w.m.StartMonitor(w.t.Context())
		w.pass(62 * time.Second)
		var targets []string
		for _, s := range w.seen.stages {
			if s.Stage == StageTCP {
				targets = append(targets, s.Address)
			}
		}
		want := []string{"192.0.2.1:22", "192.0.2.2:22", "192.0.2.3:22", "192.0.2.4:22", "192.0.2.1:22", "192.0.2.2:22"}
		if !slices.Equal(targets, want) {
			w.t.Errorf("dialled %v, want %v: the fourth address has its turn after the gap", targets, want)
		}
		if got := w.dials(); len(got) != 6 || got[2] != 0 || got[3] != budget.Gap {
			w.t.Errorf("dials at %v", got)
		}
	})
}

func TestBudgetKeepsClearOfBothBruteForceRuleSets(t *testing.T) {
	tests := []struct {
		name   string
		rules  emulator.BruteForceRules
		budget DialBudget
	}{
		{"classic rules, 3/61s", emulator.ClassicRules(), budget},
		// Under the rules of the current manual only gaps above 5 minutes are safe.
		{"manual's rules, 1/301s", emulator.ManualRules(), DialBudget{Burst: 1, Gap: 301 * time.Second}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(s *settings) {
				s.client.DialBudget = tt.budget
				s.rds.BruteForce = tt.rules
			}, func(w *world) {
				w.rds.SetRejectLogin(true)
				w.m.StartMonitor(w.t.Context())
				w.pass(24 * time.Hour)
				w.rds.SetRejectLogin(false)
				for range 200 { // and a link that flaps
					w.pass(47 * time.Second)
					w.rds.DropAll()
				}
				if n := w.rds.Stats().Banned; n != 0 {
					w.t.Errorf("banned: %d dials were dropped", n)
				}
				w.wantBack(tt.budget.Gap + time.Second)
			})
		})
	}
}

func TestWithoutABudgetTheRulesBanAndTheBanIsSuspected(t *testing.T) {
	inBubble(t, func(s *settings) { s.rds.BruteForce = emulator.ClassicRules() }, func(w *world) {
		w.rds.SetAcceptThenClose(true)
		w.m.StartMonitor(w.t.Context())
		w.pass(10 * time.Second) // four dials: 0, 1, 3, 7
		if w.m.Snapshot().BanSuspected {
			w.t.Error("a ban is suspected already")
		}
		w.pass(2 * time.Minute)
		if !w.m.Snapshot().BanSuspected {
			w.t.Errorf("no ban is suspected: %+v", *w.m.Snapshot())
		}
		if w.rds.Stats().Banned == 0 {
			w.t.Error("the emulator did not ban: this test shows nothing")
		}
	})
}

func TestDeviceThatIsGoneIsNotSuspectedOfABan(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.pass(time.Minute)
		w.rds.SetBlackHole(true)
		w.pass(time.Hour)
		if w.m.Snapshot().BanSuspected {
			w.t.Error("a ban is suspected, though nothing was ever answered")
		}
	})
}
