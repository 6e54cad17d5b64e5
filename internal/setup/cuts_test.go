package setup

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestAnInterruptionIsToldAndTheRepetitionFinishes(t *testing.T) {
	bubble(t, fresh(), func(h *harness) {
		ctx, cancel := context.WithTimeout(h.Context(), 10*time.Second) // in the reboot
		defer cancel()
		o := h.options
		o.Output = h.Output()
		_, err := Run(ctx, o)
		if failure, ok := errors.AsType[*Failure](err); !ok || failure.Step != "rose-storage" || !strings.Contains(failure.Error(), "interrupted; what to do: run it again") {
			h.Fatalf("got %v", err)
		}
		h.finishes()
	})
}

// A cut anywhere is told, unless it is in a wait for the device, and the repetition leaves what an undisturbed run does.
func TestACutAnywhereIsFinishedByTheRepetition(t *testing.T) {
	var want string
	total := 0
	bubble(t, fresh(), func(h *harness) {
		h.finishes()
		total, want = h.cut.passed(), h.state()
	})
	points := 120
	if testing.Short() {
		points = 8
	}
	failed := map[string]int{}
	for i := range points {
		n := 1 + i*total/points
		bubble(t, fresh(), func(h *harness) {
			h.cut.after(n)
			_, _, err := h.run()
			if failure, ok := errors.AsType[*Failure](err); ok {
				failed[failure.Step]++
				if ofController := failure.Step == "login" || failure.Step == "user's key"; !ofController && !errors.Is(failure, errLost) {
					h.Errorf("cut after %d bytes: %v", n, failure)
				}
			} else if err != nil {
				h.Fatalf("cut after %d bytes: %v", n, err)
			}
			h.cut.after(-1)
			h.finishes()
			if got := h.state(); got != want {
				h.Errorf("cut after %d bytes (%v): the state is\n%s\nwant\n%s", n, err, got, want)
			}
		})
	}
	t.Logf("%d bytes in all; failed steps: %v", total, failed)
	if len(failed) < 4 && !testing.Short() {
		t.Errorf("only these steps were cut: %v", failed)
	}
}
