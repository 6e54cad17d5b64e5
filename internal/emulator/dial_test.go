package emulator

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

func TestRefusedDialFailsAtOnce(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		h.SetRefuse(true)
		_, err := h.login("admin")
		wantError(h.T, err, syscall.ECONNREFUSED)
		h.wantElapsed(0)

		h.SetRefuse(false)
		h.connect()
	})
}

func TestUnreachableDialSaysNoRoute(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		h.SetUnreachable(true)
		_, err := h.login("admin")
		wantError(h.T, err, syscall.EHOSTUNREACH)
	})
}

func TestDroppedDialWaitsForItsDeadline(t *testing.T) {
	for name, fault := range map[string]func(*Server, bool){"drop": (*Server).SetDropDials, "black hole": (*Server).SetBlackHole} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(h *harness) {
				fault(h.Server, true)
				ctx, cancel := context.WithTimeout(h.Context(), 7*time.Second)
				defer cancel()
				_, err := h.Dial(ctx, "tcp", "rds:22")
				var timeout net.Error
				if !errors.As(err, &timeout) || !timeout.Timeout() {
					h.Fatalf("got %v, want a timeout", err)
				}
				h.wantElapsed(7 * time.Second)
			})
		})
	}
}

// Nobody answers a SYN that was on its way when the device went down.
func TestDialUnderWayDoesNotOutliveTheDevice(t *testing.T) {
	for name, want := range map[string]struct {
		down func(*Server, time.Duration)
		err  error
		took time.Duration
	}{
		"reboot":    {(*Server).Reboot, syscall.ECONNREFUSED, 200 * time.Millisecond},
		"power cut": {(*Server).PowerCut, context.DeadlineExceeded, 7 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(h *harness) {
				h.SetDelay(100 * time.Millisecond)
				time.AfterFunc(50*time.Millisecond, func() { want.down(h.Server, time.Second) })
				ctx, cancel := context.WithTimeout(h.Context(), 7*time.Second)
				defer cancel()
				_, err := h.Dial(ctx, "tcp", "rds:22")
				wantError(h.T, err, want.err)
				h.wantElapsed(want.took)
			})
		})
	}
}

func TestDialErrorsAreThoseOfPackageNet(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		ctx, cancel := context.WithCancel(h.Context())
		cancel()
		_, err := h.Dial(ctx, "tcp", "rds:22")
		wantError(h.T, err, context.Canceled)
		if got, want := err.Error(), "dial tcp rds:22: operation was canceled"; got != want {
			h.Errorf("got %q, want %q", got, want)
		}
		var op *net.OpError
		if !errors.As(err, &op) || op.Op != "dial" {
			h.Errorf("%#v is no dial error", err)
		}
	})
}

func TestDeadlineEndsAReadAndCanBeMoved(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		h.SetHoldBanner(true)
		wire := h.wire()
		wire.SetReadDeadline(time.Now().Add(3 * time.Second))
		_, err := wire.Read(make([]byte, 1))
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			h.Fatalf("got %v, want a timeout", err)
		}
		h.wantElapsed(3 * time.Second)

		wire.SetDeadline(time.Time{})
		wire.SetReadDeadline(time.Now().Add(time.Hour))
		time.AfterFunc(time.Second, func() { wire.SetReadDeadline(time.Now()) })
		if _, err := wire.Read(make([]byte, 1)); err == nil {
			h.Fatal("read without data succeeded")
		}
		h.wantElapsed(4 * time.Second)
	})
}

func TestPipeEndsLikeASocket(t *testing.T) {
	client, device := newPipe(pipeAddr{"tcp", "a"}, pipeAddr{"tcp", "b"})
	device.Write([]byte("last words"))
	device.Close()
	got, err := io.ReadAll(client)
	if err != nil || string(got) != "last words" {
		t.Errorf("got %q, %v, want what was sent before the close", got, err)
	}
	_, err = client.Write([]byte("x"))
	wantError(t, err, syscall.EPIPE)
	client.Close()
	_, err = client.Read(nil)
	wantError(t, err, net.ErrClosed)
	wantError(t, client.Close(), net.ErrClosed)

	client, device = newPipe(pipeAddr{"tcp", "a"}, pipeAddr{"tcp", "b"})
	device.Write([]byte("lost"))
	device.reset()
	_, err = client.Read(make([]byte, 1))
	wantError(t, err, syscall.ECONNRESET)
}

func TestOpenCountsConnectionsUntilTheClientClosesThem(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		first, second := h.connect(), h.connect()
		h.DropAll()
		first.lost() // x/crypto closes its end when it sees the loss
		second.lost()
		third := h.wire()
		if st := h.Stats(); st.Open != 1 || st.MaxOpen != 2 || len(st.Dials) != 3 || st.Logins != 2 || st.Handshakes != 2 {
			h.Errorf("got %+v", st)
		}
		h.SetBlackHoleLive()
		third.Close()
		if st := h.Stats(); st.Open != 0 {
			h.Errorf("%d open after the last close", st.Open)
		}
	})
}

func TestTCPListenerRefusesAndComesBackOnTheSamePort(t *testing.T) {
	overTCP(t, Options{}, func(h *harness) {
		h.connect()
		h.SetRefuse(true)
		// On a loaded machine Linux was seen to take a connection to the port of a
		// closed listener, and to reset it. Served is none.
		deadline := time.Now().Add(10 * time.Second)
		for refused := false; !refused; {
			_, err := h.login("admin")
			refused = errors.Is(err, syscall.ECONNREFUSED)
			if !refused && (!errors.Is(err, syscall.ECONNRESET) || time.Now().After(deadline)) {
				h.Fatalf("got %v, want connection refused", err)
			}
		}
		h.SetRefuse(false)
		h.connect().want(`:put back`, "back\r\n")
	})
}

func TestServeResetsWhileItRefuses(t *testing.T) {
	overTCP(t, Options{}, func(h *harness) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			h.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- h.Serve(l) }()
		h.SetRefuse(true)
		wire, err := net.Dial("tcp", l.Addr().String())
		if err == nil { // the reset may be faster than the dial
			_, err = io.ReadAll(wire)
			wire.Close()
		}
		if !errors.Is(err, syscall.ECONNRESET) {
			h.Errorf("got %v, want a reset", err)
		}
		h.Server.Close()
		if err := <-served; err != nil {
			h.Errorf("Serve: %v", err)
		}
	})
}

func TestClosedServerAdmitsNobody(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		h.connect()
		h.Server.Close()
		h.Server.Close()
		_, err := h.login("admin")
		wantError(h.T, err, syscall.ECONNREFUSED)
		if _, err := h.Listen("127.0.0.1:0"); !errors.Is(err, net.ErrClosed) {
			h.Errorf("Listen: %v", err)
		}
	})
}

func TestReaderOfAClosedEndIsToldSoWhateverTheOtherEndDoes(t *testing.T) {
	for range 100 {
		client, device := newPipe(pipeAddr{"tcp", "a"}, pipeAddr{"tcp", "b"})
		go func() {
			io.Copy(io.Discard, device)
			device.Close()
		}()
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			client.Close()
		}()
		_, err := client.Read(make([]byte, 1))
		wantError(t, err, net.ErrClosed)
		<-closed
	}
}
