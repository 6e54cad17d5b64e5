//go:build linux

package conn

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"rds-csi/internal/emulator"
)

// A second peer beside the emulator's own SSH service, which shares its
// library with the client: OpenSSH has a mind and a code of its own.

func TestConnectionOutlivesTheDaemonThatAcceptedIt(t *testing.T) {
	againstSSHD(t, "", nil, func(w *live, d *sshd) {
		w.connect()
		d.stop()
		w.wantAnswer(":put ok", "ok\r\n")
		w.wantNoLoss()
		reason := w.wantKilled(d)
		w.wantFailure(KindRefused)
		d.start()
		w.wantOutage(reason, CauseLink, KindRefused)
	})
}

func TestOutageBehindOpenSSHHasTheCauseThatTheDeviceTells(t *testing.T) {
	t.Parallel()
	tests := []struct {
		cause  Cause
		device emulator.DeviceOptions // that answers afterwards
	}{
		{CauseLink, emulator.DeviceOptions{}},
		{CauseReboot, emulator.DeviceOptions{Uptime: time.Minute}},
		{CauseOtherDevice, emulator.DeviceOptions{SerialNumber: "HK70ZZZZZZZ"}},
	}
	for _, tt := range tests {
		t.Run(string(tt.cause), func(t *testing.T) {
			againstSSHD(t, "", nil, func(w *live, d *sshd) {
				w.connect()
				d.serve(emulator.NewDevice(tt.device))
				reason := w.wantKilled(d)
				w.wantOutage(reason, tt.cause)
			})
		})
	}
}

func TestConnectionKilledUnderACommandLeavesItsOutcomeUnknown(t *testing.T) {
	againstSSHD(t, "", nil, func(w *live, d *sshd) {
		w.connect()
		result := w.beginNamed(d, "changed", time.Minute)
		reason := w.wantKilled(d)
		w.wantUnknown(<-result)
		w.wantOutage(reason, CauseLink)
		// To read back is the way to know: the command had done its work.
		w.wantAnswer(":put [/system/identity/get name]", "changed\r\n")
	})
}

func TestFrozenConnectionIsFoundAndReplaced(t *testing.T) {
	againstSSHD(t, "", nil, func(w *live, d *sshd) {
		w.connect()
		w.wantLoss(d.freezeConnections, silence, ReasonSilence)
		o := w.wantOutage(ReasonSilence, CauseLink)
		if quiet := o.DetectedAt.Sub(o.LastReceived); quiet < 5*time.Second {
			w.t.Errorf("given up after %v without a byte: too hasty", quiet)
		}
	})
}

func TestConnectionFrozenUnderACommandLeavesItsOutcomeUnknown(t *testing.T) {
	againstSSHD(t, "", nil, func(w *live, d *sshd) {
		w.connect()
		result := w.beginNamed(d, "changed", time.Minute)
		w.wantLoss(d.freezeConnections, silence, ReasonSilence)
		w.wantUnknown(<-result)
		w.wantOutage(ReasonSilence, CauseLink)
		w.wantAnswer(":put [/system/identity/get name]", "changed\r\n")
	})
}

func TestFrozenListenerFailsTheHandshakeInTime(t *testing.T) {
	const limit = 3 * time.Second
	againstSSHD(t, "", func(s *settings) { s.client.ConnectTimeout = limit }, func(w *live, d *sshd) {
		w.connect()
		d.freezeListener()
		reason := w.wantKilled(d)
		failure := w.wantFailure(KindHandshake)
		if failure.Stage != StageHandshake || !strings.Contains(failure.Error(), "--rds-connect-timeout") {
			w.t.Errorf("the failure is %v, want one of the handshake that names the remedy", failure)
		}
		if took := w.seen.last().Duration; took > limit+event {
			w.t.Errorf("the attempt took %v, its limit is %v", took, limit)
		}
		d.thawListener()
		w.wantOutage(reason, CauseLink, KindHandshake)
	})
}

