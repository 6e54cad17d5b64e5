package conn

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// HostKeys are the keys that the device may show.
type HostKeys struct {
	keys    []ssh.PublicKey
	revoked func(key ssh.PublicKey) error // nil: none can be
}

// HostKeyError says that a key was shown that is not a pinned one.
type HostKeyError struct {
	Presented string   // SHA256 fingerprint of what was shown
	Type      string   // its type, e.g. ssh-ed25519
	Pinned    []string // SHA256 fingerprints of what was expected
}

func (e *HostKeyError) Error() string {
	return fmt.Sprintf("the device showed %s %s, pinned: %s", e.Type, e.Presented, strings.Join(e.Pinned, ", "))
}

// LoadHostKeys reads the pinned keys of a host from a file of public key lines
// ("ssh-ed25519 AAAA... comment") or in known_hosts format. Several keys are
// fine: a rotation is prepared by adding the next one.
func LoadHostKeys(path, host string, port int) (*HostKeys, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	public, other := 0, 0
	var keys []ssh.PublicKey
	for number, line := range bytes.Split(data, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		// sshd's own options may stand before a key in authorized_keys, but
		// nowhere in a host's public key file: the type comes first.
		first := string(bytes.Fields(line)[0])
		if !isKeyType(first) {
			other++
			continue
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey(line)
		if err == nil && key.Type() != first {
			other++ // a host of known_hosts whose name looks like a type
			continue
		}
		public++
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: malformed public key (%w)", path, number+1, err)
		}
		keys = append(keys, key)
	}
	switch {
	case public > 0 && other > 0:
		return nil, fmt.Errorf("%s mixes public key lines with other lines; use one format", path)
	case public > 0:
		return &HostKeys{keys: keys}, nil
	case other > 0:
		return loadKnownHosts(path, host, port)
	}
	return nil, fmt.Errorf("%s holds no key", path)
}

func isKeyType(word string) bool {
	return strings.HasPrefix(word, "ssh-") || strings.HasPrefix(word, "ecdsa-sha2-") || strings.HasPrefix(word, "sk-")
}

// loadKnownHosts asks the known_hosts parser for all keys of the host: shown a
// key that it cannot know, its error lists those that it wanted.
func loadKnownHosts(path, host string, port int) (*HostKeys, error) {
	check, err := knownhosts.New(path)
	if err != nil {
		return nil, fmt.Errorf("%s is neither a public key nor in known_hosts format (%w)", path, err)
	}
	address := net.JoinHostPort(host, strconv.Itoa(port))
	var mismatch *knownhosts.KeyError
	if err := check(address, noAddr{}, noKey{}); !errors.As(err, &mismatch) || len(mismatch.Want) == 0 {
		return nil, fmt.Errorf("%s has no key for %s", path, knownhosts.Normalize(address))
	}
	h := &HostKeys{revoked: func(key ssh.PublicKey) error {
		var revoked *knownhosts.RevokedError
		if err := check(address, noAddr{}, key); errors.As(err, &revoked) {
			return err
		}
		return nil
	}}
	for _, known := range mismatch.Want {
		h.keys = append(h.keys, known.Key)
	}
	return h, nil
}

// check is an ssh.HostKeyCallback but for its unused arguments.
func (h *HostKeys) check(key ssh.PublicKey) error {
	if h.revoked != nil {
		if err := h.revoked(key); err != nil {
			return err
		}
	}
	shown := key.Marshal()
	if slices.ContainsFunc(h.keys, func(pinned ssh.PublicKey) bool { return bytes.Equal(pinned.Marshal(), shown) }) {
		return nil
	}
	return &HostKeyError{Presented: ssh.FingerprintSHA256(key), Type: key.Type(), Pinned: h.Fingerprints()}
}

// Fingerprints lists the SHA256 fingerprints of the pinned keys.
func (h *HostKeys) Fingerprints() []string {
	var list []string
	for _, key := range h.keys {
		list = append(list, ssh.FingerprintSHA256(key))
	}
	return list
}

// algorithms lists the host key algorithms to offer: those of the pinned keys
// alone. A device with several keys would otherwise show one that is not
// pinned, which looks like an attack.
func (h *HostKeys) algorithms() []string {
	var list []string
	for _, key := range h.keys {
		algorithms := []string{key.Type()}
		if key.Type() == ssh.KeyAlgoRSA {
			algorithms = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
		}
		for _, a := range algorithms {
			if !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
	}
	return list
}

// noKey matches no line of a known_hosts file.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return []byte("none") }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }

// noAddr is the remote address of a host that was not dialled yet.
type noAddr struct{}

func (noAddr) Network() string { return "tcp" }
func (noAddr) String() string  { return "0.0.0.0:0" }
