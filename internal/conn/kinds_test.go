package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/emulator"
)

// Promise 6: failures have a kind, found from the stage and from typed errors.

func TestFailureHasTheKindOfItsCause(t *testing.T) {
	tests := []struct {
		kind  Kind
		name  string
		fault func(*world)
	}{
		{KindRefused, "refused", func(w *world) { w.rds.SetRefuse(true) }},
		{KindUnreachable, "no route", func(w *world) { w.rds.SetUnreachable(true) }},
		{KindTimeout, "SYN dropped", func(w *world) { w.rds.SetDropDials(true) }},
		{KindClosed, "accepted, then closed", func(w *world) { w.rds.SetAcceptThenClose(true) }},
		{KindClosed, "closed in the key exchange", func(w *world) { w.rds.SetHoldKeyExchange(true); time.AfterFunc(time.Second, w.rds.DropAll) }},
		{KindClosed, "reset in the key exchange", func(w *world) { w.rds.SetHoldKeyExchange(true); time.AfterFunc(time.Second, w.rds.ResetAll) }},
		{KindClosed, "closed in the login", func(w *world) { w.rds.SetHoldLogin(true); time.AfterFunc(time.Second, w.rds.DropAll) }},
		{KindClosed, "reset in the login", func(w *world) { w.rds.SetHoldLogin(true); time.AfterFunc(time.Second, w.rds.ResetAll) }},
		{KindHandshake, "no banner", func(w *world) { w.rds.SetHoldBanner(true) }},
		{KindHandshake, "stalled key exchange", func(w *world) { w.rds.SetHoldKeyExchange(true) }},
		{KindHostKey, "a key of another type", func(w *world) { w.rds.SetHostKeys(must(emulator.NewHostKey("rsa"))) }},
		{KindHostKey, "another key", func(w *world) { key, _ := newSigner(); w.rds.SetHostKeys(key) }},
		{KindAuth, "login refused", func(w *world) { w.rds.SetRejectLogin(true) }},
		{KindAuth, "key revoked", func(w *world) { w.rds.RevokeKeys("admin") }},
		{KindCredentials, "no key file", func(w *world) { os.Remove(w.keyFile) }},
		{KindCredentials, "malformed key file", func(w *world) { writeFile(w.t, w.keyFile, "no key") }},
		{KindCredentials, "empty host key file", func(w *world) { writeFile(w.t, w.hostKeyFile, "\n") }},
		{KindUnusable, "sessions refused", func(w *world) { w.rds.SetRefuseOpens(true) }},
		{KindUnusable, "commands cut short", func(w *world) { w.rds.SetCutOutput(3) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, nil, func(w *world) {
				tt.fault(w)
				err := w.client.Connect(w.t.Context())
				if KindOf(err) != tt.kind {
					w.t.Errorf("Connect: %v, kind %q, want %s", err, KindOf(err), tt.kind)
				}
				if w.client.IsConnected() {
					w.t.Error("connected all the same")
				}
			})
		})
	}
}

// Without a pinned key there is none that the device could lack.
func TestDeviceWithoutACommonHostKeyTypeIsNoImpostorWhenNoneIsPinned(t *testing.T) {
	mismatch := &ssh.AlgorithmNegotiationError{What: "host key"}
	if err := handshakeError(handshakeResult{err: mismatch}, true, ""); !strings.Contains(err.Error(), "no host key of a pinned type") {
		t.Errorf("%v, want that it has no key of a pinned type", err)
	}
	for pinned, want := range map[bool]Kind{true: KindHostKey, false: KindHandshake} {
		if failure := handshakeError(handshakeResult{err: mismatch}, pinned, ""); failure.Kind != want {
			t.Errorf("pinned %v: %v, want %s", pinned, failure, want)
		}
	}
}

// unacknowledged is a connection that the kernel gives up: a packet of the
// handshake was lost, and the attempt has more time than the user timeout.
type unacknowledged struct{ net.Conn }

func (unacknowledged) Read([]byte) (int, error) {
	return 0, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ETIMEDOUT)}
}

// A device that fell silent has closed nothing, and refused nothing.
func TestSilenceInTheHandshakeIsNoClose(t *testing.T) {
	inBubble(t, func(s *settings) {
		s.client.Dial = func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go io.Copy(io.Discard, there)
			return unacknowledged{here}, nil
		}
	}, func(w *world) {
		if err := w.client.Connect(w.t.Context()); KindOf(err) != KindHandshake || !errors.Is(err, syscall.ETIMEDOUT) {
			w.t.Errorf("Connect: %v, want handshake", err)
		}
	})
	late := handshakeResult{err: errors.New("in the login"), verified: true}
	if failure := handshakeError(late, true, ReasonSilence); failure.Kind != KindHandshake {
		t.Errorf("%v, want handshake", failure)
	}
}

