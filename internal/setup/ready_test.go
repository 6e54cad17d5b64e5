package setup

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"rds-csi/internal/emulator"
)

// ready runs Ready and returns what it printed.
func (h *harness) ready(changes ...func(*Options)) (string, error) {
	h.Helper()
	o := h.options
	for _, change := range changes {
		change(&o)
	}
	var out bytes.Buffer
	o.Output = &out
	err := Ready(h.Context(), o)
	h.Logf("\n%s", out.String())
	return out.String(), err
}

func TestADeviceThatAnswersACommandIsReady(t *testing.T) {
	bubble(t, fresh(), func(h *harness) {
		begin := time.Now()
		if out, err := h.ready(); err != nil || !strings.Contains(out, "RouterOS 7.24.5 (stable) on CHR") {
			h.Errorf("got %v, %s", err, out)
		}
		if took := time.Since(begin); took != 2*time.Second {
			h.Errorf("it asked twice within %v", took)
		}
		if h.Stats().Logins != 1 || len(h.Stats().Commands) != 2 {
			h.Errorf("%d logins, commands %q", h.Stats().Logins, h.Stats().Commands)
		}
	})
}

func TestAPortThatAcceptsIsNotReady(t *testing.T) {
	for name, test := range map[string]struct {
		fault func(*emulator.Server, bool)
		says  string
	}{
		"closed at once":    {(*emulator.Server).SetAcceptThenClose, "no SSH server speaks"},
		"silent":            {(*emulator.Server).SetHoldBanner, "no SSH server speaks"},
		"no key exchange":   {(*emulator.Server).SetHoldKeyExchange, "does not complete the login"},
		"no login":          {(*emulator.Server).SetHoldLogin, "does not complete the login"},
		"no session":        {(*emulator.Server).SetHangOpens, "the device does not answer"},
		"no answer":         {(*emulator.Server).SetHoldExec, "the device does not answer"},
		"nobody listens":    {(*emulator.Server).SetRefuse, "nothing answers on the port"},
		"dropped by a wall": {(*emulator.Server).SetDropDials, "nothing answers on the port"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, fresh(), func(h *harness) {
				begin := time.Now()
				test.fault(h.Server, true)
				out, err := h.ready()
				if took := time.Since(begin); err == nil || took < 5*time.Minute || took > 5*time.Minute+time.Second {
					h.Errorf("after %v: %v", took, err)
				}
				if !strings.Contains(out, test.says) || !strings.Contains(out, "not ready after 5m0s: ") || strings.Count(out, "waiting") < 5 {
					h.Errorf("the output lacks %q or progress", test.says)
				}
				// It is ready while somebody waits.
				time.AfterFunc(time.Minute, func() { test.fault(h.Server, false) })
				begin = time.Now()
				if _, err := h.ready(); err != nil || time.Since(begin) > 2*time.Minute {
					h.Errorf("after the fault: %v after %v", err, time.Since(begin))
				}
			})
		})
	}
}

func TestAPasswordIsSentToAPinnedHostKeyAlone(t *testing.T) {
	bubbleOf(t, fresh(), emulator.Options{Users: []emulator.User{{Name: "admin", Password: "s3cret"}}}, func(h *harness) {
		withPassword := func(o *Options) { o.Admin.Password = "s3cret" }
		if out, err := h.ready(withPassword); err == nil || !strings.Contains(out, "the password is not sent") || h.Stats().LoginFailures != 0 {
			h.Errorf("got %v, %s", err, out)
		}
		h.finishes(withPassword) // pins it
		if _, err := h.ready(withPassword); err != nil {
			h.Error(err)
		}
	})
}

func TestAPasswordIsTriedFewTimes(t *testing.T) {
	bubble(t, fresh(), func(h *harness) {
		h.SetRejectLogin(true)
		begin := time.Now()
		if _, err := h.ready(); err == nil || time.Since(begin) > 10*time.Second {
			h.Errorf("after %v: %v", time.Since(begin), err)
		}
		if h.Stats().Handshakes != 3 {
			h.Errorf("%d attempts", h.Stats().Handshakes)
		}
	})
}
