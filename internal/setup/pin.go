package setup

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/conn"
)

// placeholderMark is the comment of a pinned key that no device has.
const placeholderMark = "placeholder-until-routeros-setup-has-run"

// makePlaceholder pins a key whose private half is thrown away. A made-up one would not do: anybody can sign for some
// keys of Ed25519.
func (f Files) makePlaceholder() (outcome, error) {
	if _, err := os.Lstat(f.HostKeys); err == nil {
		return there("%s", f.HostKeys)
	}
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return outcome{}, err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return outcome{}, err
	}
	if err := create(f.HostKeys, keyLine(key, placeholderMark), 0o644); err != nil {
		return outcome{}, err
	}
	return done("%s, which no device matches until routeros-setup setup has run", f.HostKeys)
}

func keyLine(key ssh.PublicKey, comment string) []byte {
	return append(bytes.TrimSpace(ssh.MarshalAuthorizedKey(key)), " "+comment+"\n"...)
}

// pinned reads the host keys that are pinned, nil if none is: no file, or the placeholder.
func (o *Options) pinned() (*conn.HostKeys, error) {
	const remedy = "correct it, or move it away to trust the device's key once more"
	text, err := os.ReadFile(o.Files.HostKeys)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fault(remedy, "%w", err)
	case isPlaceholder(text):
		return nil, nil
	}
	keys, err := conn.LoadHostKeys(o.Files.HostKeys, o.Host, o.Port)
	if err != nil {
		return nil, fault(remedy, "%w", err)
	}
	return keys, nil
}

// isPlaceholder reports whether the file is as makePlaceholder left it: one line, with the mark.
func isPlaceholder(text []byte) bool {
	line, rest, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	return strings.TrimSpace(rest) == "" && len(fields) == 3 && fields[2] == placeholderMark
}

// pin writes the key of the device in the place of the placeholder, at once or not at all: a controller may read the
// file at any time. The line is a public key line, which holds whatever name or address the controller dials.
func (o *Options) pin(key ssh.PublicKey) error {
	const remedy = "check the directory and who may write to it"
	dir, name := filepath.Split(o.Files.HostKeys)
	if dir == "" {
		dir = "."
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault(remedy, "%w", err)
	}
	f, err := os.CreateTemp(dir, "."+name+".*")
	if err != nil {
		return fault(remedy, "%w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(keyLine(key, o.address()))
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), o.Files.HostKeys)
	}
	if err != nil {
		return fault(remedy, "%w", err)
	}
	return nil
}
