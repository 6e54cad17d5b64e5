package e2e

import (
	"testing"
	"time"

	"rds-csi/internal/conn"
	"rds-csi/internal/emulator"
)

// The durations of faults are a little crooked so that no fault ends at the very
// moment of an attempt.

// What the peer says is known at once.
func TestAPeerThatSaysGoodbyeIsMissedAtOnce(t *testing.T) {
	for _, f := range []fault{
		{name: "orderly close", begin: func(w *world) { w.rds.DropAll() }, lost: losing(conn.ReasonEOF), causes: oneLink},
		{name: "reset", begin: func(w *world) { w.rds.ResetAll() }, lost: losing(conn.ReasonReset), causes: oneLink},
		{name: "disconnect message", begin: func(w *world) { w.rds.DisconnectAll() }, lost: losing(conn.ReasonDisconnect), causes: oneLink},
		{name: "server crash and return", lasts: 12500 * time.Millisecond,
			begin: func(w *world) { w.rds.SetRefuse(true); w.rds.ResetAll() },
			end:   func(w *world) { w.rds.SetRefuse(false) },
			lost:  losing(conn.ReasonReset), failed: failing(4, conn.KindRefused), causes: oneLink, unready: true},
		{name: "reboot", lasts: 30500 * time.Millisecond,
			begin: func(w *world) { w.rds.Reboot(30 * time.Second) },
			lost:  losing(conn.ReasonEOF), failed: failing(5, conn.KindRefused), causes: oneReboot},
		{name: "no route", lasts: 12500 * time.Millisecond,
			begin: func(w *world) { w.rds.SetUnreachable(true); w.rds.ResetAll() },
			end:   func(w *world) { w.rds.SetUnreachable(false) },
			lost:  losing(conn.ReasonReset), failed: failing(4, conn.KindUnreachable), causes: oneLink, unready: true},
	} {
		t.Run(f.name, f.tell)
	}
}

// Silence is known within 10 s, 7 s with a command under way.
func TestAPeerThatFallsSilentIsMissedInTime(t *testing.T) {
	for _, f := range []fault{
		{name: "half-open link while new dials work", silent: 10 * time.Second, lasts: 10 * time.Second,
			begin: func(w *world) { w.rds.SetBlackHoleLive() }, lost: losing(conn.ReasonSilence), causes: oneLink},
		{name: "half-open link under a command", silent: 7 * time.Second, lasts: 10 * time.Second,
			begin: func(w *world) { w.rds.SetBlackHoleLive(); go w.exec() },
			lost:  losing(conn.ReasonSilence), causes: oneLink},
		{name: "black hole", silent: 10 * time.Second, lasts: 20 * time.Second,
			begin: func(w *world) { w.rds.SetBlackHole(true) },
			end:   func(w *world) { w.rds.SetBlackHole(false) },
			lost:  losing(conn.ReasonSilence), failed: failing(1, conn.KindTimeout), causes: oneLink},
		{name: "black hole under a command", silent: 7 * time.Second, lasts: 20 * time.Second,
			begin: func(w *world) { w.rds.SetBlackHole(true); go w.exec() },
			end:   func(w *world) { w.rds.SetBlackHole(false) },
			lost:  losing(conn.ReasonSilence), failed: failing(2, conn.KindTimeout), causes: oneLink},
		{name: "power cut", silent: 10 * time.Second, lasts: 30500 * time.Millisecond,
			begin: func(w *world) { w.rds.PowerCut(30 * time.Second) },
			lost:  losing(conn.ReasonSilence), failed: failing(2, conn.KindTimeout), causes: oneReboot},
	} {
		t.Run(f.name, f.tell)
	}
}

// A server that is there and does not serve is tried at the pace of the
// schedule, and each way of not serving has its own kind.
func TestAServerThatDoesNotServeIsTriedUntilItDoes(t *testing.T) {
	const lasts = 15500 * time.Millisecond
	dropped := losing(conn.ReasonEOF)
	for _, f := range []fault{
		{name: "no banner",
			begin: func(w *world) { w.rds.SetHoldBanner(true); w.rds.DropAll() },
			end:   func(w *world) { w.rds.SetHoldBanner(false) }, failed: failing(2, conn.KindHandshake)},
		{name: "stalled key exchange",
			begin: func(w *world) { w.rds.SetHoldKeyExchange(true); w.rds.DropAll() },
			end:   func(w *world) { w.rds.SetHoldKeyExchange(false) }, failed: failing(2, conn.KindHandshake)},
		{name: "login never answered",
			begin: func(w *world) { w.rds.SetHoldLogin(true); w.rds.DropAll() },
			end:   func(w *world) { w.rds.SetHoldLogin(false) }, failed: failing(2, conn.KindHandshake)},
		{name: "accept then close",
			begin: func(w *world) { w.rds.SetAcceptThenClose(true); w.rds.DropAll() },
			end:   func(w *world) { w.rds.SetAcceptThenClose(false) }, failed: failing(5, conn.KindClosed)},
		{name: "sessions never open",
			begin: func(w *world) { w.rds.SetHangOpens(true); w.rds.DropAll() },
			end:   func(w *world) { w.rds.SetHangOpens(false) }, failed: failing(2, conn.KindUnusable)},
	} {
		f.lasts, f.lost, f.causes, f.unready = lasts, dropped, oneLink, true
		t.Run(f.name, f.tell)
	}
}

