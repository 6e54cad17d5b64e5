package conn

import (
	"context"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// Promise 2: silence is found in at most 10 s, 7 s with a command under way.

func TestBlackHoleIsFoundInTenSeconds(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.pass(time.Minute)
		w.rds.SetBlackHole(true)
		if took := w.wantLoss(10*time.Second, ReasonSilence); took < 5*time.Second {
			w.t.Errorf("lost after %v: too hasty", took)
		}
	})
}

func TestBlackHoleIsFoundWhereverTheProbeStands(t *testing.T) {
	for offset := time.Duration(0); offset < 6*time.Second; offset += 250 * time.Millisecond {
		inBubble(t, nil, func(w *world) {
			w.connect()
			w.pass(time.Minute + offset)
			w.rds.SetBlackHole(true)
			w.wantLoss(10*time.Second, ReasonSilence)
		})
	}
}

func TestBlackHoleUnderACommandIsFoundInSevenSeconds(t *testing.T) {
	for offset := time.Duration(0); offset < 6*time.Second; offset += 500 * time.Millisecond {
		inBubble(t, nil, func(w *world) {
			w.connect()
			w.pass(time.Minute + offset)
			w.rds.SetBlackHole(true)
			begin := time.Now()
			_, err := w.exec(":put ok")
			if took := time.Since(begin); took > 7*time.Second {
				w.t.Errorf("the command came back after %v", took)
			}
			if KindOf(err) != KindTimeout && KindOf(err) != KindClosed {
				w.t.Errorf("Exec: %v", err)
			}
			w.pass(7*time.Second - time.Since(begin))
			if w.seen.count("disconnected") != 1 {
				w.t.Errorf("no loss %v after the command began", time.Since(begin))
			}
			if got := w.m.Snapshot().Reason; got != ReasonSilence {
				w.t.Errorf("reason %q, want silence", got)
			}
		})
	}
}

// A probe that was answered must not put off the next one.
func TestBlackHoleUnderALongCommandIsFoundInSevenSeconds(t *testing.T) {
	for _, delay := range []time.Duration{0, 700 * time.Millisecond, 1200 * time.Millisecond} {
		for offset := time.Duration(0); offset < 13*time.Second; offset += 250 * time.Millisecond {
			inBubble(t, nil, func(w *world) {
				w.connect()
				w.rds.SetDelay(delay)
				go w.exec(":delay 25s")
				w.pass(offset)
				w.rds.SetBlackHole(true)
				w.wantLoss(7*time.Second, ReasonSilence)
			})
		}
	}
}

func TestBlackHoleInTheMiddleOfACommandLeavesItsOutcomeUnknown(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.rds.SetSlowExec(3 * time.Second)
		go func() { time.Sleep(time.Second); w.rds.SetBlackHole(true) }()
		_, err := w.exec(":put ok")
		if OutcomeOf(err) != Unknown || SafeToRetry(err) {
			w.t.Errorf("outcome %q of %v, want unknown", OutcomeOf(err), err)
		}
	})
}

func TestHalfOpenLinkIsFoundWhileNewDialsWork(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.pass(time.Minute)
		w.rds.SetBlackHoleLive()
		w.wantLoss(10*time.Second, ReasonSilence)
		w.wantBack(time.Second)
	})
}

func TestTwentySecondsOfBlackHole(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.pass(time.Minute)
		w.rds.SetBlackHole(true)
		w.wantLoss(10*time.Second, ReasonSilence)
		w.pass(20*time.Second - (w.elapsed() - time.Minute))
		w.rds.SetBlackHole(false)
		w.wantBack(DefaultConnectTimeout + DefaultMaxInterval + time.Second)
	})
}

func TestIdleConnectionLivesForADay(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.pass(24 * time.Hour)
		w.wantConnected(true)
		if n := len(w.rds.Stats().Dials); n != 1 {
			w.t.Errorf("%d dials, want 1", n)
		}
		if probes := w.seen.count("command probe"); probes != 24*60*60/5-1 && probes != 24*60*60/5 {
			w.t.Errorf("%d probes in a day, want one every 5 s", probes)
		}
	})
}

