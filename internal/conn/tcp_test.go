package conn

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// The telling faults once more, over real sockets: what the kernel makes of
// them is not what a pipe in memory makes of them.

const ipv4, ipv6 = "127.0.0.1", "::1"

func TestEndOfTheConnectionOverTCPIsAnEvent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		drop   func(*live)
		reason Reason
	}{
		{"FIN", func(w *live) { w.rds.DropAll() }, ReasonEOF},
		{"RST", func(w *live) { w.rds.ResetAll() }, ReasonReset},
		{"SSH disconnect", func(w *live) { w.rds.DisconnectAll() }, ReasonDisconnect},
	}
	for _, host := range []string{ipv4, ipv6} {
		for _, tt := range tests {
			t.Run(tt.name+" "+host, func(t *testing.T) {
				overTCP(t, host, nil, func(w *live) {
					w.connect()
					w.wantLoss(func() { tt.drop(w) }, event, tt.reason)
					w.wantOutage(tt.reason, CauseLink)
					w.wantAnswer(":put ok", "ok\r\n")
				})
			})
		}
	}
}

func TestCrashedServiceIsRefusedUntilItReturns(t *testing.T) {
	for _, host := range []string{ipv4, ipv6} {
		t.Run(host, func(t *testing.T) {
			overTCP(t, host, nil, func(w *live) {
				w.connect()
				w.wantLoss(func() { w.rds.SetRefuse(true); w.rds.ResetAll() }, event, ReasonReset)
				w.wantFailure(KindRefused)
				w.rds.SetRefuse(false)
				w.wantOutage(ReasonReset, CauseLink, KindRefused)
			})
		})
	}
}

// unhurried keeps attempts 2 s apart: a device that has been up for less than
// a second tells an uptime of zero, which reads as unknown.
func unhurried(s *settings) {
	s.manager.InitialInterval, s.manager.MaxInterval, s.manager.RandomizationFactor = 2*time.Second, 2*time.Second, -1
}

// The attempts are at 2 s, when the device is away, and at 4 s.
func TestRebootOverTCPIsToldFromALostLink(t *testing.T) {
	overTCP(t, ipv4, unhurried, func(w *live) {
		w.connect()
		w.wantLoss(func() { w.rds.Reboot(2500 * time.Millisecond) }, event, ReasonEOF)
		w.wantOutage(ReasonEOF, CauseReboot, KindRefused)
	})
}

// A device that lost its power says no farewell. It answers what it gets after
// its return, the first probe at the latest, with a reset: it knows nothing of
// the connection.
func TestPowerCutOverTCPEndsWithAReset(t *testing.T) {
	overTCP(t, ipv4, unhurried, func(w *live) {
		w.connect()
		w.wantLoss(func() { w.rds.PowerCut(500 * time.Millisecond) }, silence, ReasonReset)
		w.wantOutage(ReasonReset, CauseReboot)
	})
}

func TestHalfOpenLinkOverTCPIsFoundWhileNewDialsWork(t *testing.T) {
	overTCP(t, ipv4, nil, func(w *live) {
		w.connect()
		w.wantLoss(w.rds.SetBlackHoleLive, silence, ReasonSilence)
		o := w.wantOutage(ReasonSilence, CauseLink)
		if quiet := o.DetectedAt.Sub(o.LastReceived); quiet < 5*time.Second {
			w.t.Errorf("given up after %v without a byte: too hasty", quiet)
		}
		if back := o.EndedAt.Sub(o.DetectedAt); back > event {
			w.t.Errorf("connected %v after the loss was known, want %v at most: new dials work", back, event)
		}
	})
}

// The command that finds the black hole comes back without an answer; the
// attempts that follow meet a device that accepts and says nothing.
func TestBlackHoleOverTCPUnderACommandIsFoundAndLeft(t *testing.T) {
	overTCP(t, ipv6, func(s *settings) { s.client.ConnectTimeout = time.Second }, func(w *live) {
		w.connect()
		w.rds.SetHoldExec(true)
		commands := len(w.rds.Stats().Commands)
		result := w.begin(":put lost")
		w.waitFor("the command", func() bool { return len(w.rds.Stats().Commands) > commands })
		w.wantLoss(func() { w.rds.SetBlackHole(true) }, silence, ReasonSilence)
		w.wantUnknown(<-result)
		w.wantFailure(KindHandshake)
		w.rds.SetHoldExec(false)
		w.rds.SetBlackHole(false)
		w.wantOutage(ReasonSilence, CauseLink, KindHandshake)
	})
}

func TestFreezeOfThreeSecondsOverTCPIsNoLoss(t *testing.T) {
	overTCP(t, ipv4, nil, func(w *live) {
		w.connect()
		w.rds.SetFrozen(true)
		begin := time.Now()
		thaw := time.AfterFunc(3*time.Second, func() { w.rds.SetFrozen(false) })
		defer thaw.Stop()
		w.wantAnswer(":put ok", "ok\r\n")
		if took := time.Since(begin); took < 3*time.Second {
			w.t.Errorf("answered after %v by a frozen device", took)
		}
		w.wantNoLoss()
	})
}