func TestEveryKindOfAFailedAttemptHasItsWords(t *testing.T) {
	types := map[string]Kind{}
	for _, k := range AttemptKinds() {
		if k.ErrorType() == "" || k.Summary() == "" || k.Remedy() == "" {
			t.Errorf("kind %s lacks error type, summary or remedy", k)
		}
		if other, ok := types[k.ErrorType()]; ok {
			t.Errorf("kinds %s and %s share the error type %s", k, other, k.ErrorType())
		}
		types[k.ErrorType()] = k
	}
	if KindCanceled.ErrorType() != "" {
		t.Error("a shutdown is no failure and has no error type")
	}
}

func TestImpostorIsNeverReportedConnected(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.connect()
		w.pass(time.Minute)
		genuine := w.rds.HostKey()
		impostor, _ := newSigner()
		w.rds.SetHostKeys(impostor)
		w.rds.DropAll()
		w.pass(time.Hour)
		for _, state := range w.seen.states[len(w.seen.states)-200:] {
			if state == StateConnected {
				w.t.Fatal("the impostor was trusted")
			}
		}
		if n := w.rds.Stats().Logins; n != 1 {
			w.t.Errorf("%d logins: the impostor was shown who we are", n)
		}
		var mismatch *HostKeyError
		if err := w.m.Snapshot().LastError; !errors.As(err, &mismatch) ||
			mismatch.Presented != ssh.FingerprintSHA256(impostor.PublicKey()) || mismatch.Pinned[0] != ssh.FingerprintSHA256(genuine) {
			w.t.Errorf("last error %v, want both fingerprints", err)
		}
		if !strings.Contains(w.log.String(), "level=ERROR msg=\"RDS HOST KEY CHANGED") {
			w.t.Error("the changed host key has no line of its own in the log")
		}
	})
}

func TestRotationOnDiskHealsByItself(t *testing.T) {
	tests := []struct {
		name   string
		break_ func(*world)
		heal   func(*world)
	}{
		{"host key, pinned later", func(w *world) { key, _ := newSigner(); w.rds.SetHostKeys(key) },
			func(w *world) { writeHostKeys(w.t, w.hostKeyFile, w.rds.HostKey()) }},
		{"client key, authorised later", func(w *world) { w.rds.RevokeKeys("admin") },
			func(w *world) { w.rds.AuthorizeKey("admin", writeKey(w.t, w.keyFile)) }},
		{"key file missing for a while", func(w *world) { os.Rename(w.keyFile, w.keyFile+".old") },
			func(w *world) { os.Rename(w.keyFile+".old", w.keyFile) }},
		{"login refused for a while", func(w *world) { w.rds.SetRejectLogin(true) }, func(w *world) { w.rds.SetRejectLogin(false) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, nil, func(w *world) {
				w.connect()
				w.pass(time.Minute)
				tt.break_(w)
				w.rds.DropAll()
				w.pass(time.Minute)
				w.wantConnected(false)
				tt.heal(w)
				w.wantBack(DefaultMaxInterval + time.Second)
			})
		})
	}
}

func TestSeveralPinnedKeysPrepareARotation(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		next, _ := newSigner()
		writeHostKeys(w.t, w.hostKeyFile, w.rds.HostKey(), next.PublicKey())
		w.connect()
		w.pass(time.Minute)
		w.rds.SetHostKeys(next)
		w.rds.DropAll()
		w.pass(0)
		w.wantConnected(true)
	})
}

func TestOnlyTheAlgorithmsOfThePinnedKeysAreOffered(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		pinned := must(emulator.NewHostKey("rsa"))
		other, _ := newSigner()
		w.rds.SetHostKeys(other, pinned) // a client that offers Ed25519 is shown that one
		writeHostKeys(w.t, w.hostKeyFile, pinned.PublicKey())
		w.connect()
	})
}

func TestSkippingTheHostKeyCheckIsVisible(t *testing.T) {
	inBubble(t, func(s *settings) { s.client.InsecureSkipVerify = true }, func(w *world) {
		w.connect()
		if got := w.m.Snapshot().Report.HostKeyCheck; got != "off" {
			w.t.Errorf("host key check %q, want off", got)
		}
	})
}
