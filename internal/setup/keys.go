package setup

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/conn"
)

// Files are what the controller logs in with.
type Files struct {
	Key       string // private key: --rds-key-file of the controller
	PublicKey string // its other half, for the device
	HostKeys  string // the device's pinned host key: --rds-host-key of the controller
}

// MakeKeys makes the files that are missing and leaves alone what is there. The host key file that it makes pins a key
// that no device has: the controller needs a file to start, and until [Run] has seen the device there is nobody to trust.
// keyType is ed25519 or rsa; RouterOS takes Ed25519 keys of users since 7.12.
func MakeKeys(ctx context.Context, files Files, keyType string, output io.Writer) error {
	r := &report{w: output}
	for _, s := range []struct {
		name string
		run  func(context.Context) (outcome, error)
	}{
		{"key", func(context.Context) (outcome, error) { return files.makeKey(keyType) }},
		{"public key", func(context.Context) (outcome, error) { return files.makePublicKey() }},
		{"host key file", func(context.Context) (outcome, error) { return files.makePlaceholder() }},
	} {
		if err := r.step(ctx, s.name, s.run); err != nil {
			return err
		}
	}
	return nil
}

func (f Files) makeKey(keyType string) (outcome, error) {
	if _, err := os.Lstat(f.Key); err == nil {
		signer, err := f.signer()
		if err != nil {
			return outcome{}, err
		}
		return there("%s, %s %s", f.Key, signer.PublicKey().Type(), ssh.FingerprintSHA256(signer.PublicKey()))
	}
	key, err := generate(keyType)
	if err != nil {
		return outcome{}, err
	}
	block, err := ssh.MarshalPrivateKey(key, keyComment)
	if err != nil {
		return outcome{}, err
	}
	if err := create(f.Key, pem.EncodeToMemory(block), 0o600); err != nil {
		return outcome{}, err
	}
	return done("%s", f.Key)
}

const keyComment = "rds-csi"

func generate(keyType string) (crypto.Signer, error) {
	switch keyType {
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case "rsa":
		return rsa.GenerateKey(rand.Reader, 3072)
	}
	return nil, fmt.Errorf("key type %q: want ed25519 or rsa", keyType)
}

func (f Files) makePublicKey() (outcome, error) {
	signer, err := f.signer()
	if err != nil {
		return outcome{}, err
	}
	if _, err := os.Lstat(f.PublicKey); err == nil {
		if _, err := f.publicLine(); err != nil {
			return outcome{}, err
		}
		return there("%s", f.PublicKey)
	}
	line := append(bytes.TrimSpace(ssh.MarshalAuthorizedKey(signer.PublicKey())), " "+keyComment+"\n"...)
	if err := create(f.PublicKey, line, 0o644); err != nil {
		return outcome{}, err
	}
	return done("%s", f.PublicKey)
}

// signer reads the private key. RouterOS fact: ECDSA keys of users are never accepted.
func (f Files) signer() (ssh.Signer, error) {
	signer, err := conn.LoadKey(f.Key)
	if err != nil {
		return nil, fault("routeros-setup keys makes one; move away a file that is none", "%w", err)
	}
	if t := signer.PublicKey().Type(); t != ssh.KeyAlgoED25519 && t != ssh.KeyAlgoRSA {
		return nil, fault("use an Ed25519 or RSA key; routeros-setup keys makes one", "%s is of type %s, which RouterOS does not accept", f.Key, t)
	}
	return signer, nil
}

// publicLine reads the public key line, which must belong to the private key.
func (f Files) publicLine() ([]byte, error) {
	signer, err := f.signer()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(f.PublicKey)
	if err != nil {
		return nil, fault("routeros-setup keys makes it", "%w", err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil || !bytes.Equal(key.Marshal(), signer.PublicKey().Marshal()) {
		return nil, fault("move it away and run routeros-setup keys, which makes it anew", "%s is not the public half of %s", f.PublicKey, f.Key)
	}
	return append(bytes.TrimSpace(text), '\n'), nil
}

// create makes a file with its directory, and never touches one that is there. A file that cannot be completed is removed.
func create(path string, content []byte, mode fs.FileMode) error {
	const remedy = "check the directory and who may write to it"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fault(remedy, "%w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) // #nosec G304 -- the operator names it
	if err != nil {
		return fault(remedy, "%w", err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(path)
		return fault(remedy, "%w", err)
	}
	return nil
}