func TestSilentOrSlammedDoorHasItsKindAndItsStage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault func(w *live, on bool)
		kind  Kind
	}{
		{"no banner", func(w *live, on bool) { w.rds.SetHoldBanner(on) }, KindHandshake},
		{"stalled key exchange", func(w *live, on bool) { w.rds.SetHoldKeyExchange(on) }, KindHandshake},
		{"stalled login", func(w *live, on bool) { w.rds.SetHoldLogin(on) }, KindHandshake},
		{"accepted, then closed", func(w *live, on bool) { w.rds.SetAcceptThenClose(on) }, KindClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const limit = time.Second
			overTCP(t, ipv4, func(s *settings) { s.client.ConnectTimeout = limit }, func(w *live) {
				tt.fault(w, true)
				w.m.StartMonitor(w.t.Context())
				if failure := w.wantFailure(tt.kind); failure.Stage != StageHandshake {
					w.t.Errorf("stage %q, want handshake", failure.Stage)
				}
				if took := w.seen.last().Duration; took > limit+event {
					w.t.Errorf("the attempt took %v, its limit is %v", took, limit)
				}
				tt.fault(w, false)
				w.wantOutage("", CauseUnknown, tt.kind)
			})
		})
	}
}

func TestImpostorOverTCPIsRefusedUntilItsKeyIsPinned(t *testing.T) {
	overTCP(t, ipv4, nil, func(w *live) {
		w.connect()
		impostor, _ := newSigner()
		w.rds.SetHostKeys(impostor)
		w.wantLoss(w.rds.ResetAll, event, ReasonReset)
		w.waitFor("several attempts", func() bool { return w.m.Snapshot().ConsecutiveFailures >= 3 })
		var mismatch *HostKeyError
		if failure := w.wantFailure(KindHostKey); !errors.As(failure, &mismatch) || mismatch.Presented != ssh.FingerprintSHA256(impostor.PublicKey()) {
			w.t.Errorf("the failure is %v, want the fingerprint that was shown", failure)
		}
		if n := w.rds.Stats().Logins; n != 1 {
			w.t.Errorf("%d logins: the impostor was shown who we are", n)
		}
		w.wantLog("level=ERROR", "RDS HOST KEY CHANGED")
		writeHostKeys(t, w.hostKeyFile, impostor.PublicKey())
		w.wantOutage(ReasonReset, CauseLink, KindHostKey)
	})
}

func TestDeadAddressOfANameIsPassedOver(t *testing.T) {
	name := func(s *settings) {
		s.client.Host = "rds.test"
		s.client.LookupIP = func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr(ipv4)}, nil
		}
	}
	overTCP(t, ipv4, name, func(w *live) {
		w.connect()
		var tried []StageResult
		w.seen.locked(func() {
			tried = slices.DeleteFunc(slices.Clone(w.seen.stages), func(r StageResult) bool { return r.Stage != StageTCP })
		})
		if len(tried) != 2 || !strings.HasPrefix(tried[0].Address, "127.0.0.2:") || tried[0].Err == nil || tried[1].Err != nil {
			w.t.Errorf("TCP stages %+v, want a failure at 127.0.0.2 and a success", tried)
		}
		if peer := w.m.Snapshot().Report.PeerAddress; peer != tried[1].Address {
			w.t.Errorf("peer %s, want %s", peer, tried[1].Address)
		}
		if address := w.m.Snapshot().Address; !strings.HasPrefix(address, "rds.test:") {
			w.t.Errorf("address %s, want the name as configured", address)
		}
		w.wantLoss(func() { w.rds.SetRefuse(true); w.rds.ResetAll() }, event, ReasonReset)
		failure := w.wantFailure(KindRefused)
		for _, address := range []string{"127.0.0.2:", ipv4 + ":"} {
			if !strings.Contains(failure.Error(), address) {
				w.t.Errorf("the failure %q does not name %s", failure, address)
			}
		}
		w.rds.SetRefuse(false)
		w.wantOutage(ReasonReset, CauseLink, KindRefused)
	})
}

// The resolver of the system may give either family of localhost first, or
// both: the device listens on one of them.
func TestLocalhostIsFoundByTheResolverOfTheSystem(t *testing.T) {
	overTCP(t, ipv4, func(s *settings) { s.client.Host = "localhost" }, func(w *live) { w.connect() })
}

func TestDroppedSYNIsATimeoutOfTheTCPStage(t *testing.T) {
	w := behindDroppedSYNs(t, 500*time.Millisecond)
	w.m.StartMonitor(t.Context())
	failure := w.wantFailure(KindTimeout)
	if failure.Stage != StageTCP || !strings.Contains(failure.Error(), "--rds-connect-timeout") {
		t.Errorf("the failure is %v, want one of the TCP stage that names the remedy", failure)
	}
}

