package emulator

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"
)

func TestRebootEndsSessionsRefusesAndComesBackWithANewUptime(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		c.want(":put [/system resource get uptime]", "1d02:03:04\r\n")
		c.want("/system identity set name=kept", "")
		h.Reboot(5 * time.Second)
		if err := c.lost(); err != io.EOF {
			h.Errorf("lost: %v", err)
		}
		time.Sleep(5*time.Second - time.Nanosecond)
		_, err := h.login("admin")
		wantError(h.T, err, syscall.ECONNREFUSED)
		time.Sleep(time.Nanosecond)
		h.settle()
		c = h.connect()
		c.want(":put [/system resource get uptime]; :put [/system identity get name]", "00:00:03\r\nkept\r\n")
		time.Sleep(90 * time.Second)
		c.want(":put [/system resource get uptime]", "00:01:33\r\n")
	})
}

func TestRebootCommandAnswersThenReboots(t *testing.T) {
	bubble(t, Options{RebootTime: 20 * time.Second}, func(h *harness) {
		c := h.connect()
		c.want(":execute {/system reboot}", "")
		if err := c.lost(); err != io.EOF {
			h.Errorf("lost: %v", err)
		}
		h.wantElapsed(time.Second)
		time.Sleep(20 * time.Second)
		h.settle()
		h.connect().want(":put [/system resource get uptime]", "00:00:03\r\n")
	})
}

func TestPowerCutIsSilentThenAnswersWithAReset(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		h.PowerCut(30 * time.Second)
		time.AfterFunc(10*time.Second, func() { c.OpenChannel("session", nil) })
		dialed := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(h.Context(), 3*time.Second)
			defer cancel()
			_, err := h.Dial(ctx, "tcp", "rds:22")
			dialed <- err
		}()
		wantError(h.T, <-dialed, context.DeadlineExceeded)
		if err := c.lost(); !errors.Is(err, syscall.ECONNRESET) {
			h.Errorf("lost: %v", err)
		}
		h.wantElapsed(30 * time.Second)
		h.connect()
	})
}

func TestForgottenLinkIsResetByItsFirstByte(t *testing.T) {
	bubble(t, Options{MaxSessions: 1}, func(h *harness) {
		c := h.connect()
		h.PowerCut(time.Second)
		time.Sleep(time.Minute)
		h.connect().want(":put new", "new\r\n")
		if _, err := c.NewSession(); err == nil {
			h.Error("a forgotten link answered")
		}
		if err := c.lost(); !errors.Is(err, syscall.ECONNRESET) {
			h.Errorf("lost: %v", err)
		}
	})
}

func TestRebootDuringARebootBeginsItAnew(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		h.Reboot(10 * time.Second)
		time.Sleep(9 * time.Second)
		h.Reboot(10 * time.Second)
		time.Sleep(9 * time.Second)
		_, err := h.login("admin")
		wantError(h.T, err, syscall.ECONNREFUSED)
		time.Sleep(time.Second)
		h.settle()
		h.connect()
	})
}

func TestRebootOverTCPClosesAndReopensThePort(t *testing.T) {
	overTCP(t, Options{}, func(h *harness) {
		c := h.connect()
		h.Reboot(100 * time.Millisecond)
		c.lost()
		for {
			if _, err := h.login("admin"); err == nil {
				return
			}
			select {
			case <-time.After(10 * time.Millisecond):
			case <-h.Context().Done():
				h.Fatal("not back")
			}
		}
	})
}

func TestCloseDuringAnOutageLeavesNothing(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		h.connect()
		h.PowerCut(time.Hour)
		h.Server.Close()
	})
}

func TestOutagesRunOnSchedule(t *testing.T) {
	for _, kind := range []string{"reboot", "power", "drop", "silence"} {
		t.Run(kind, func(t *testing.T) {
			bubble(t, Options{}, func(h *harness) {
				o, err := ParseOutages("every=30s,down=5s,kind=" + kind)
				if err != nil {
					h.Fatal(err)
				}
				ctx, cancel := context.WithCancel(h.Context())
				done := make(chan struct{})
				go func() { defer close(done); h.RunOutages(ctx, o) }()
				time.Sleep(time.Second)
				for range 3 {
					h.connect().want(":put up", "up\r\n")
					time.Sleep(26 * time.Second) // 27 s into a period of 30 s
					ctx, cancel := context.WithTimeout(h.Context(), time.Second)
					if _, err := h.Dial(ctx, "tcp", "rds:22"); err == nil {
						h.Error("a dial during the outage succeeded")
					}
					cancel()
					time.Sleep(time.Until(h.start.Add(h.elapsed().Truncate(30*time.Second) + 31*time.Second)))
				}
				cancel()
				<-done
				h.connect()
			})
		})
	}
}

func TestOutagesAreParsedStrictly(t *testing.T) {
	if o, err := ParseOutages("every=30s,down=5s"); err != nil || o != (Outages{30 * time.Second, 5 * time.Second, "reboot"}) {
		t.Errorf("got %+v, %v", o, err)
	}
	for _, text := range []string{"", "every=30s", "down=5s", "every=5s,down=30s", "every=x,down=1s", "every=30s,down=5s,kind=fire", "every=30s,down=5s,when=now"} {
		if _, err := ParseOutages(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}
