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

func TestAcceptThenCloseSendsNoBanner(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		h.SetAcceptThenClose(true)
		if got, err := io.ReadAll(h.wire()); err != nil || len(got) > 0 {
			h.Errorf("got %q, %v, want EOF alone", got, err)
		}
	})
}

func TestHeldBannerAndKeyExchangeStaySilentForEver(t *testing.T) {
	for _, test := range []struct {
		name  string
		set   func(*Server, bool)
		sends string
	}{
		{"banner", (*Server).SetHoldBanner, ""},
		{"key exchange", (*Server).SetHoldKeyExchange, "SSH-2.0-ROSSSH\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, Options{}, func(h *harness) {
				test.set(h.Server, true)
				wire := h.wire()
				h.settle()
				test.set(h.Server, false)
				wire.SetReadDeadline(time.Now().Add(time.Hour))
				got, err := io.ReadAll(wire)
				var timeout net.Error
				if string(got) != test.sends || !errors.As(err, &timeout) {
					h.Errorf("got %q, %v", got, err)
				}
				h.connect()
			})
		})
	}
}

func TestEndsOfAConnectionLookDifferentAndTakeNoTime(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*Server)
		want func(error) bool
	}{
		{"fin", (*Server).DropAll, func(err error) bool { return err == io.EOF }},
		{"reset", (*Server).ResetAll, func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		{"disconnect", (*Server).DisconnectAll, func(err error) bool {
			return err != nil && err.Error() == `ssh: disconnect, reason 11: ""`
		}},
	} {
		t.Run(test.name+" in memory", func(t *testing.T) {
			bubble(t, Options{}, func(h *harness) {
				c := h.connect()
				c.want(":put x", "x\r\n")
				test.end(h.Server)
				if err := c.lost(); !test.want(err) {
					h.Errorf("got %v", err)
				}
				h.wantElapsed(0)
				h.connect()
			})
		})
		t.Run(test.name+" over TCP", func(t *testing.T) {
			overTCP(t, Options{}, func(h *harness) {
				c := h.connect()
				c.want(":put x", "x\r\n")
				test.end(h.Server)
				if err := c.lost(); !test.want(err) {
					h.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestDisconnectInTheMiddleOfManyPackets(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		for range 300 { // counters of the packets' encryption carry over
			c.want(":put x", "x\r\n")
		}
		h.SetHoldExec(true)
		c.channel(":put never")
		h.DisconnectAll()
		if err := c.lost(); err == nil || err.Error() != `ssh: disconnect, reason 11: ""` {
			h.Errorf("got %v", err)
		}
	})
}

func TestDelayHoldsBothWaysAndKeepsOrder(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		h.SetDelay(100 * time.Millisecond)
		began := time.Now()
		if _, err := c.NewSession(); err != nil {
			h.Fatal(err)
		}
		if rtt := time.Since(began); rtt != 200*time.Millisecond {
			h.Errorf("a round trip took %v", rtt)
		}
		began = time.Now()
		wire := h.wire()
		if took := time.Since(began); took != 200*time.Millisecond {
			h.Errorf("a dial took %v", took)
		}
		wire.Close()
		h.SetDelay(0)
		c.want(":put x", "x\r\n")
	})
}

func TestBlackHoleSilencesAndLetsGoOnWhereItWas(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		h.SetBlackHole(true)
		time.AfterFunc(3*time.Second, func() { h.SetBlackHole(false) })
		c.want(":put survived", "survived\r\n")
		h.wantElapsed(3 * time.Second)
	})
}

func TestBlackHoleInOneDirection(t *testing.T) {
	for name, fault := range map[string]func(*Server, bool){"received": (*Server).SetHoldReceived, "sent": (*Server).SetHoldSent} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(h *harness) {
				c := h.connect()
				fault(h.Server, true)
				time.AfterFunc(3*time.Second, func() { fault(h.Server, false) })
				before := h.Stats().Opens
				time.AfterFunc(time.Second, func() {
					if arrived := h.Stats().Opens > before; arrived != (name == "sent") {
						h.Errorf("the open has arrived: %v", arrived)
					}
				})
				c.want(":put survived", "survived\r\n")
				h.wantElapsed(3 * time.Second)
				fault(h.Server, true)
				ctx, cancel := context.WithTimeout(h.Context(), time.Second)
				defer cancel()
				if _, err := h.Dial(ctx, "tcp", ""); !errors.Is(err, context.DeadlineExceeded) {
					h.Errorf("dial: %v, want a timeout", err)
				}
			})
		})
	}
}

func TestTrickleSlowsEveryByteDown(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		h.SetTrickle(10 * time.Millisecond)
		c.want(":put survived", "survived\r\n")
		if took := time.Since(h.start); took < time.Second || took > 10*time.Second {
			h.Errorf("it took %v: an answer has some hundred bytes", took)
		}
		h.SetTrickle(0)
		begin := time.Now()
		c.want(":put again", "again\r\n")
		if took := time.Since(begin); took > time.Second {
			h.Errorf("it took %v without the fault", took)
		}
	})
}

func TestDropInABlackHoleIsNotSeen(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		h.SetBlackHole(true)
		h.DropAll()
		lost := make(chan error, 1)
		go func() { lost <- c.lost() }()
		select {
		case err := <-lost:
			h.Errorf("lost: %v", err)
		case <-time.After(time.Hour):
		}
		h.SetBlackHole(false)
		<-lost
	})
}

func TestHalfOpenLinkStaysDeadWhileNewDialsWork(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		old := h.connect()
		h.SetBlackHoleLive()
		h.connect().want(":put new", "new\r\n")
		h.SetFaults(Faults{})
		opened := make(chan error, 1)
		go func() {
			_, err := old.NewSession()
			opened <- err
		}()
		select {
		case err := <-opened:
			h.Errorf("the dead link answered: %v", err)
		case <-time.After(time.Hour):
		}
		old.Close()
		<-opened
	})
}

func TestFrozenProcessAnswersAfterTheThaw(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		h.SetFrozen(true)
		h.wire() // the kernel accepts
		time.AfterFunc(5*time.Second, func() { h.SetFrozen(false) })
		c.want(":put thawed", "thawed\r\n")
		h.wantElapsed(5 * time.Second)
	})
}

func TestFaultsWorkOverTCP(t *testing.T) {
	overTCP(t, Options{}, func(h *harness) {
		c := h.connect()
		h.SetDelay(50 * time.Millisecond)
		began := time.Now()
		c.want(":put slow", "slow\r\n")
		if took := time.Since(began); took < 100*time.Millisecond {
			h.Errorf("a command took %v", took)
		}
		h.SetDelay(0)
		h.SetFrozen(true)
		answered := make(chan string, 1)
		go func() {
			out, _ := c.run(":put thawed")
			answered <- out
		}()
		select {
		case <-answered:
			h.Error("a frozen process answered")
		case <-time.After(200 * time.Millisecond):
		}
		h.SetFrozen(false)
		if got := <-answered; got != "thawed\r\n" {
			h.Errorf("got %q", got)
		}
	})
}
