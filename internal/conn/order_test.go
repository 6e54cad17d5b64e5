package conn

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"rds-csi/internal/emulator"
)

// Promise 4: the old connection is closed before the next dial; one dial at a
// time. Every world checks at its end that no two connections were ever open.

func TestOldConnectionIsClosedBeforeTheNextDial(t *testing.T) {
	var openAtDial []int
	inBubble(t, func(s *settings) {
		s.rds.HostKeyType = "ed25519"
	}, func(w *world) {
		w.client.cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			openAtDial = append(openAtDial, w.rds.Stats().Open)
			return w.rds.Dial(ctx, network, address)
		}
		w.connect()
		for _, lose := range []func(){w.rds.DropAll, w.rds.ResetAll, w.rds.SetBlackHoleLive, func() { w.m.Reconnect(w.t.Context()) }} {
			w.pass(time.Minute)
			lose()
			w.pass(time.Minute)
			w.wantConnected(true)
		}
		if want := []int{0, 0, 0, 0, 0}; !slices.Equal(openAtDial, want) {
			w.t.Errorf("connections open at each dial: %v, want %v", openAtDial, want)
		}
	})
}

func TestLateEndOfAnOlderConnectionChangesNothing(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.pass(time.Minute)
		old := w.client.live.Load()
		w.rds.DropAll()
		w.pass(0)
		w.wantConnected(true)
		old.end(ReasonOther, nil)
		old.judge()
		w.pass(time.Minute)
		w.wantConnected(true)
		if n := w.seen.count("disconnected"); n != 1 {
			w.t.Errorf("%d losses, want 1", n)
		}
	})
}

func TestAddressesAreDialledOneAfterTheOther(t *testing.T) {
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.168.88.1")}
	type dial struct {
		at     time.Duration
		target string
	}
	var dials []dial
	inBubble(t, func(s *settings) {
		s.client.Host = "rds.example"
		s.client.LookupIP = func(context.Context, string) ([]netip.Addr, error) { return addrs, nil }
	}, func(w *world) {
		w.client.cfg.Dial = func(ctx context.Context, network, target string) (net.Conn, error) {
			dials = append(dials, dial{w.elapsed(), target})
			if target != "192.168.88.1:22" {
				<-ctx.Done() // dropped
				return nil, ctx.Err()
			}
			return w.rds.Dial(ctx, network, target)
		}
		w.m.StartMonitor(w.t.Context())
		w.wantBack(DefaultConnectTimeout)
		third := DefaultConnectTimeout / 3
		want := []dial{{0, "192.0.2.1:22"}, {third, "[2001:db8::1]:22"}, {2 * third, "192.168.88.1:22"}}
		for i := range want {
			if i >= len(dials) || dials[i].target != want[i].target || (dials[i].at-want[i].at).Abs() > time.Millisecond {
				w.t.Fatalf("dials %v, want %v", dials, want)
			}
		}
	})
}

func TestEveryAddressGetsItsTurnHoweverManyThereAre(t *testing.T) {
	var addrs []netip.Addr
	for i := range 40 {
		addrs = append(addrs, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
	}
	inBubble(t, func(s *settings) {
		s.client.Host = "rds.example"
		s.client.LookupIP = func(context.Context, string) ([]netip.Addr, error) { return addrs, nil }
	}, func(w *world) {
		w.client.cfg.Dial = func(ctx context.Context, network, target string) (net.Conn, error) {
			if target == "192.0.2.33:22" {
				return w.rds.Dial(ctx, network, target)
			}
			<-ctx.Done() // dropped
			return nil, ctx.Err()
		}
		w.m.StartMonitor(w.t.Context())
		w.wantBack(5 * time.Minute)
	})
}

// An address that answers with a handshake that fails, because something else
// has taken it, must not keep the client from those behind it.
func TestAddressOfAnotherHostIsPassedOver(t *testing.T) {
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.168.88.1")}
	tests := []struct {
		name  string
		fault func(*emulator.Server)
	}{
		{"another host key", func(*emulator.Server) {}},
		{"no banner", func(s *emulator.Server) { s.SetHoldBanner(true) }},
		{"closed at once", func(s *emulator.Server) { s.SetAcceptThenClose(true) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(s *settings) {
				s.client.Host = "rds.example"
				s.client.LookupIP = func(context.Context, string) ([]netip.Addr, error) { return addrs, nil }
			}, func(w *world) {
				stranger := must(emulator.NewServer(emulator.Options{HostKeyType: "ed25519"}))
				defer stranger.Close()
				tt.fault(stranger)
				w.client.cfg.Dial = func(ctx context.Context, network, target string) (net.Conn, error) {
					if target == "192.168.88.1:22" {
						return w.rds.Dial(ctx, network, target)
					}
					return stranger.Dial(ctx, network, target)
				}
				w.m.StartMonitor(w.t.Context())
				w.wantBack(time.Minute)
				w.pass(time.Minute)
				w.rds.DropAll()
				w.pass(0)
				w.wantConnected(true) // the address that was of use comes first now
			})
		})
	}
}

func TestNameWithoutAddressIsAFailureOfItsOwn(t *testing.T) {
	inBubble(t, func(s *settings) {
		s.client.Host = "rds.example"
		s.client.LookupIP = func(context.Context, string) ([]netip.Addr, error) { return nil, nil }
	}, func(w *world) {
		w.m.StartMonitor(w.t.Context())
		w.pass(time.Second / 2)
		if got := w.m.Snapshot().LastError; got == nil || got.Kind != KindResolve {
			w.t.Errorf("last error %v, want kind resolve", got)
		}
		if n := len(w.rds.Stats().Dials); n != 0 {
			w.t.Errorf("%d dials without an address", n)
		}
	})
}

func TestResolverThatNeverAnswersIsBounded(t *testing.T) {
	inBubble(t, func(s *settings) {
		s.client.Host = "rds.example"
		s.client.LookupIP = func(ctx context.Context, _ string) ([]netip.Addr, error) { <-ctx.Done(); return nil, ctx.Err() }
	}, func(w *world) {
		err := w.client.Connect(w.t.Context())
		if KindOf(err) != KindResolve || w.elapsed() != DefaultConnectTimeout {
			w.t.Errorf("Connect: %v after %v, want resolve after %v", err, w.elapsed(), DefaultConnectTimeout)
		}
	})
}

func TestAddressOfTheSnapshotIsHostPort(t *testing.T) {
	inBubble(t, func(s *settings) { s.client.Host, s.client.Port = "2001:db8::1", 2222 }, func(w *world) {
		w.connect()
		if got := w.m.Snapshot().Address; got != "[2001:db8::1]:2222" {
			w.t.Errorf("address %q", got)
		}
	})
}
