package emulator

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// channel opens a session channel and runs a command, for tests that look at the channel's messages.
func (c *client) channel(command string) (ssh.Channel, <-chan *ssh.Request) {
	c.t.Helper()
	channel, requests, err := c.OpenChannel("session", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if ok, err := channel.SendRequest("exec", true, ssh.Marshal(struct{ C string }{command})); !ok || err != nil {
		c.t.Fatalf("exec: %v, %v", ok, err)
	}
	return channel, requests
}

func TestExecSendsDataThenStatusThenCloseWithoutEOF(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		c.want("nonsense", "bad command name nonsense (line 1 column 1)\r\n")
		_, requests := c.channel(":put x")
		var seen []string
		for r := range requests {
			seen = append(seen, r.Type)
		}
		if strings.Join(seen, " ") != "exit-status" {
			h.Errorf("got requests %q", seen)
		}
	})
}

func TestFailedLineExitsWithTheStatusAskedFor(t *testing.T) {
	bubble(t, Options{Device: NewDevice(DeviceOptions{ErrorExitStatus: 1})}, func(h *harness) {
		c := h.connect()
		c.want(":put fine", "fine\r\n")
		_, err := c.run("nonsense")
		var exit *ssh.ExitError
		if !errors.As(err, &exit) || exit.ExitStatus() != 1 {
			h.Errorf("got %v, want exit status 1", err)
		}
	})
}

func TestExitStatusCanBeMissing(t *testing.T) {
	bubble(t, Options{OmitExitStatus: true, SendEOF: true}, func(h *harness) {
		out, err := h.connect().run(":put x")
		var missing *ssh.ExitMissingError
		if out != "x\r\n" || !errors.As(err, &missing) {
			h.Errorf("got %q, %v", out, err)
		}
	})
}

func TestGlobalRequestsAreNeverAnswered(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		answered := make(chan error, 1)
		go func() {
			_, _, err := c.SendRequest("keepalive@openssh.com", true, nil)
			answered <- err
		}()
		select {
		case <-answered:
			h.Error("the keepalive was answered")
		case <-time.After(time.Hour):
		}
		c.want(":put alive", "alive\r\n")
		c.Close()
		<-answered
	})
}

func TestGlobalRequestsCanBeAnsweredAsOpenSSHDoes(t *testing.T) {
	bubble(t, Options{AnswerGlobalRequests: true}, func(h *harness) {
		if ok, _, err := h.connect().SendRequest("keepalive@openssh.com", true, nil); ok || err != nil {
			h.Errorf("got %v, %v, want a failure reply", ok, err)
		}
	})
}

func TestOtherChannelsAndSubsystemsAreRefused(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		_, _, err := c.OpenChannel("direct-tcpip", nil)
		var refused *ssh.OpenChannelError
		if !errors.As(err, &refused) || refused.Reason != ssh.UnknownChannelType {
			h.Errorf("direct-tcpip: %v", err)
		}
		session, err := c.NewSession()
		if err != nil {
			h.Fatal(err)
		}
		defer session.Close()
		if err := session.RequestSubsystem("netconf"); err == nil {
			h.Error("netconf was accepted")
		}
		if err := session.Shell(); err == nil {
			h.Error("a shell was accepted")
		}
	})
}

func TestSessionsOverTheLimitAreRefused(t *testing.T) {
	bubble(t, Options{SessionsPerConnection: 2}, func(h *harness) {
		c := h.connect()
		h.SetHoldExec(true)
		for range 2 {
			c.channel(":put x")
		}
		_, err := c.NewSession()
		var refused *ssh.OpenChannelError
		if !errors.As(err, &refused) || refused.Reason != ssh.ResourceShortage {
			h.Errorf("third session: %v", err)
		}
		h.SetHoldExec(false)
		h.settle()
		for range 10 { // a session is free for the next as soon as the client knows of its end
			c.want(":put x", "x\r\n")
		}
		if st := h.Stats(); st.MaxSessions != 2 || st.Sessions != 0 || st.Opens != 13 {
			h.Errorf("got %+v", st)
		}
	})
}

func TestSessionsOverTheLimitCanHangUntilOneIsFree(t *testing.T) {
	bubble(t, Options{SessionsPerConnection: 1, HangOverLimit: true}, func(h *harness) {
		c := h.connect()
		h.SetSlowExec(3 * time.Second)
		c.channel(":put x")
		c.want(":put y", "y\r\n")
		h.wantElapsed(6 * time.Second)
	})
}

func TestRefusedOpenLeavesTheConnectionGood(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		h.SetRefuseOpens(true)
		if _, err := c.NewSession(); err == nil {
			h.Error("opened")
		}
		h.SetRefuseOpens(false)
		c.want(":put ok", "ok\r\n")
	})
}

func TestHungOpenIsAnsweredWhenTheFaultEnds(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		h.SetHangOpens(true)
		time.AfterFunc(time.Minute, func() { h.SetHangOpens(false) })
		c.want(":put late", "late\r\n")
		h.wantElapsed(time.Minute)
	})
}

func TestSlowAndHeldExec(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		h.SetSlowExec(2 * time.Second)
		c.want(":put slow", "slow\r\n")
		h.wantElapsed(2 * time.Second)
		h.SetSlowExec(0)
		h.SetHoldExec(true)
		time.AfterFunc(time.Minute, func() { h.SetHoldExec(false) })
		c.want(":put held", "held\r\n")
		h.wantElapsed(62 * time.Second)
	})
}

func TestAbandonedCommandFreesItsSession(t *testing.T) {
	bubble(t, Options{SessionsPerConnection: 1}, func(h *harness) {
		c := h.connect()
		h.SetHoldExec(true)
		channel, _ := c.channel(":put never")
		channel.Close()
		h.settle()
		h.SetHoldExec(false)
		c.want(":put next", "next\r\n")
	})
}

func TestCutOutputEndsWithoutStatus(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		h.SetCutOutput(3)
		out, err := c.run(`:put "0123456789"`)
		var missing *ssh.ExitMissingError
		if out != "012" || !errors.As(err, &missing) {
			h.Errorf("got %q, %v", out, err)
		}
		h.SetCutOutput(-1)
		c.want(":put whole", "whole\r\n")
	})
}

func TestOutputLargerThanTheWindowArrives(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		text := strings.Repeat("x", 100_000)
		command := `:local a "` + text + `"; :put ($a` + strings.Repeat(" . $a", 29) + `)`
		got, err := h.connect().run(command)
		if want := strings.Repeat(text, 30) + "\r\n"; got != want || err != nil {
			h.Errorf("got %d bytes, %v, want %d", len(got), err, len(want))
		}
	})
}

func TestCommandsAreCountedInOrder(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		c.want(":put a", "a\r\n")
		c.want(":put b", "b\r\n")
		if got := strings.Join(h.Stats().Commands, "|"); got != ":put a|:put b" {
			h.Errorf("got %q", got)
		}
	})
}
