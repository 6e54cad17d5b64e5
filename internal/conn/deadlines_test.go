package conn

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// Promise 3: nothing can hang.

func TestConnectEndsAtItsDeadlineInEveryStage(t *testing.T) {
	tests := []struct {
		name  string
		fault func(*world)
		stage Stage
		kind  Kind
	}{
		{"SYN dropped", func(w *world) { w.rds.SetDropDials(true) }, StageTCP, KindTimeout},
		{"no banner", func(w *world) { w.rds.SetHoldBanner(true) }, StageHandshake, KindHandshake},
		{"stalled key exchange", func(w *world) { w.rds.SetHoldKeyExchange(true) }, StageHandshake, KindHandshake},
		{"stalled login", func(w *world) { w.rds.SetHoldLogin(true) }, StageHandshake, KindHandshake},
		{"hung session open", func(w *world) { w.rds.SetHangOpens(true) }, StageVerify, KindUnusable},
		{"hung command", func(w *world) { w.rds.SetHoldExec(true) }, StageVerify, KindUnusable},
		{"frozen from the start", func(w *world) { w.rds.SetFrozen(true) }, StageHandshake, KindHandshake},
		{"frozen after the login", func(w *world) {
			w.rds.SetSlowExec(2 * time.Second)
			time.AfterFunc(time.Second, func() { w.rds.SetFrozen(true) })
		}, StageVerify, KindUnusable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, nil, func(w *world) {
				tt.fault(w)
				begin := time.Now()
				err := w.client.Connect(w.t.Context())
				if took := time.Since(begin); took > DefaultConnectTimeout {
					w.t.Errorf("Connect took %v", took)
				}
				var failure *Error
				if !errors.As(err, &failure) || failure.Stage != tt.stage || failure.Kind != tt.kind {
					w.t.Errorf("Connect: %v, want stage %s, kind %s", err, tt.stage, tt.kind)
				}
				if w.client.IsConnected() {
					w.t.Error("connected, though Verify never answered")
				}
			})
		})
	}
}

// A probe that waits when the deadline passes ends for the reason of the link's
// end, in a goroutine of its own: what others read must not be changed.
func TestErrorOfADeadlineIsNotSharedWithAProbe(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.rds.SetHoldExec(true)
		go func() {
			time.Sleep(7 * time.Second)
			w.rds.SetHangOpens(true)
		}()
		if err := w.client.Connect(w.t.Context()); err == nil || !strings.Contains(err.Error(), "raise") {
			w.t.Errorf("Connect: %v, want the deadline", err)
		}
		w.pass(0)
		last := w.seen.commands[len(w.seen.commands)-1]
		if last.Err == nil || strings.Contains(last.Err.Error(), "raise") {
			w.t.Errorf("%s: %v, want the end of the link as it was then", last.Purpose, last.Err)
		}
	})
}

func TestConnectWorksWhereARoundTripTakesTwoPointFourSeconds(t *testing.T) {
	inBubble(t, func(s *settings) { s.client.ConnectTimeout = 60 * time.Second }, func(w *world) {
		w.rds.SetDelay(1200 * time.Millisecond)
		if err := w.client.Connect(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	})
}

func TestErrorOfADeadlineNamesTheRemedy(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.rds.SetDelay(3 * time.Second)
		err := w.client.Connect(w.t.Context())
		if err == nil || !strings.Contains(err.Error(), "--rds-connect-timeout") {
			w.t.Errorf("Connect: %v, want the name of the flag in it", err)
		}
	})
}

func TestExecEndsAtItsDeadline(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		stop := w.rds.Chatter(time.Second)
		defer stop()
		w.rds.SetHoldExec(true)
		begin := time.Now()
		_, err := w.exec("/disk print")
		if took := time.Since(begin); took != DefaultCommandTimeout {
			w.t.Errorf("Exec took %v, want %v", took, DefaultCommandTimeout)
		}
		if KindOf(err) != KindTimeout || OutcomeOf(err) != Unknown {
			w.t.Errorf("Exec: %v, outcome %q, want a timeout with outcome unknown", err, OutcomeOf(err))
		}
		w.pass(0)
		if got := w.m.Snapshot().Reason; got != ReasonUnusable {
			w.t.Errorf("reason %q, want unusable: its only session is taken for good", got)
		}
		if w.seen.count("abandoned") != 1 {
			w.t.Errorf("%d operations abandoned, want 1", w.seen.count("abandoned"))
		}
	})
}

