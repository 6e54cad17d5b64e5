package conn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func wantWords(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not name %q", err, word)
		}
	}
}

func TestPrivateKeyFileFaultsAreNamed(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		writeFile(t, path, content)
		return path
	}
	_, private := newSigner()
	encrypted := must(ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("secret")))
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ path, word string }{
		{filepath.Join(dir, "none"), "does not exist"},
		{dir, "not a regular file"},
		{pipe, "not a regular file"},
		{file("empty", " \n"), "is empty"},
		{file("garbage", "SECRETSECRET"), "not a private key"},
		{file("public", string(ssh.MarshalAuthorizedKey(must(ssh.NewSignerFromKey(private)).PublicKey()))), "not a private key"},
		{file("encrypted", string(pem.EncodeToMemory(encrypted))), "passphrase"},
		{file("pkcs8", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nSECRET==\n-----END ENCRYPTED PRIVATE KEY-----\n"), "passphrase"},
		{file("huge", strings.Repeat("x", maxFileSize+1)), "larger"},
	}
	for _, tt := range tests {
		_, err := LoadKey(tt.path)
		wantWords(t, err, tt.path, tt.word)
		if err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("the error shows a part of the file: %v", err)
		}
	}
}

func TestRSAKeySignsWithSHA2Only(t *testing.T) {
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	path := filepath.Join(t.TempDir(), "key")
	writeFile(t, path, string(pem.EncodeToMemory(must(ssh.MarshalPrivateKey(key, "")))))
	signer := must(LoadKey(path))
	for _, a := range signer.(ssh.MultiAlgorithmSigner).Algorithms() {
		if a == ssh.KeyAlgoRSA {
			t.Error("SHA-1 is offered")
		}
	}
}

func TestHostKeyFileInEveryFormat(t *testing.T) {
	a, _ := newSigner()
	b, _ := newSigner()
	ec := must(ssh.NewSignerFromKey(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))))
	keyA, keyB := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(a.PublicKey()))), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(b.PublicKey())))
	keyEC := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(ec.PublicKey())))
	tests := []struct {
		name, content, host string
		port                int
		accepts, refuses    []ssh.PublicKey
		fault               string
	}{
		{name: "public key", content: keyA + " rds\n", accepts: []ssh.PublicKey{a.PublicKey()}, refuses: []ssh.PublicKey{b.PublicKey()}},
		{name: "two public keys, comments, CRLF", content: "# old\r\n" + keyA + "\r\n\r\n" + keyB + " new\r\n", accepts: []ssh.PublicKey{a.PublicKey(), b.PublicKey()}},
		{name: "public key with tabs", content: strings.ReplaceAll(keyA, " ", "\t") + "\trds\n", accepts: []ssh.PublicKey{a.PublicKey()}, refuses: []ssh.PublicKey{b.PublicKey()}},
		{name: "known_hosts", content: "rds.example,192.0.2.1 " + keyA + "\nother " + keyB + "\n", host: "rds.example", accepts: []ssh.PublicKey{a.PublicKey()}, refuses: []ssh.PublicKey{b.PublicKey()}},
		{name: "known_hosts, port", content: "[192.0.2.1]:2222 " + keyA + "\n", host: "192.0.2.1", port: 2222, accepts: []ssh.PublicKey{a.PublicKey()}},
		{name: "known_hosts, IPv6", content: "2001:db8::1 " + keyA + "\n", host: "2001:db8::1", accepts: []ssh.PublicKey{a.PublicKey()}},
		{name: "known_hosts, hashed", content: knownhosts.HashHostname("rds.example") + " " + keyA + "\n", host: "rds.example", accepts: []ssh.PublicKey{a.PublicKey()}},
		{name: "known_hosts, two types", content: "rds " + keyA + "\nrds " + keyEC + "\n", host: "rds", accepts: []ssh.PublicKey{a.PublicKey(), ec.PublicKey()}},
		{name: "known_hosts, revoked", content: "rds " + keyA + "\n@revoked * " + keyA + "\nrds " + keyB + "\n", host: "rds", accepts: []ssh.PublicKey{b.PublicKey()}, refuses: []ssh.PublicKey{a.PublicKey()}},
		{name: "known_hosts, names that look like types", content: "sk-rds1 " + keyA + "\nssh-rds2 " + keyB + "\n", host: "sk-rds1", accepts: []ssh.PublicKey{a.PublicKey()}, refuses: []ssh.PublicKey{b.PublicKey()}},
		{name: "no entry for the host", content: "other " + keyA + "\n", host: "rds.example", fault: "has no key for rds.example"},
		{name: "no entry for the port", content: "rds " + keyA + "\n", host: "rds", port: 2222, fault: "has no key for [rds]:2222"},
		{name: "mixed", content: keyA + "\nrds " + keyB + "\n", fault: "mixes"},
		{name: "truncated key", content: keyA[:40] + "\n", fault: "line 1"},
		{name: "garbage", content: "garbage\n", fault: "known_hosts"},
		{name: "comments only", content: "# nothing\n", fault: "no key"},
		{name: "empty", content: "", fault: "is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "host")
			writeFile(t, path, tt.content)
			if tt.port == 0 {
				tt.port = 22
			}
			keys, err := LoadHostKeys(path, tt.host, tt.port)
			if tt.fault != "" {
				wantWords(t, err, path, tt.fault)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range tt.accepts {
				if err := keys.check(key); err != nil {
					t.Errorf("refused: %v", err)
				}
			}
			for _, key := range tt.refuses {
				if keys.check(key) == nil {
					t.Error("accepted a key that is not pinned")
				}
			}
		})
	}
	if _, err := LoadHostKeys(filepath.Join(t.TempDir(), "none"), "rds", 22); !os.IsNotExist(err) && err == nil {
		t.Error("a missing file was accepted")
	}
}

