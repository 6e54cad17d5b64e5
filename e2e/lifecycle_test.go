package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"rds-csi/internal/conn"
	"rds-csi/internal/emulator"
)

func TestStopIsCountedNowhereWhateverIsGoingOn(t *testing.T) {
	tests := []struct {
		name  string
		begin func(*world)
	}{
		{"never started", func(*world) {}},
		{"connected", func(w *world) { w.connect() }},
		{"in the first handshake, which hangs", func(w *world) { w.rds.SetHoldBanner(true); w.m.StartMonitor(w.t.Context()) }},
		{"in the first dial, which hangs", func(w *world) { w.rds.SetDropDials(true); w.m.StartMonitor(w.t.Context()) }},
		{"in the first backoff", func(w *world) { w.rds.SetRefuse(true); w.m.StartMonitor(w.t.Context()) }},
		{"in a handshake of an outage", func(w *world) { w.connect(); w.rds.SetHoldKeyExchange(true); w.rds.DropAll() }},
		{"in a dial of an outage", func(w *world) { w.connect(); w.rds.SetBlackHole(true); w.pass(15 * time.Second) }},
		{"in a hung Verify", func(w *world) { w.connect(); w.rds.SetHangOpens(true); w.rds.DropAll() }},
		{"in backoff", func(w *world) { w.connect(); w.rds.SetRefuse(true); w.rds.DropAll() }},
		{"in a black hole that nobody knows of", func(w *world) { w.connect(); w.rds.SetBlackHole(true) }},
		{"under a command", func(w *world) { w.connect(); w.rds.SetHoldExec(true); go w.exec() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				tt.begin(w)
				w.pass(2500 * time.Millisecond)
				w.check()
				w.stop()
			})
		})
	}
}

func TestTheEndOfTheProcessContextIsAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		w.m.StartMonitor(ctx)
		w.pass(time.Second)
		cancel()
		w.pass(0)
		if got := w.m.Snapshot().State; got != conn.StateStopped {
			t.Errorf("state %s", got)
		}
		w.check()
	})
}

func TestReconnectIsToldLikeALoss(t *testing.T) {
	all := func(w *world) { // one attempt for all of them
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() {
				if err := w.m.Reconnect(w.t.Context()); err != nil {
					w.t.Error(err)
				}
			})
		}
		callers.Wait()
	}
	for _, f := range []fault{
		{name: "asked for once", begin: func(w *world) { w.m.Reconnect(w.t.Context()) }},
		// The attempt has to last for as long as it takes all of them to ask.
		{name: "asked for by fifty", begin: func(w *world) { w.rds.SetDelay(50 * time.Millisecond); all(w) }},
	} {
		f.lost, f.causes, f.dials = losing(conn.ReasonRequested), oneLink, 1
		t.Run(f.name, f.tell)
	}
}

func TestReconnectThatWakesABackoffIsToldLikeAnyAttempt(t *testing.T) {
	fault{
		lasts: 40 * time.Second, // the attempt after it would be at 47 s
		begin: func(w *world) { w.rds.SetRefuse(true); w.rds.DropAll() },
		end: func(w *world) {
			w.woken = true
			if err := w.m.Reconnect(w.t.Context()); conn.KindOf(err) != conn.KindRefused {
				w.t.Errorf("Reconnect: %v, want refused", err)
			}
			w.check()
			w.rds.SetRefuse(false)
			if err := w.m.Reconnect(w.t.Context()); err != nil {
				w.t.Errorf("Reconnect: %v", err)
			}
		},
		lost: losing(conn.ReasonEOF), failed: failing(7, conn.KindRefused), causes: oneLink, unready: true,
	}.tell(t)
}

func TestReconnectAndStopAtOnceAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil).connect()
		w.pass(time.Minute)
		var callers sync.WaitGroup
		for i := range 40 {
			callers.Go(func() {
				if i%2 == 0 {
					w.m.Stop()
				} else if err := w.m.Reconnect(t.Context()); err != nil && !errors.Is(err, conn.ErrStopped) && conn.KindOf(err) != conn.KindCanceled {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		w.pass(time.Minute)
		w.check()
	})
}

func TestACallbackThatPanicsOrNeverReturnsIsToldAndHarmsNothing(t *testing.T) {
	var forever chan struct{}
	for _, f := range []fault{
		{name: "panics", settle: func(_ *world, s *settings) {
			s.manager.OnReconnect = func(context.Context) { panic("reconcile failed") }
		}, then: func(w *world) {
			panics := said(w.lines(), msgPanicked)
			tries := said(w.lines(), msgReconnected)
			if len(panics) != 3 || panics[2].TraceID != tries[2].TraceID {
				w.t.Errorf("the panics are %+v", panics)
			}
		}},
		{name: "never returns", settle: func(_ *world, s *settings) {
			forever = make(chan struct{})
			s.manager.OnReconnect = func(context.Context) { <-forever }
		}, then: func(w *world) { w.t.Cleanup(func() { close(forever) }) }},
		{name: "logs", settle: func(w *world, s *settings) {
			s.manager.OnReconnect = func(ctx context.Context) { w.logger.InfoContext(ctx, "reconciled") }
		}, then: func(w *world) {
			if l := said(w.lines(), "reconciled"); len(l) != 3 || l[0].TraceID == "" || l[0].TraceID != said(w.lines(), msgReconnected)[0].TraceID {
				w.t.Errorf("what the callback logs is not in the trace of its attempt: %+v", l)
			}
		}},
	} {
		f.begin = func(w *world) {
			for range 3 {
				w.rds.DropAll()
				w.pass(stable)
			}
		}
		f.lost, f.causes = map[conn.Reason]int{conn.ReasonEOF: 3}, map[conn.Cause]int{conn.CauseLink: 3}
		t.Run(f.name, f.tell)
	}
}

func TestAddressesOfEveryKindAreToldAlike(t *testing.T) {
	alive := netip.MustParseAddr("192.168.88.1")
	resolve := func(s *settings, addrs func() []netip.Addr) {
		s.client.Host = "rds.example.net"
		s.client.LookupIP = func(context.Context, string) ([]netip.Addr, error) { return addrs(), nil }
	}
	// Only one of several addresses leads to the device; the others fall
	// silent, or refuse.
	routed := func(w *world, s *settings) {
		s.client.Dial = func(ctx context.Context, network, target string) (net.Conn, error) {
			switch target {
			case "192.168.88.1:22":
				return w.rds.Dial(ctx, network, target)
			case "192.0.2.1:22":
				return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	var empty bool
	for _, f := range []fault{
		{name: "IPv6", settle: func(_ *world, s *settings) { s.client.Host, s.client.Port = "2001:db8::1", 2222 }, then: func(w *world) {
			if got := w.page().Address; got != "[2001:db8::1]:2222" {
				w.t.Errorf("the page names %s", got)
			}
			if sp := w.recorded("rds.reconnect")[0]; sp.text("server.address") != "2001:db8::1" || sp.number("server.port") != 2222 {
				w.t.Errorf("the span names %s", sp.address("server"))
			}
		}},
		{name: "several addresses", settle: func(w *world, s *settings) {
			resolve(s, func() []netip.Addr {
				return []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), alive}
			})
			routed(w, s)
		}, atStart: true, lasts: 9 * time.Second},
		{name: "no address for a while", settle: func(_ *world, s *settings) {
			empty = false
			resolve(s, func() []netip.Addr {
				if empty {
					return nil
				}
				return []netip.Addr{alive}
			})
		}, lasts: 12500 * time.Millisecond, failed: failing(4, conn.KindResolve), unready: true, end: func(*world) { empty = false }},
	} {
		if !f.atStart {
			f.lost, f.causes = losing(conn.ReasonEOF), oneLink
		}
		f.begin = func(w *world) { empty = true; w.rds.DropAll() }
		t.Run(f.name, f.tell)
	}
}

// A night of one fault after the other, with the jitter that is the default:
// nobody loses count. The number of the night is the seed.
func TestANightOfFaultsIsToldAlike(t *testing.T) {
	nights := uint64(2)
	if testing.Short() {
		nights = 1
	}
	for night := range nights {
		t.Run(fmt.Sprint(night), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { aNight(t, rand.New(rand.NewPCG(night, 0))) })
		})
	}
}

func aNight(t *testing.T, r *rand.Rand) {
	w := newWorld(t, func(_ *world, s *settings) { s.manager.RandomizationFactor = conn.DefaultRandomizationFactor })
	faults := []func(){
		w.rds.DropAll, w.rds.ResetAll, w.rds.DisconnectAll, w.rds.SetBlackHoleLive,
		func() { w.rds.Reboot(time.Duration(r.Int64N(int64(time.Minute)))) },
		func() { w.rds.PowerCut(time.Duration(r.Int64N(int64(time.Minute)))) },
		func() { w.rds.SetFaults(emulator.Faults{Refuse: true}); w.rds.ResetAll() },
		func() { w.rds.SetFaults(emulator.Faults{AcceptThenClose: true}); w.rds.DropAll() },
		func() { w.rds.SetFaults(emulator.Faults{HoldBanner: true}); w.rds.DropAll() },
		func() { w.rds.SetFaults(emulator.Faults{RejectLogin: true}); w.rds.DropAll() },
		func() { w.rds.SetFaults(emulator.Faults{HangOpens: true}) },
		func() { w.rds.SetFaults(emulator.Faults{BlackHole: true}) },
		func() { w.rds.SetFaults(emulator.Faults{Delay: time.Second}) },
		func() { w.rds.SetFaults(emulator.Faults{Frozen: true}) },
		func() { w.rds.SetFaults(emulator.Faults{Cut: true, CutAfter: 10}); w.rds.DropAll() },
	}
	for range 30 {
		if w.m.Snapshot().State == conn.StateIdle {
			w.m.StartMonitor(t.Context())
		}
		faults[r.IntN(len(faults))]()
		w.pass(time.Duration(r.Int64N(int64(40 * time.Second))))
		if r.IntN(2) == 0 {
			go w.exec()
		}
		if r.IntN(2) == 0 { // or the next fault comes on top
			w.rds.SetFaults(emulator.Faults{})
			w.pass(time.Duration(r.Int64N(int64(time.Minute))))
		}
		w.check()
	}
	w.rds.SetFaults(emulator.Faults{})
	w.wantBack(time.Minute + recovery) // a reboot may have to end first
	w.pass(stable)
	w.check()
	w.stop()
}