func TestSlowOrStalledLinkIsNoLoss(t *testing.T) {
	tests := []struct {
		name string
		run  func(*world)
	}{
		{"200 ms each way for 20 s", func(w *world) { w.rds.SetDelay(200 * time.Millisecond); w.pass(20 * time.Second) }},
		{"1.2 s each way for 20 s", func(w *world) { w.rds.SetDelay(1200 * time.Millisecond); w.pass(20 * time.Second) }},
		{"frozen for 3 s", func(w *world) { w.rds.SetFrozen(true); w.pass(3 * time.Second); w.rds.SetFrozen(false) }},
		{"sessions refused for 20 s", func(w *world) { w.rds.SetRefuseOpens(true); w.pass(20 * time.Second); w.rds.SetRefuseOpens(false) }},
	}
	for _, tt := range tests {
		for _, busy := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				inBubble(t, nil, func(w *world) {
					w.connect()
					w.pass(time.Minute)
					ctx, cancel := context.WithCancel(w.t.Context())
					defer cancel()
					if busy {
						go func() {
							for ctx.Err() == nil {
								w.client.Exec(ctx, ":put ok")
								time.Sleep(100 * time.Millisecond)
							}
						}()
					}
					tt.run(w)
					w.rds.SetDelay(0)
					w.pass(20 * time.Second)
					cancel()
					w.pass(time.Minute)
					w.wantConnected(true)
					if n := w.seen.count("disconnected"); n != 0 {
						w.t.Errorf("%d losses, want none", n)
					}
				})
			})
		}
	}
}

func TestRefusedSessionIsAnAnswer(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.rds.SetRefuseOpens(true)
		_, err := w.exec(":put ok")
		if KindOf(err) != KindBusy || !SafeToRetry(err) {
			w.t.Errorf("Exec: %v (kind %q), want busy and safe to retry", err, KindOf(err))
		}
		w.pass(time.Hour)
		w.wantConnected(true)
	})
}

func TestHungOpensWhileBytesFlowMakeTheConnectionUnusable(t *testing.T) {
	tests := []struct {
		name  string
		limit int
		opens int // hung opens until the end
	}{
		{"as many as the session limit", 1, 1},
		{"as many as a limit of two", 2, 2},
		{"three in a row", 8, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(s *settings) { s.client.SessionLimit = tt.limit }, func(w *world) {
				w.connect()
				// A command that streams keeps bytes flowing: silence is not the fault here.
				stream := w.rds.Chatter(time.Second)
				defer stream()
				w.rds.SetHangOpens(true)
				for i := range tt.opens {
					if !w.client.IsConnected() {
						w.t.Fatalf("the connection ended after %d hung opens, want %d", i, tt.opens)
					}
					_, err := w.exec(":put ok")
					if KindOf(err) != KindTimeout || !SafeToRetry(err) {
						w.t.Errorf("Exec: %v, want a timeout that is safe to retry", err)
					}
				}
				w.pass(0)
				if got := w.m.Snapshot().Reason; got != ReasonUnusable {
					w.t.Errorf("reason %q, want unusable", got)
				}
			})
		})
	}
}

func TestLateAnswerOfAnOpenTakesItOffTheBooks(t *testing.T) {
	inBubble(t, func(s *settings) { s.client.SessionLimit = 2 }, func(w *world) {
		w.connect()
		stop := w.rds.Chatter(time.Second)
		defer stop()
		for range 5 {
			w.rds.SetHangOpens(true)
			if _, err := w.exec(":put ok"); KindOf(err) != KindTimeout {
				w.t.Fatalf("Exec: %v, want a timeout", err)
			}
			w.rds.SetHangOpens(false)
			w.pass(time.Second)
		}
		w.wantConnected(true)
		if out, err := w.exec(":put ok"); err != nil || out != "ok\r\n" {
			w.t.Errorf("Exec: %q, %v", out, err)
		}
	})
}

// A device that leaves the session of a probe unanswered has no less room for
// commands.
func TestHungProbeCostsNoSession(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.rds.SetLoseOpens(true)
		w.pass(quietIdle)
		w.rds.SetLoseOpens(false)
		stop := w.rds.Chatter(time.Second)
		defer stop()
		w.pass(time.Hour)
		if n := w.seen.count("disconnected"); n != 0 {
			w.t.Errorf("%d losses, want none", n)
		}
	})
}

