package conn

import (
	"testing"
	"time"
)

// Promise 4, of the client alone: also who connects a live client again, past
// the manager, never has two connections open.
func TestConnectOfALiveClientClosesTheOldConnectionFirst(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		for range 3 {
			if err := w.client.Connect(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
			w.pass(time.Minute)
		}
		if s := w.rds.Stats(); s.MaxOpen != 1 || s.Logins != 3 {
			w.t.Errorf("%d connections were open at once in %d logins, want 1 in 3", s.MaxOpen, s.Logins)
		}
	})
}
