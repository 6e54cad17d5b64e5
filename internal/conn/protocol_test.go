package conn

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/crypto/ssh"
)

// A device that breaks the SSH protocol ends the connection, however many
// packets x/crypto/ssh had still to read.
func TestBrokenProtocolIsALossAtOnce(t *testing.T) {
	for _, packets := range []int{1, 16, 18, 40, 400} {
		t.Run(fmt.Sprint(packets, " packets"), func(t *testing.T) {
			inBubble(t, nil, func(w *world) {
				w.connect()
				w.pass(time.Minute)
				defer drain(w.client.live.Load().ssh)
				w.rds.SetRefuse(true)
				w.rds.BreakProtocolAll(packets)
				w.wantLoss(200*time.Millisecond, ReasonOther)
				w.wantConnected(false)
				w.rds.SetRefuse(false)
				w.wantBack(time.Minute)
			})
		})
	}
}

// An answer that is cut short by a broken protocol looks like one without an
// exit status, and must not pass for complete.
func TestAnswerCutByABrokenProtocolIsNoSuccess(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		defer drain(w.client.live.Load().ssh)
		w.rds.SetHoldExec(true)
		result := make(chan error, 1)
		go func() { _, err := w.exec("/disk print"); result <- err }()
		w.pass(time.Second)
		w.rds.BreakProtocolAll(40)
		if err := <-result; KindOf(err) != KindClosed || OutcomeOf(err) != Unknown {
			w.t.Errorf("Exec: %v (outcome %q), want closed with the outcome unknown", err, OutcomeOf(err))
		}
	})
}

// A device that ends the login for a reason of its own, because it reboots for
// example, has not refused the key: that would put the next attempt off by the
// longest wait and send a person to look for a fault in the key.
func TestDisconnectInTheLoginIsNoRefusedLogin(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		if err := w.client.Connect(context.Background()); err != nil {
			w.t.Fatal(err)
		}
		l := w.client.live.Load()
		w.rds.DisconnectAll()
		w.pass(0)
		failed := handshakeResult{err: fmt.Errorf("ssh: handshake failed: %w", l.ssh.Wait()), verified: true}
		if failure := handshakeError(failed, true, ""); failure.Kind != KindClosed {
			w.t.Errorf("%v, want closed", failure)
		}
	})
}

// drain reads what x/crypto/ssh has read ahead and nobody else will read: its
// goroutines would stay, and the bubble with them.
func drain(c ssh.Conn) {
	transport := reflect.ValueOf(c).Elem().FieldByName("transport").Elem().Elem()
	incoming := *(*chan []byte)(unsafe.Pointer(transport.FieldByName("incoming").UnsafeAddr()))
	for range incoming {
	}
}
