package emulator

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func (h *harness) wantRejected(user string, auth ...ssh.AuthMethod) {
	h.Helper()
	if _, err := h.login(user, auth...); err == nil || !strings.Contains(err.Error(), "unable to authenticate") {
		h.Fatalf("login of %s: got %v, want a refusal", user, err)
	}
}

func TestBannerIsThatOfRouterOS(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		banner := make([]byte, 16)
		if _, err := io.ReadFull(h.wire(), banner); err != nil || string(banner) != "SSH-2.0-ROSSSH\r\n" {
			h.Fatalf("got %q, %v", banner, err)
		}
	})
}

func TestHostKeyIsRSAByDefault(t *testing.T) {
	bubble(t, Options{HostKeyType: "rsa"}, func(h *harness) {
		if got := h.HostKey().Type(); got != ssh.KeyAlgoRSA {
			h.Errorf("got %s", got)
		}
		h.connect()
	})
}

func TestNewHostKeyShowsOnTheNextConnection(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		c := h.connect()
		old := h.HostKey()
		key, err := NewHostKey("ed25519")
		if err != nil {
			h.Fatal(err)
		}
		h.SetHostKeys(key)
		if string(h.HostKey().Marshal()) == string(old.Marshal()) {
			h.Error("the key did not change")
		}
		c.want(":put still", "still\r\n")
		h.connect()
	})
}

func TestBlankPasswordLogsIn(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		h.connect(ssh.Password(""))
		h.connect(ssh.KeyboardInteractive(func(string, string, []string, []bool) ([]string, error) { return []string{""}, nil }))
		h.wantRejected("admin", ssh.Password("wrong"))
		h.wantRejected("nobody", ssh.Password(""))
		if st := h.Stats(); st.Logins != 2 || st.LoginFailures != 2 {
			h.Errorf("got %+v", st)
		}
	})
}

func TestPasswordIsRefusedOnceTheUserHasAKey(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		signer := newSigner(h.T)
		h.wantRejected("admin", ssh.PublicKeys(signer))
		h.AuthorizeKey("admin", signer.PublicKey())
		h.connect(ssh.PublicKeys(signer))
		h.wantRejected("admin", ssh.Password(""))
		h.RevokeKeys("admin")
		h.wantRejected("admin", ssh.PublicKeys(signer))
		h.connect(ssh.Password(""))
	})
}

func TestConsoleFlagsAreNoPartOfTheName(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		if _, err := h.login("admin+cte1000w", ssh.Password("")); err != nil {
			h.Fatal(err)
		}
	})
}

func TestECDSAUserKeysAreNeverAccepted(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			h.Fatal(err)
		}
		signer, err := ssh.NewSignerFromKey(key)
		if err != nil {
			h.Fatal(err)
		}
		h.AuthorizeKey("admin", signer.PublicKey())
		h.wantRejected("admin", ssh.PublicKeys(signer))
	})
}

func TestNinthWrongPasswordEndsTheConnection(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		tries := 0
		_, err := h.login("admin", ssh.RetryableAuthMethod(ssh.PasswordCallback(func() (string, error) {
			tries++
			return "wrong", nil
		}), 20))
		if err == nil || tries != 9 || !strings.Contains(err.Error(), "too many authentication failures") {
			h.Errorf("after %d tries: %v", tries, err)
		}
	})
}

func TestLoginFaults(t *testing.T) {
	bubble(t, Options{}, func(h *harness) {
		live := h.connect()
		h.SetRejectLogin(true)
		h.wantRejected("admin")
		h.SetRejectLogin(false)

		h.SetHoldLogin(true)
		if _, err := h.login("admin"); err == nil {
			h.Fatal("a held login succeeded")
		}
		h.wantElapsed(10 * time.Second)
		if st := h.Stats(); st.Handshakes != 3 {
			h.Errorf("%d key exchanges, want 3: the login was held, not the key exchange", st.Handshakes)
		}
		h.SetHoldLogin(false)
		h.connect()
		live.want(":put untouched", "untouched\r\n")
	})
}

func TestConnectionOverMaxSessionsIsClosedBeforeTheBanner(t *testing.T) {
	bubble(t, Options{MaxSessions: 2}, func(h *harness) {
		first := h.connect()
		h.connect()
		if got, err := io.ReadAll(h.wire()); err != nil || len(got) > 0 {
			h.Errorf("got %q, %v, want a FIN", got, err)
		}
		first.Close()
		first.lost()
		h.settle()
		h.connect()
	})
}
