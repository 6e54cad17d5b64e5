package emulator

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"

	"golang.org/x/crypto/ssh"
)

// GenerateHostKey makes a key of type "rsa" (2048 bits) or "ed25519". RouterOS fact: RSA 2048 is the default,
// "/ip/ssh/set host-key-type=ed25519" changes it.
func GenerateHostKey(keyType string) (crypto.Signer, error) {
	switch keyType {
	case "rsa":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, fmt.Errorf("host key type %q: want rsa or ed25519", keyType)
}

// NewHostKey makes a new key, for [Server.SetHostKeys] and [Options].
func NewHostKey(keyType string) (ssh.Signer, error) {
	key, err := GenerateHostKey(keyType)
	if err != nil {
		return nil, err
	}
	return ssh.NewSignerFromKey(key)
}

var sharedRSAKey = sync.OnceValues(func() (ssh.Signer, error) { return NewHostKey("rsa") })

func defaultHostKey(keyType string) (ssh.Signer, error) {
	if keyType == "rsa" {
		return sharedRSAKey()
	}
	return NewHostKey(keyType)
}
