package main

import (
	"encoding/pem"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/crypto/ssh"

	"rds-csi/internal/emulator"
)

// hostKey reads the file, or makes a key and writes it there. Without a file each start has a new key.
func hostKey(file, keyType string) (ssh.Signer, error) {
	if file == "" {
		return emulator.NewHostKey(keyType)
	}
	text, err := os.ReadFile(file) // #nosec G304 -- who starts the emulator names it
	if err == nil {
		return ssh.ParsePrivateKey(text)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, err := emulator.GenerateHostKey(keyType)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(key, "emulator")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	return ssh.NewSignerFromKey(key)
}

func fingerprint(key ssh.PublicKey) string { return ssh.FingerprintSHA256(key) }
