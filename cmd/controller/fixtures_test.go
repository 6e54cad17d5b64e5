package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// files is a folder with one file of every sort.
type files struct {
	dir, key, ecdsaKey, public, hostKey, otherHost string
}

func writeFiles(t *testing.T) files {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curveBlock, err := ssh.MarshalPrivateKey(curve, "")
	if err != nil {
		t.Fatal(err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return files{
		dir:       dir,
		key:       write("key", pem.EncodeToMemory(block)),
		ecdsaKey:  write("ecdsa", pem.EncodeToMemory(curveBlock)),
		public:    write("public", []byte("this is no key\n")),
		hostKey:   write("host", ssh.MarshalAuthorizedKey(line)),
		otherHost: write("other", []byte(knownhosts.Line([]string{"[elsewhere.example.net]:2222"}, line)+"\n")),
	}
}

// encryptedKey is a private key with a passphrase.
func encryptedKey(t *testing.T) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "encrypted")
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// with returns the arguments of a good configuration, changed: "--name" alone
// takes a flag away.
func (f files) with(changes ...string) []string {
	args := []string{"--rds-address=192.0.2.1", "--rds-key-file=" + f.key, "--rds-host-key=" + f.hostKey, "--rds-volume-base-path=/pool/volumes",
		"--endpoint=unix://" + filepath.Join(f.dir, "csi.sock")}
	for _, c := range changes {
		name, _, valued := strings.Cut(c, "=")
		args = slices.DeleteFunc(args, func(a string) bool { return strings.HasPrefix(a, name+"=") })
		if valued {
			args = append(args, c)
		}
	}
	return args
}