func TestExecKeepsTheCallersDeadline(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.rds.SetSlowExec(4 * time.Second)
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		_, err := w.client.Exec(ctx, ":put ok")
		if took := time.Since(begin); took != time.Second {
			w.t.Errorf("Exec took %v, want 1s", took)
		}
		if KindOf(err) != KindTimeout || OutcomeOf(err) != Unknown {
			w.t.Errorf("Exec: %v, want a timeout with outcome unknown", err)
		}
		w.rds.SetSlowExec(0)
		if out, err := w.exec(":put ok"); err != nil || out != "ok\r\n" {
			w.t.Errorf("the next Exec: %q, %v", out, err)
		}
		w.pass(time.Hour)
		if n := w.seen.count("disconnected"); n != 0 {
			w.t.Errorf("%d losses: a caller who gives up does not end the connection", n)
		}
	})
}

func TestCallerWhoGivesUpBeforeItsTurnLeavesNothingBehind(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.rds.SetSlowExec(4 * time.Second)
		done := make(chan error)
		go func() { _, err := w.exec(":put first"); done <- err }()
		w.pass(time.Second)
		ctx, cancel := context.WithCancel(w.t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := w.client.Exec(ctx, ":put second")
		if KindOf(err) != KindCanceled || !SafeToRetry(err) {
			w.t.Errorf("Exec: %v, want canceled and safe to retry", err)
		}
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		for _, c := range w.rds.Stats().Commands {
			if strings.Contains(c, "second") {
				w.t.Error("the command of the caller who gave up was sent")
			}
		}
	})
}

// The longest waits for a session are those in vain; without them the numbers
// look best where commands get no turn at all.
func TestWaitForASessionInVainIsTold(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.rds.SetSlowExec(20 * time.Second)
		go w.exec(":put first")
		w.pass(time.Second)
		ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
		defer cancel()
		if _, err := w.client.Exec(ctx, ":put second"); !SafeToRetry(err) {
			w.t.Errorf("Exec: %v, want safe to retry", err)
		}
		w.seen.locked(func() {
			if got := w.seen.waits[len(w.seen.waits)-1]; got != 10*time.Second {
				w.t.Errorf("the newest wait that was told is %v, want 10s", got)
			}
		})
		w.pass(20 * time.Second)
	})
}

func TestExecOfAHungOpenIsBoundedEvenIfNobodyWaits(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		stop := w.rds.Chatter(time.Second)
		defer stop()
		w.rds.SetHangOpens(true)
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		w.client.Exec(ctx, ":put ok")
		w.rds.SetRefuse(true)
		w.pass(openTimeout)
		w.wantConnected(false)
		if got := w.m.Snapshot().Reason; got != ReasonUnusable {
			w.t.Errorf("reason %q, want unusable", got)
		}
		if n := w.seen.count("abandoned"); n != 1 {
			w.t.Errorf("%d operations abandoned, want 1: it was one", n)
		}
	})
}

func TestEveryExecIsAnsweredWhenTheConnectionEnds(t *testing.T) {
	inBubble(t, func(s *settings) { s.client.SessionLimit = 4 }, func(w *world) {
		w.connect()
		w.rds.SetSlowExec(time.Hour)
		errs := make(chan error)
		for range 20 {
			go func() { _, err := w.exec(":put ok"); errs <- err }()
		}
		w.pass(time.Second)
		w.rds.SetRefuse(true)
		w.rds.DropAll()
		w.pass(0)
		outcomes := map[Outcome]int{}
		for range 20 {
			err := <-errs
			if KindOf(err) != KindClosed {
				w.t.Errorf("Exec: %v, want closed", err)
			}
			outcomes[OutcomeOf(err)]++
		}
		if outcomes[Unknown] != 4 || outcomes[NotSent] != 16 {
			w.t.Errorf("outcomes %v, want 4 unknown and 16 not sent", outcomes)
		}
	})
}

func TestOutputPastTheLimitIsRefused(t *testing.T) {
	inBubble(t, func(s *settings) { s.client.MaxOutput = 100 }, func(w *world) {
		// Verify needs more than this; connect by hand with a smaller one.
		w.client.cfg.Verify = func(context.Context, ExecFunc) (Identity, error) { return Identity{}, nil }
		if err := w.client.Connect(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		_, err := w.exec(`:put "` + strings.Repeat("x", 300) + `"`)
		if KindOf(err) != KindTooLarge || !errors.Is(err, ErrOutputTooLarge) || OutcomeOf(err) != Unknown {
			w.t.Errorf("Exec: %v, want too large", err)
		}
		if out, err := w.exec(`:put "fits"`); err != nil || out != "fits\r\n" {
			w.t.Errorf("the next Exec: %q, %v", out, err)
		}
	})
}