// The daemon allows one session, the client two. The probe, which comes when a
// command has been silent for 2 s, is one too many as well.
func TestSessionTooManyIsBusyAndNoLoss(t *testing.T) {
	againstSSHD(t, "MaxSessions 1", func(s *settings) { s.client.SessionLimit = 2 }, func(w *live, d *sshd) {
		w.connect()
		first := w.beginNamed(d, "busy", 4*time.Second)
		if _, err := w.exec(":put second"); KindOf(err) != KindBusy || !SafeToRetry(err) {
			w.t.Errorf("the second command: %v, want busy and safe to retry", err)
		}
		if err := <-first; err != nil {
			w.t.Errorf("the first command: %v", err)
		}
		if w.seen.count("command probe") == 0 {
			w.t.Error("no probe: this shows half of it only")
		}
		// The daemon may read the next open before it has put the last session
		// away, both in one go: busy once more.
		w.waitFor("a free session", func() bool { _, err := w.exec(":put third"); return err == nil })
		w.wantNoLoss()
	})
}

func TestDaemonFullOfStrangersClosesUntilThereIsRoom(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, config string
		leaves       bool
	}{
		{"until the stranger leaves", "MaxStartups 1:100:1\nLoginGraceTime 60", true},
		{"until its time is up", "MaxStartups 1:100:1\nLoginGraceTime 2", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			againstSSHD(t, tt.config, nil, func(w *live, d *sshd) {
				stranger := d.stranger()
				w.m.StartMonitor(w.t.Context())
				if failure := w.wantFailure(KindClosed); failure.Stage != StageHandshake {
					w.t.Errorf("stage %q, want handshake", failure.Stage)
				}
				if tt.leaves {
					stranger.Close()
				}
				w.wantOutage("", CauseUnknown, KindClosed)
			})
		})
	}
}

func TestRotatedHostKeyIsRefusedUntilTheFileHasIt(t *testing.T) {
	againstSSHD(t, "", nil, func(w *live, d *sshd) {
		w.connect()
		before := d.hostKeys["ed25519"]
		next := d.newHostKey("ed25519")
		d.restart()
		w.wantAnswer(":put ok", "ok\r\n") // on the connection of before
		reason := w.wantKilled(d)
		w.waitFor("several attempts", func() bool { return w.m.Snapshot().ConsecutiveFailures >= 3 })
		var mismatch *HostKeyError
		if failure := w.wantFailure(KindHostKey); !errors.As(failure, &mismatch) ||
			mismatch.Presented != ssh.FingerprintSHA256(next) || !slices.Equal(mismatch.Pinned, []string{ssh.FingerprintSHA256(before)}) {
			w.t.Errorf("the failure is %v, want both fingerprints", failure)
		}
		if n := strings.Count(d.log(), "Accepted publickey for"); n != 1 {
			w.t.Errorf("%d logins: the unknown host was shown who we are", n)
		}
		w.wantLog("level=ERROR", "RDS HOST KEY CHANGED")
		writeHostKeys(w.t, w.hostKeyFile, next)
		w.wantOutage(reason, CauseLink, KindHostKey)
	})
}

func TestRotatedHostKeyThatWasPinnedBeforeIsNoOutageOfItsOwn(t *testing.T) {
	againstSSHD(t, "", nil, func(w *live, d *sshd) {
		before := d.hostKeys["ed25519"]
		w.connect()
		next := d.newHostKey("ed25519")
		writeHostKeys(w.t, w.hostKeyFile, before, next)
		d.restart()
		reason := w.wantKilled(d)
		w.wantOutage(reason, CauseLink)
	})
}