func TestStopOverTCPReturnsInTimeInEveryState(t *testing.T) {
	t.Parallel()
	dialled := func(w *live) bool { return len(w.rds.Stats().Dials) > 0 }
	tests := []struct {
		name  string
		fault func(*live)
		until func(*live) bool
	}{
		{"in a hung handshake", func(w *live) { w.rds.SetHoldBanner(true) }, dialled},
		{"in a hung key exchange", func(w *live) { w.rds.SetHoldKeyExchange(true) }, dialled},
		{"in a hung login", func(w *live) { w.rds.SetHoldLogin(true) }, func(w *live) bool { return w.rds.Stats().Handshakes > 0 }},
		{"in a hung Verify", func(w *live) { w.rds.SetHangOpens(true) }, func(w *live) bool { return w.rds.Stats().Opens > 0 }},
		{"in backoff", func(w *live) { w.rds.SetRefuse(true) }, func(w *live) bool { return w.m.Snapshot().State == StateWaiting }},
		{"connected", func(*live) {}, func(w *live) bool { return w.m.IsConnected() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			overTCP(t, ipv4, nil, func(w *live) {
				tt.fault(w)
				w.m.StartMonitor(w.t.Context())
				w.waitFor("the state to stop in", func() bool { return tt.until(w) })
				w.wantStopped()
			})
		})
	}
	t.Run("in a dial that nobody answers", func(t *testing.T) {
		w := behindDroppedSYNs(t, time.Minute)
		w.m.StartMonitor(t.Context())
		w.waitFor("the dial", func() bool { open, _ := w.sockets.count(); return open == 1 })
		w.wantStopped()
	})
	t.Run("under a command in a black hole", func(t *testing.T) {
		overTCP(t, ipv4, nil, func(w *live) {
			w.connect()
			w.rds.SetHoldExec(true)
			commands := len(w.rds.Stats().Commands)
			result := w.begin(":put lost")
			w.waitFor("the command", func() bool { return len(w.rds.Stats().Commands) > commands })
			w.rds.SetBlackHole(true)
			w.wantStopped()
			w.wantUnknown(<-result)
		})
	})
}

func TestConcurrentCommandsOverTCPGetTheirOwnAnswers(t *testing.T) {
	const limit = 4
	overTCP(t, ipv4, func(s *settings) { s.client.SessionLimit = limit }, func(w *live) {
		w.connect()
		var callers sync.WaitGroup
		for caller := range 40 {
			callers.Go(func() {
				for i := range 5 {
					w.wantAnswer(fmt.Sprintf(":put %d-%d", caller, i), fmt.Sprintf("%d-%d\r\n", caller, i))
				}
			})
		}
		callers.Wait()
		w.wantNoLoss()
		if most := w.rds.Stats().MaxSessions; most > limit+1 { // and one for a probe
			w.t.Errorf("%d sessions were open at once, the limit is %d", most, limit)
		}
	})
}

// Callers go on while the connection is ended again and again, from either
// side. What an error says of a command must be true of the device.
func TestOutcomeOfACommandOverTCPIsACertainty(t *testing.T) {
	overTCP(t, ipv4, func(s *settings) { s.client.SessionLimit = 2 }, func(w *live) {
		w.connect()
		errs := make([]map[string]error, 4)
		done := make(chan struct{})
		var callers sync.WaitGroup
		for caller := range errs {
			errs[caller] = map[string]error{}
			callers.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-done:
						return
					default:
					}
					w.waitFor("a connection", w.m.IsConnected)
					command := fmt.Sprintf(":put %d-%d", caller, i)
					_, errs[caller][command] = w.exec(command)
				}
			})
		}
		for range 8 {
			for _, end := range []func(){w.rds.DropAll, w.rds.ResetAll, func() {
				if err := w.m.Reconnect(w.t.Context()); err != nil && KindOf(err) != KindClosed {
					w.t.Errorf("Reconnect: %v", err)
				}
			}} {
				generation := w.m.Snapshot().Generation
				end()
				w.waitFor("the next connection", func() bool { return w.m.Snapshot().Generation > generation && w.m.IsConnected() })
			}
		}
		close(done)
		callers.Wait()
		w.wantTrueOutcomes(errs)
	})
}

// wantTrueOutcomes compares what callers were told with what the device saw.
func (w *live) wantTrueOutcomes(errs []map[string]error) {
	w.t.Helper()
	sent := map[string]int{}
	for _, command := range w.rds.Stats().Commands {
		sent[command]++
	}
	outcomes := map[Outcome]int{}
	for _, caller := range errs {
		for command, err := range caller {
			outcomes[OutcomeOf(err)]++
			switch n := sent[command]; {
			case err == nil && n != 1, SafeToRetry(err) && n != 0, n > 1:
				w.t.Errorf("%s: %v, and the device saw it %d times", command, err, n)
			case err != nil && KindOf(err) != KindClosed:
				w.t.Errorf("%s: %v, want closed", command, err)
			}
		}
	}
	if outcomes[""] == 0 || outcomes[NotSent]+outcomes[Unknown] == 0 {
		w.t.Errorf("outcomes %v: this shows nothing", outcomes)
	}
}

func TestMissingExitStatusOverTCPIsNoFailure(t *testing.T) {
	overTCP(t, ipv4, func(s *settings) { s.rds.OmitExitStatus = true }, func(w *live) {
		w.connect()
		w.wantAnswer(":put ok", "ok\r\n")
		w.wantNoLoss()
	})
}