// Nobody has to mend a file that could not be opened for want of descriptors,
// so the next attempt must not wait as if somebody had to.
func TestWantOfFileDescriptorsIsNoFaultOfTheFile(t *testing.T) {
	for err, want := range map[error]Kind{
		&os.PathError{Op: "open", Path: "key", Err: syscall.EMFILE}: KindUnreachable,
		&os.PathError{Op: "open", Path: "key", Err: syscall.ENFILE}: KindUnreachable,
		&os.PathError{Op: "open", Path: "key", Err: syscall.EACCES}: KindCredentials,
		&os.PathError{Op: "open", Path: "key", Err: syscall.ENOENT}: KindCredentials,
	} {
		if got := credentialsKind(fmt.Errorf("private key: %w", err)); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

// A file system that hangs holds up no attempt past its limit, and no more than
// one read waits for it.
func TestHangingFileSystemEndsTheAttempt(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		mended, reads := make(chan struct{}), 0
		read := w.client.readFiles
		w.client.readFiles = func() (login, *Error) {
			reads++
			<-mended
			return read()
		}
		w.m.StartMonitor(w.t.Context())
		w.pass(time.Minute)
		s := w.m.Snapshot()
		if s.LastError == nil || s.LastError.Kind != KindCredentials || s.Attempts < 2 || reads != 1 {
			w.t.Errorf("%d attempts, %d reads, the last one failed with %v", s.Attempts, reads, s.LastError)
		}
		close(mended)
		w.wantBack(DefaultMaxInterval)
	})
}

// What a read found that an attempt gave up on may be mended when the next one
// begins: that fault costs no attempt, and no longest wait after it.
func TestFaultThatALateReadFoundIsLookedForAgain(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		mended, reads := make(chan struct{}), 0
		read := w.client.readFiles
		w.client.readFiles = func() (login, *Error) {
			if reads++; reads == 1 {
				<-mended
				return login{}, attemptError(StageCredentials, KindCredentials, syscall.EIO)
			}
			return read()
		}
		w.m.StartMonitor(w.t.Context())
		w.pass(DefaultConnectTimeout + time.Second)
		close(mended)
		w.wantBack(DefaultMaxInterval)
	})
}