// The daemon prefers its Ed25519 key where the client lets it choose.
func TestPinnedKeyDecidesWhichHostKeyIsAskedFor(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		pin  func(w *live, d *sshd)
	}{
		{"RSA alone", func(w *live, d *sshd) { writeHostKeys(w.t, w.hostKeyFile, d.hostKeys["rsa"]) }},
		{"both", func(w *live, d *sshd) { writeHostKeys(w.t, w.hostKeyFile, d.hostKeys["rsa"], d.hostKeys["ed25519"]) }},
		{"a line of known_hosts", func(w *live, d *sshd) {
			writeFile(w.t, w.hostKeyFile, knownhosts.Line([]string{knownhosts.Normalize(w.client.Address())}, d.hostKeys["rsa"])+"\n")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			againstSSHD(t, "", nil, func(w *live, d *sshd) {
				tt.pin(w, d)
				w.connect()
				w.wantAnswer(":put ok", "ok\r\n")
			})
		})
	}
}

func TestDaemonWithoutAKeyOfThePinnedTypeIsAnotherHost(t *testing.T) {
	againstSSHD(t, "HostKeyAlgorithms rsa-sha2-512,rsa-sha2-256", nil, func(w *live, d *sshd) {
		w.m.StartMonitor(w.t.Context())
		w.wantFailure(KindHostKey)
		w.wantLog("level=ERROR", "RDS HOST KEY CHANGED")
		writeHostKeys(w.t, w.hostKeyFile, d.hostKeys["rsa"])
		w.wantOutage("", CauseUnknown, KindHostKey)
	})
}

func TestClientKeyThatWasRemovedIsRefusedUntilItIsRestored(t *testing.T) {
	t.Parallel()
	// With one try the daemon says goodbye instead of no.
	for _, config := range []string{"MaxAuthTries 6", "MaxAuthTries 1"} {
		t.Run(config, func(t *testing.T) {
			againstSSHD(t, config, nil, func(w *live, d *sshd) {
				w.connect()
				d.authorize()
				w.wantAnswer(":put ok", "ok\r\n")
				w.wantNoLoss()
				reason := w.wantKilled(d)
				w.waitFor("several attempts", func() bool { return w.m.Snapshot().ConsecutiveFailures >= 3 })
				w.wantFailure(KindAuth)
				d.authorize(must(LoadKey(w.keyFile)).PublicKey())
				w.wantOutage(reason, CauseLink, KindAuth)
			})
		})
	}
}

func TestDaemonWithOldAlgorithmsOnlyIsGoodEnough(t *testing.T) {
	againstSSHD(t, "KexAlgorithms diffie-hellman-group-exchange-sha256\nCiphers aes256-ctr\nMACs hmac-sha2-256", nil, func(w *live, d *sshd) {
		w.connect()
		w.wantAnswer(":put ok", "ok\r\n")
	})
}

func TestDaemonWithoutACommonAlgorithmFailsTheHandshake(t *testing.T) {
	t.Parallel()
	for _, config := range []string{"KexAlgorithms diffie-hellman-group14-sha1", "Ciphers aes256-cbc", "Ciphers aes256-ctr\nMACs hmac-sha1"} {
		t.Run(config, func(t *testing.T) {
			againstSSHD(t, config, nil, func(w *live, d *sshd) {
				w.m.StartMonitor(w.t.Context())
				failure := w.wantFailure(KindHandshake)
				var none *ssh.AlgorithmNegotiationError
				if failure.Stage != StageHandshake || !errors.As(failure, &none) {
					w.t.Errorf("the failure is %v, want that there is no common algorithm", failure)
				}
				if w.m.IsConnected() {
					w.t.Error("connected with an algorithm that is not offered")
				}
			})
		})
	}
}

func TestCommandsGoOnAcrossNewSessionKeys(t *testing.T) {
	againstSSHD(t, "RekeyLimit 16K", nil, func(w *live, d *sshd) {
		w.connect()
		text := strings.Repeat("0123456789abcdef", 256)
		for range 30 {
			w.wantAnswer(`:put "`+text+`"`, text+"\r\n")
		}
		if n := strings.Count(d.log(), "SSH2_MSG_NEWKEYS received"); n < 5 {
			w.t.Errorf("%d key exchanges: this shows nothing", n)
		}
		w.wantNoLoss()
	})
}