// What only a person can mend is tried every 16 s.
func TestAMistakeInKeysIsTriedSlowlyUntilItIsMended(t *testing.T) {
	impostor := must(emulator.NewHostKey("ed25519"))
	dropped := losing(conn.ReasonEOF)
	var restore func()
	for _, f := range []fault{
		{name: "key revoked then restored", lasts: 20 * time.Second, failed: failing(2, conn.KindAuth), unready: true,
			begin: func(w *world) { w.rds.RevokeKeys("admin"); w.rds.DropAll() },
			end:   func(w *world) { w.rds.AuthorizeKey("admin", must(conn.LoadKey(w.keyFile)).PublicKey()) }},
		{name: "impostor with another host key for an hour", lasts: time.Hour + time.Second, failed: failing(226, conn.KindHostKey), unready: true,
			begin: func(w *world) {
				device := must(emulator.NewHostKey("ed25519"))
				w.rds.SetHostKeys(impostor)
				restore = func() { w.rds.SetHostKeys(device); writeHostKey(w.t, w.hostKeyFile, device.PublicKey()) }
				w.rds.DropAll()
			},
			end: func(*world) { restore() }},
		{name: "key rotated on device and disk", begin: func(w *world) { w.rotateKey()(); w.rds.DropAll() }},
		{name: "key rotated on the device first", lasts: 20 * time.Second, failed: failing(2, conn.KindAuth), unready: true,
			begin: func(w *world) { restore = w.rotateKey(); w.rds.DropAll() },
			end:   func(*world) { restore() }},
		{name: "key file empty for a while", lasts: 20 * time.Second, failed: failing(2, conn.KindCredentials), unready: true,
			begin: func(w *world) { restore = w.rotateKey(); writeFile(w.t, w.keyFile, nil); w.rds.DropAll() },
			end:   func(*world) { restore() }},
		{name: "host key rotated on the device first", lasts: 20 * time.Second, failed: failing(2, conn.KindHostKey), unready: true,
			begin: func(w *world) { w.rds.SetHostKeys(impostor); w.rds.DropAll() },
			end:   func(w *world) { writeHostKey(w.t, w.hostKeyFile, impostor.PublicKey()) }},
	} {
		f.lost, f.causes = dropped, oneLink
		t.Run(f.name, f.tell)
	}
}

// Slow is not lost: with and without commands under way nothing is counted.
func TestALinkThatIsSlowOrStallsIsNoLoss(t *testing.T) {
	for _, f := range []fault{
		{name: "200 ms each way", lasts: 20 * time.Second,
			begin: func(w *world) { w.rds.SetDelay(200 * time.Millisecond) }, end: func(w *world) { w.rds.SetDelay(0) }},
		{name: "1.2 s each way", lasts: 20 * time.Second,
			begin: func(w *world) { w.rds.SetDelay(1200 * time.Millisecond) }, end: func(w *world) { w.rds.SetDelay(0) }},
		{name: "frozen for 3 s", lasts: 3 * time.Second,
			begin: func(w *world) { w.rds.SetFrozen(true) }, end: func(w *world) { w.rds.SetFrozen(false) }},
	} {
		t.Run(f.name, f.tell)
		quiet := f.begin
		f.begin = func(w *world) { quiet(w); go busy(w, f.lasts) }
		t.Run(f.name+" under commands", f.tell)
	}
}

// busy runs one command after the other.
func busy(w *world, lasts time.Duration) {
	for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		w.exec()
	}
}

// Hurrying back to a device that throws us out would trip its firewall.
func TestALinkThatFlapsIsDialledWithRestraint(t *testing.T) {
	for _, f := range []fault{
		{name: "20 drops in 10 s", dials: 8,
			begin: func(w *world) {
				for range 20 {
					w.rds.DropAll()
					w.pass(499 * time.Millisecond)
				}
			},
			lost: map[conn.Reason]int{conn.ReasonEOF: 5}, causes: map[conn.Cause]int{conn.CauseLink: 5}},
		{name: "60 s of accept then close", dials: 10, lasts: time.Minute, unready: true,
			begin: func(w *world) { w.rds.SetAcceptThenClose(true); w.rds.DropAll() },
			end:   func(w *world) { w.rds.SetAcceptThenClose(false) },
			lost:  losing(conn.ReasonEOF), failed: failing(7, conn.KindClosed), causes: oneLink},
	} {
		t.Run(f.name, f.tell)
	}
}

func TestAServerThatIsDownAtTheStartIsWaitedFor(t *testing.T) {
	for _, f := range []fault{
		{name: "refused", lasts: 30 * time.Second, failed: failing(5, conn.KindRefused),
			begin: func(w *world) { w.rds.SetRefuse(true) }, end: func(w *world) { w.rds.SetRefuse(false) }},
		{name: "silent", lasts: 30 * time.Second, failed: failing(3, conn.KindTimeout),
			begin: func(w *world) { w.rds.SetBlackHole(true) }, end: func(w *world) { w.rds.SetBlackHole(false) }},
		{name: "slow", lasts: 20 * time.Second,
			begin: func(w *world) { w.rds.SetDelay(200 * time.Millisecond) }, end: func(w *world) { w.rds.SetDelay(0) }},
	} {
		f.atStart = true
		if f.failed != nil {
			f.unready, f.causes = true, oneUnknown
		}
		t.Run(f.name, f.tell)
	}
}
