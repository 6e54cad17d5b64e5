package emulator

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"

	"golang.org/x/crypto/ssh"
)

// wiretap lets the emulator say what x/crypto/ssh offers a server no way to say after login: SSH_MSG_DISCONNECT, and
// packets that break the protocol. It sits between the SSH server and the link, supplies the server's randomness and
// reads the unencrypted part of the key exchange, so it can derive the key of the server's direction as any party to the
// exchange can, and append packets of its own.
//
// That works with curve25519 and AES-GCM, which x/crypto's client prefers among what the emulator offers, until the
// first rekey.
type wiretap struct {
	*link

	mu        sync.Mutex // guards what follows; held over writes to the link, which do not block
	sent      packetScanner
	received  packetScanner
	private   []byte // the server's ephemeral key
	exchanges int    // key exchanges begun
	clientKey []byte
	last      [][]byte // the packets that end the stream, kept until the server's own packet is complete
	hangUp    bool     // close the link after them
	ended     bool     // they were sent: the server's counter of packets is wrong now, and it says no more
}

const (
	msgNewKeys  = 21
	msgECDHInit = 30
)

func newWiretap(l *link) *wiretap {
	t := &wiretap{link: l}
	t.received.onPacket = func(payload []byte) {
		var init struct {
			Key []byte `sshtype:"30"`
		}
		if payload[0] == msgECDHInit && ssh.Unmarshal(payload, &init) == nil {
			t.clientKey = bytes.Clone(init.Key)
		}
	}
	return t
}

// keySource is the randomness of the server. x/crypto/ssh reads 32 bytes at once for its ephemeral key and for nothing
// else: cookies and paddings are shorter.
type keySource struct{ *wiretap }

func (s keySource) Read(p []byte) (int, error) {
	n, err := rand.Read(p)
	if len(p) == 32 {
		s.mu.Lock()
		s.private, s.exchanges = bytes.Clone(p), s.exchanges+1
		s.mu.Unlock()
	}
	return n, err
}

func (t *wiretap) Read(p []byte) (int, error) {
	n, err := t.link.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.received.encrypted {
		t.received.scan(p[:n])
	}
	return n, err
}

func (t *wiretap) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return len(p), nil
	}
	n, err := t.link.Write(p)
	t.sent.scan(p)
	t.endAtBoundaryLocked()
	return n, err
}

// finish sends the packets as the last ones of the stream and closes the link, or leaves it open in silence. Where the
// packets cannot be made the link is closed.
func (t *wiretap) finish(conn ssh.Conn, packets [][]byte, hangUp bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	seal, err := t.sealerLocked(conn)
	if err != nil {
		t.link.Close()
		return
	}
	t.last, t.hangUp, t.sent.seal = packets, hangUp, seal
	t.endAtBoundaryLocked()
}

func (t *wiretap) endAtBoundaryLocked() {
	if t.last == nil || !t.sent.atBoundary() {
		return
	}
	var sealed []byte
	for i, packet := range t.last {
		sealed = append(sealed, t.sent.seal(packet, t.sent.encryptedPackets+uint64(i))...)
	}
	t.link.Write(sealed)
	t.last, t.ended = nil, true
	if t.hangUp {
		t.link.Close()
	}
}

// sealerLocked derives the key of the server's direction (RFC 4253, section 7.2; RFC 8731) and returns a function that
// makes an AES-GCM packet (RFC 5647) of a payload, given how many came before it under that key.
func (t *wiretap) sealerLocked(conn ssh.Conn) (func([]byte, uint64) []byte, error) {
	negotiated, ok := conn.(ssh.AlgorithmsConnMetadata)
	if !ok || t.exchanges != 1 {
		return nil, errors.New("emulator: no keys for a packet")
	}
	algorithms := negotiated.Algorithms()
	keySize := map[string]int{ssh.CipherAES128GCM: 16, ssh.CipherAES256GCM: 32}[algorithms.Write.Cipher]
	if keySize == 0 || algorithms.KeyExchange != ssh.KeyExchangeCurve25519 {
		return nil, errors.New("emulator: no packet with " + algorithms.Write.Cipher)
	}
	private, err := ecdh.X25519().NewPrivateKey(t.private)
	if err != nil {
		return nil, err
	}
	public, err := ecdh.X25519().NewPublicKey(t.clientKey)
	if err != nil {
		return nil, err
	}
	secret, err := private.ECDH(public)
	if err != nil {
		return nil, err
	}
	// Before any rekey the session id is the exchange hash.
	id := conn.SessionID()
	material := func(letter byte) []byte {
		h := sha256.Sum256(bytes.Join([][]byte{mpint(secret), id, {letter}, id}, nil))
		return h[:]
	}
	block, err := aes.NewCipher(material('D')[:keySize])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	iv := material('B')[:aead.NonceSize()]
	return func(payload []byte, count uint64) []byte { return sealPacket(aead, iv, payload, count) }, nil
}

func sealPacket(aead cipher.AEAD, iv, payload []byte, count uint64) []byte {
	const block = 16
	padding := block - (1+len(payload))%block
	if padding < 4 {
		padding += block
	}
	plain := append([]byte{byte(padding)}, payload...)
	plain = append(plain, make([]byte, padding)...)

	nonce := bytes.Clone(iv)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])+count)
	packet := binary.BigEndian.AppendUint32(nil, uint32(len(plain)))
	return aead.Seal(packet, nonce, plain, packet)
}

// mpint encodes a positive integer as RFC 4251 does.
func mpint(b []byte) []byte {
	b = bytes.TrimLeft(b, "\x00")
	if len(b) > 0 && b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// packetScanner follows one direction of an SSH stream: the identification line, the packets of the key exchange, which
// it hands on, and after NEWKEYS encrypted packets, which it counts.
type packetScanner struct {
	onPacket         func(payload []byte)
	seal             func(payload []byte, count uint64) []byte
	identified       bool
	encrypted        bool
	encryptedPackets uint64

	header  []byte
	body    []byte // of an unencrypted packet
	missing int    // bytes of the packet still to come
}

func (s *packetScanner) atBoundary() bool { return s.missing == 0 && len(s.header) == 0 }

func (s *packetScanner) scan(p []byte) {
	for len(p) > 0 {
		switch {
		case !s.identified:
			end := bytes.IndexByte(p, '\n')
			if end < 0 {
				return
			}
			s.identified, p = true, p[end+1:]
		case s.missing == 0:
			p = s.scanHeader(p)
		default:
			n := min(s.missing, len(p))
			if !s.encrypted {
				s.body = append(s.body, p[:n]...)
			}
			s.missing -= n
			p = p[n:]
			if s.missing == 0 {
				s.endPacket()
			}
		}
	}
}

func (s *packetScanner) scanHeader(p []byte) []byte {
	n := min(4-len(s.header), len(p))
	s.header = append(s.header, p[:n]...)
	if len(s.header) == 4 {
		const tag = 16
		s.missing = int(binary.BigEndian.Uint32(s.header))
		if s.encrypted {
			s.missing += tag
		}
	}
	return p[n:]
}

func (s *packetScanner) endPacket() {
	s.header = s.header[:0]
	if s.encrypted {
		s.encryptedPackets++
		return
	}
	if len(s.body) > 1 { // a byte that says how long the padding is, then the payload
		if s.onPacket != nil {
			s.onPacket(s.body[1 : len(s.body)-int(s.body[0])])
		}
		s.encrypted = s.body[1] == msgNewKeys
	}
	s.body = s.body[:0]
}