// The daemon asks every second, and would give up after two questions without
// an answer. Its questions are bytes: no probe is needed.
func TestKeepaliveOfTheDaemonIsAnswered(t *testing.T) {
	againstSSHD(t, "ClientAliveInterval 1\nClientAliveCountMax 2", nil, func(w *live, d *sshd) {
		w.connect()
		probes := w.seen.count("command probe") // of a slow Verify
		for last, questions := w.client.LastReceived(), 0; questions < 4; questions++ {
			w.waitFor("a question", func() bool { return w.client.LastReceived().After(last) })
			last = w.client.LastReceived()
		}
		if n := w.seen.count("command probe") - probes; n != 0 {
			w.t.Errorf("%d probes of a connection on which bytes flow", n)
		}
		w.wantAnswer(":put ok", "ok\r\n")
		w.wantNoLoss()
	})
}

func TestLargeOutputArrivesComplete(t *testing.T) {
	againstSSHD(t, "", nil, func(w *live, d *sshd) {
		w.connect()
		var part strings.Builder
		for i := range 2048 {
			fmt.Fprintf(&part, "%07d ", i)
		}
		times4 := func(name string) string { return "($" + strings.Repeat(name+" . $", 3) + name + ")" }
		command := fmt.Sprintf(`:local a %q; :local b %s; :local c %s; :put %s`, part.String(), times4("a"), times4("b"), times4("c"))
		output, err := w.exec(command)
		if want := strings.Repeat(part.String(), 64) + "\r\n"; err != nil || output != want {
			w.t.Errorf("%d bytes, %v, want %d bytes", len(output), err, len(want))
		}
		w.wantNoLoss()
	})
}

func TestExitStatusOfACommandIsItsRefusal(t *testing.T) {
	againstSSHD(t, "", func(s *settings) { s.device.ErrorExitStatus = 1 }, func(w *live, d *sshd) {
		w.connect()
		output, err := w.exec("/no/such/menu/print")
		var failure *Error
		if !errors.As(err, &failure) || failure.Kind != KindRejected || failure.Status != 1 || failure.Outcome != Refused || output == "" {
			w.t.Errorf("Exec: %q, %v, want status 1 and the device's words", output, err)
		}
		w.wantAnswer(":put ok", "ok\r\n")
		w.wantNoLoss()
	})
}

// The daemon tells the signal that ended a command instead of a status. What
// the command did before is not known.
func TestCommandEndedByASignalIsNotSafeToRepeat(t *testing.T) {
	againstSSHD(t, "", nil, func(w *live, d *sshd) {
		w.connect()
		result := w.beginNamed(d, "changed", time.Minute)
		for _, connection := range d.connections() {
			for _, command := range childrenOf(connection.pid) {
				_ = syscall.Kill(command.pid, syscall.SIGKILL)
			}
		}
		if err := <-result; KindOf(err) != KindRejected || OutcomeOf(err) != Unknown {
			w.t.Errorf("Exec: %v, want rejected with outcome unknown", err)
		}
		w.wantAnswer(":put [/system/identity/get name]", "changed\r\n")
		w.wantNoLoss()
	})
}

func TestDeviceThatDoesNotAnswerBehindTheDaemonIsUnusable(t *testing.T) {
	againstSSHD(t, "", nil, func(w *live, d *sshd) {
		w.connect()
		d.unserve()
		reason := w.wantKilled(d)
		if failure := w.wantFailure(KindUnusable); failure.Stage != StageVerify {
			w.t.Errorf("stage %q, want verify", failure.Stage)
		}
		d.serve(d.device)
		w.wantOutage(reason, CauseLink, KindUnusable)
	})
}
