package conn

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// Benchmarks compare with bare x/crypto/ssh in the same run: absolute times
// are those of the machine, ratios are ours.

// newTCPWorld is a world over loopback TCP that keeps no record: it would grow
// with the benchmark.
func newTCPWorld(b *testing.B, change func(*settings)) *world {
	b.Helper()
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	w := newWorld(b, func(s *settings) {
		s.client.Host, s.client.Port = "127.0.0.1", listener.Addr().(*net.TCPAddr).Port
		s.client.Dial = dialTCP
		s.client.Observer, s.manager.Observer = NopObserver{}, NopObserver{}
		s.manager.Logger = slog.New(slog.DiscardHandler)
		if change != nil {
			change(s)
		}
	})
	w.lax = true
	go w.rds.Serve(listener)
	return w
}

func BenchmarkIsConnected(b *testing.B) {
	w := newTCPWorld(b, nil)
	b.Run("atomic load", func(b *testing.B) {
		var p atomic.Pointer[Snapshot]
		p.Store(w.m.Snapshot())
		n := 0
		for b.Loop() {
			if p.Load() != nil {
				n++
			}
		}
	})
	b.Run("IsConnected", func(b *testing.B) {
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			if w.m.IsConnected() {
				n++
			}
		}
	})
	b.Run("Snapshot", func(b *testing.B) {
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			if w.m.Snapshot() != nil {
				n++
			}
		}
	})
}

// BenchmarkLoss tells how long after FIN or RST the state turns, over TCP.
func BenchmarkLoss(b *testing.B) {
	for _, way := range []string{"FIN", "RST"} {
		b.Run(way, func(b *testing.B) {
			turned := make(chan time.Time, 1)
			w := newTCPWorld(b, func(s *settings) {
				s.manager.InitialInterval, s.manager.MaxInterval = time.Millisecond, time.Millisecond
				s.manager.Observer = lossTimer{turned: turned}
			})
			w.m.StartMonitor(b.Context())
			var took []time.Duration
			for b.Loop() {
				for !w.m.IsConnected() {
					time.Sleep(time.Millisecond)
				}
				time.Sleep(2 * time.Millisecond) // stable for MaxInterval
				begin := time.Now()
				if way == "FIN" {
					w.rds.DropAll()
				} else {
					w.rds.ResetAll()
				}
				took = append(took, (<-turned).Sub(begin))
			}
			slices.Sort(took)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

type lossTimer struct {
	NopObserver
	turned chan time.Time
}

func (l lossTimer) Disconnected(context.Context, Disconnect) { l.turned <- time.Now() }

// BenchmarkExec compares Exec with bare sessions on one connection, both with
// the same number of callers and the same limit. The two take turns, so that
// the noise of the machine meets both.
func BenchmarkExec(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(strconv.Itoa(callers), func(b *testing.B) {
			w := newTCPWorld(b, func(s *settings) { s.client.SessionLimit = callers })
			if err := w.client.Connect(b.Context()); err != nil {
				b.Fatal(err)
			}
			bare := bareClient(b, w)
			defer bare.Close()
			const command = `:put "OK"`
			ours := func() error { _, err := w.client.Exec(b.Context(), command); return err }
			theirs := func() error { return bareExec(bare, command) }

			const batch = 256
			var our, their time.Duration
			rounds := 0
			for b.Loop() {
				for range 2 { // and in either order
					our += timed(b, callers, batch, ours)
					their += timed(b, callers, batch, theirs)
				}
				ours, theirs, our, their = theirs, ours, their, our
				rounds++
			}
			if rounds%2 == 1 {
				our, their = their, our
			}
			n := float64(rounds * 2 * batch)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(n/our.Seconds(), "ours-cmd/s")
			b.ReportMetric(n/their.Seconds(), "bare-cmd/s")
			b.ReportMetric(their.Seconds()/our.Seconds(), "throughput-ratio")
			b.ReportMetric(our.Seconds()*1000*float64(callers)/n, "ours-ms")
			b.ReportMetric(their.Seconds()*1000*float64(callers)/n, "bare-ms")
		})
	}
}

// timed runs n calls of f from so many callers.
func timed(b *testing.B, callers, n int, f func() error) time.Duration {
	begin := time.Now()
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := f(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(begin)
}

// BenchmarkReconnect compares Connect with a bare dial, login and the same
// command. The end of a connection, which keeps the device busy, is awaited
// outside the times of both.
func BenchmarkReconnect(b *testing.B) {
	w := newTCPWorld(b, nil)
	var command string
	exec := func(ctx context.Context, c string) (string, error) {
		command = c
		return w.client.live.Load().execText(ctx, c)
	}
	if err := w.client.Connect(b.Context()); err != nil {
		b.Fatal(err)
	}
	if _, err := verifyRouterOS(b.Context(), exec); err != nil {
		b.Fatal(err)
	}
	var our, their time.Duration
	n := 0
	reconnect := func() time.Duration {
		begin := time.Now()
		if err := w.client.Connect(b.Context()); err != nil {
			b.Fatal(err)
		}
		took := time.Since(begin)
		w.client.Close()
		return took
	}
	dialBare := func() time.Duration {
		begin := time.Now()
		bare := bareClient(b, w)
		if err := bareExec(bare, command); err != nil {
			b.Fatal(err)
		}
		took := time.Since(begin)
		bare.Close()
		return took
	}
	quiet := func() {
		for w.rds.Stats().Open > 0 {
			time.Sleep(100 * time.Microsecond)
		}
	}
	w.client.Close()
	for b.Loop() {
		quiet()
		if n%2 == 0 { // in either order
			our += reconnect()
			quiet()
			their += dialBare()
		} else {
			their += dialBare()
			quiet()
			our += reconnect()
		}
		n++
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(our.Microseconds())/1000/float64(n), "ours-ms")
	b.ReportMetric(float64(their.Microseconds())/1000/float64(n), "bare-ms")
	b.ReportMetric(our.Seconds()/their.Seconds(), "cost-ratio")
}

func (l *link) execText(ctx context.Context, command string) (string, error) {
	out, failure := l.exec(ctx, command)
	if failure != nil {
		return out, failure
	}
	return out, nil
}

// bareClient is what a program would do with x/crypto/ssh alone, with the same
// algorithms.
func bareClient(b *testing.B, w *world) *ssh.Client {
	b.Helper()
	signer := must(LoadKey(w.keyFile))
	config := &ssh.ClientConfig{User: "admin", Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.FixedHostKey(w.rds.HostKey()), HostKeyAlgorithms: []string{ssh.KeyAlgoED25519}}
	config.KeyExchanges, config.Ciphers, config.MACs = secureKeyExchanges, secureCiphers, secureMACs
	return must(ssh.Dial("tcp", w.client.Address(), config))
}

func bareExec(client *ssh.Client, command string) error {
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	_, err = session.Output(command)
	return err
}