// Probes that the device lost, each among others that it answered, must not
// pile up for the weeks that a connection lives: each keeps two goroutines here
// and perhaps a session there.
func TestLostProbesDoNotPileUp(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		lost := 0
		for ; w.seen.count("disconnected") == 0 && lost < 10*maxStraySessions; lost++ {
			w.rds.SetLoseOpens(true)
			w.pass(quietIdle)
			w.rds.SetLoseOpens(false)
			stop := w.rds.Chatter(time.Second)
			w.pass(openTimeout)
			stop()
			w.pass(quietIdle) // one is answered
		}
		if s := w.m.Snapshot(); s.Reason != ReasonUnusable || lost < maxStraySessions || lost > 2*maxStraySessions {
			w.t.Errorf("reason %q after %d lost probes, want %s, and not at the first ones", s.Reason, lost, ReasonUnusable)
		}
		w.wantBack(time.Minute)
	})
}

// neverCloses answers each open, and leaves the session open for ever.
type neverCloses struct {
	ssh.Conn
	requests chan *ssh.Request
}

func (c neverCloses) OpenChannel(string, []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	return nil, c.requests, nil
}

func TestSessionsThatTheDeviceLeavesOpenDoNotPileUp(t *testing.T) {
	device := neverCloses{requests: make(chan *ssh.Request)}
	defer close(device.requests)
	l := &link{ssh: device, wire: newWire(&halfClosed{}), slots: make(chan struct{}, 1), done: make(chan struct{})}
	opened := 0
	for ; !l.ended() && opened < 10*maxStraySessions; opened++ {
		l.open()
	}
	if reason, _ := l.wire.ending(); reason != ReasonUnusable || opened <= maxStraySessions {
		t.Errorf("ended by %q after %d sessions, want %s, and not at the first ones", reason, opened, ReasonUnusable)
	}
}

// An open that the device leaves unanswered asks nothing of it any more: the
// silence after it must be probed, before it counts as a loss.
func TestHungOpenIsNoProbe(t *testing.T) {
	inBubble(t, func(s *settings) { s.client.SessionLimit = 4 }, func(w *world) {
		w.connect()
		w.rds.SetLoseOpens(true)
		result := make(chan error, 1)
		go func() { _, err := w.exec(":put ok"); result <- err }()
		w.pass(time.Second)
		w.rds.SetLoseOpens(false)
		w.pass(time.Hour)
		if err := <-result; KindOf(err) != KindTimeout {
			w.t.Errorf("Exec: %v, want a timeout", err)
		}
		if n := w.seen.count("disconnected"); n != 0 {
			w.t.Errorf("%d losses of a device that answers", n)
		}
	})
}

// An open that the device lost in a silence that ended as it passed its
// deadline must not keep its session for ever: with one session, no command
// could run any more on a connection that counts as connected.
func TestOpenLostInAShortSilenceCostsNoSessionForEver(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.rds.SetLoseOpens(true)
		go w.exec(":put lost")
		w.pass(time.Second)
		w.rds.SetLoseOpens(false)
		w.rds.SetFrozen(true)
		w.pass(openTimeout)
		w.rds.SetFrozen(false)
		w.wantLoss(openTimeout+probeTimeout+ownStall, ReasonUnusable)
		w.wantBack(time.Minute)
		if out, err := w.exec(":put ok"); err != nil || out != "ok\r\n" {
			w.t.Errorf("Exec: %q, %v", out, err)
		}
	})
}

// Bytes that came before the device fell silent do not make hung sessions of
// the operations whose deadline passes while the silence is being probed.
func TestSilenceUnderADeadlineIsNoHungSession(t *testing.T) {
	tests := []struct {
		name    string
		timeout time.Duration
		fault   func(*world)
	}{
		{"of an open", DefaultCommandTimeout, func(w *world) { w.rds.SetLoseOpens(true) }},
		{"of a command", 6 * time.Second, func(w *world) { w.rds.SetHoldExec(true) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(s *settings) { s.client.CommandTimeout = tt.timeout }, func(w *world) {
				w.connect()
				stop := w.rds.Chatter(time.Second)
				defer stop()
				tt.fault(w)
				go w.exec(":put ok")
				w.pass(1500 * time.Millisecond)
				w.rds.SetBlackHole(true)
				w.wantLoss(7*time.Second, ReasonSilence)
			})
		})
	}
}
