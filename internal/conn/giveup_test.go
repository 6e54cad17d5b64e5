package conn

import (
	"context"
	"slices"
	"testing"
	"time"
)

// Promise 9: an impatient caller costs no attempt, or nobody would ever be
// connected to a slow device.
func TestAttemptOutlivesTheCallersWhoGiveUp(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.rds.SetHoldBanner(true)
		w.m.StartMonitor(w.t.Context())
		for range 8 {
			ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
			if err := w.m.Reconnect(ctx); err == nil {
				w.t.Fatal("connected to a device that says nothing")
			}
			cancel()
		}
		w.rds.SetHoldBanner(false) // for the next one
		w.wantBack(DefaultConnectTimeout)
		if got, want := w.dials(), seconds(0, 11); !slices.Equal(got, want) {
			w.t.Errorf("dials at %v, want %v: the first attempt has its whole time", got, want)
		}
	})
}
