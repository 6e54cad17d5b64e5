package conn

import (
	"testing"
	"time"

	"rds-csi/internal/emulator"
)

// Promise 11: the cause of the outage.

func TestOutageHasItsCause(t *testing.T) {
	tests := []struct {
		name  string
		fault func(*world)
		cause Cause
	}{
		{"link", func(w *world) { w.rds.DropAll() }, CauseLink},
		{"half-open link", func(w *world) { w.rds.SetBlackHoleLive() }, CauseLink},
		{"reboot", func(w *world) { w.rds.Reboot(30 * time.Second) }, CauseReboot},
		{"power cut", func(w *world) { w.rds.PowerCut(30 * time.Second) }, CauseReboot},
	}
	for _, tt := range tests {
		for _, before := range []time.Duration{time.Minute, 2 * 24 * time.Hour} {
			t.Run(tt.name, func(t *testing.T) {
				inBubble(t, func(s *settings) { s.manager.PollInterval = maxTurn }, func(w *world) {
					w.connect()
					w.pass(before)
					tt.fault(w)
					w.pass(2 * time.Minute)
					w.wantConnected(true)
					if got := w.seen.lastOutage(); got.Cause != tt.cause {
						w.t.Errorf("after %v: cause %q, want %q", before, got.Cause, tt.cause)
					}
					if got := w.m.Snapshot().LastOutage; got == nil || got.Cause != tt.cause {
						w.t.Errorf("the snapshot's last outage is %+v", got)
					}
				})
			})
			if testing.Short() {
				break
			}
		}
	}
}

func TestAnotherDeviceIsLoud(t *testing.T) {
	var second *emulator.Server
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.pass(time.Minute)
		second = must(emulator.NewServer(emulator.Options{
			HostKeyType: "ed25519", Device: emulator.NewDevice(emulator.DeviceOptions{SerialNumber: "ANOTHER0001"})}))
		defer second.Close()
		second.AuthorizeKey("admin", must(LoadKey(w.keyFile)).PublicKey())
		writeHostKeys(w.t, w.hostKeyFile, second.HostKey())
		w.client.cfg.Dial = second.Dial
		w.rds.DropAll()
		w.pass(time.Second)
		if got := w.seen.lastOutage().Cause; got != CauseOtherDevice {
			w.t.Errorf("cause %q, want other_device", got)
		}
		w.wantLog("level=ERROR", "ANOTHER DEVICE")
		w.m.Stop()
	})
}

func TestCauseFromIdentities(t *testing.T) {
	now := time.Now()
	report := func(id Identity, at time.Time) Report {
		var r Report
		r.setIdentity(id, at, at)
		return r
	}
	tests := []struct {
		name        string
		before, now Identity
		later       time.Duration
		want        Cause
	}{
		{"same device, longer up", Identity{SerialNumber: "A", Uptime: time.Hour}, Identity{SerialNumber: "A", Uptime: 2 * time.Hour}, time.Hour, CauseLink},
		{"same device, shorter up", Identity{SerialNumber: "A", Uptime: time.Hour}, Identity{SerialNumber: "A", Uptime: time.Minute}, time.Hour, CauseReboot},
		{"up longer than at the time before, but rebooted", Identity{SerialNumber: "A", Uptime: time.Minute}, Identity{SerialNumber: "A", Uptime: time.Hour}, 2 * time.Hour, CauseReboot},
		{"clocks that drift apart by 200 ppm in 90 days", Identity{SerialNumber: "A", Uptime: time.Hour},
			Identity{SerialNumber: "A", Uptime: 90*24*time.Hour + time.Hour - 26*time.Minute}, 90 * 24 * time.Hour, CauseLink},
		{"another serial number", Identity{SerialNumber: "A", Uptime: time.Hour}, Identity{SerialNumber: "B", Uptime: time.Hour}, time.Hour, CauseOtherDevice},
		{"a new licence on the same hardware", Identity{SerialNumber: "A", SoftwareID: "X", Uptime: time.Hour}, Identity{SerialNumber: "A", SoftwareID: "Y", Uptime: 2 * time.Hour}, time.Hour, CauseLink},
		{"another CHR", Identity{SystemID: "X", Uptime: time.Hour}, Identity{SystemID: "Y", Uptime: 2 * time.Hour}, time.Hour, CauseOtherDevice},
		{"an id that is absent is not different", Identity{SerialNumber: "A", Uptime: time.Hour}, Identity{Uptime: 2 * time.Hour}, time.Hour, CauseLink},
		{"no uptime", Identity{SerialNumber: "A"}, Identity{SerialNumber: "A"}, time.Hour, CauseUnknown},
	}
	for _, tt := range tests {
		if got := causeOf(report(tt.before, now), report(tt.now, now.Add(tt.later))); got != tt.want {
			t.Errorf("%s: cause %q, want %q", tt.name, got, tt.want)
		}
	}
}
