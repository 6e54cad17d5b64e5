package conn

import (
	"testing"
	"time"
)

// A process that was stopped finds its timers late and the answers unread: the
// silence was its own.
func TestOwnStallIsNoSilenceOfTheDevice(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.pass(time.Minute)
		w.rds.SetBlackHole(true)
		dog := w.client.live.Load().watch
		probed := time.Now().Add(quietIdle)
		send, lost := dog.turn(probed)
		if !send || lost {
			w.t.Fatalf("after %v of silence: send %v, lost %v, want a probe", quietIdle, send, lost)
		}
		woken := probed.Add(time.Minute)
		if send, lost = dog.turn(woken); !send || lost {
			w.t.Errorf("woken a minute late: send %v, lost %v, want another probe", send, lost)
		}
		if _, lost = dog.turn(woken.Add(probeTimeout)); !lost {
			w.t.Error("the second probe's deadline passed in time, and the connection is not lost")
		}
	})
}
