package emulator

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Options says what the SSH service of the device is like. Zero values mean defaults.
type Options struct {
	Device *Device // default: NewDevice(DeviceOptions{})

	// Version is the identification line. RouterOS fact: exactly "SSH-2.0-ROSSSH", with no version inside.
	Version string

	// HostKeyType is "rsa" (2048 bits, the default here as on RouterOS) or "ed25519". HostKeys overrides it. The
	// default RSA key is made once in a process and shared by its servers, since making one takes a while.
	HostKeyType string
	HostKeys    []ssh.Signer

	// Users take the place of those of the device. A fresh one has admin, with a blank password.
	Users []User
	// PasswordWithKey accepts passwords from users who have a key too. RouterOS fact: by default
	// (password-authentication=yes-if-no-key) a user with a key cannot log in with a password.
	PasswordWithKey bool

	// SessionsPerConnection limits the session channels open at once on one connection; 0: no limit. Opens past it
	// are refused, or with HangOverLimit not answered until a session ends. RouterOS fact: 19 opens at once on one
	// connection were seen to stall.
	SessionsPerConnection int
	HangOverLimit         bool
	// MaxSessions limits the connections. RouterOS fact: "/ip/service ssh max-sessions" is 20 by default; past it a
	// connection is taken to be closed before the banner.
	MaxSessions int

	// AnswerGlobalRequests answers keepalive@openssh.com and its like with a failure, as OpenSSH does. RouterOS fact:
	// it never answers them.
	AnswerGlobalRequests bool

	// OmitExitStatus closes channels without an exit status. SendEOF sends an EOF before the close. RouterOS fact:
	// it sends data, exit status, close, and no EOF.
	OmitExitStatus, SendEOF bool

	// RebootTime is how long the device is away after a reboot command; default 30s. RouterOS fact: 60 to 120 s on an
	// RDS, 5 to 40 s on a CHR. RebootDelay is how long it still serves after the command; default 1s.
	RebootTime, RebootDelay time.Duration

	// BruteForce are the firewall rules in front of the service; none by default.
	BruteForce BruteForceRules

	// Address is what in-memory connections show as the device's address, and Source as the client's.
	Address, Source string
}

// Server serves a Device over SSH. It is safe for concurrent use.
type Server struct {
	options Options         // immutable
	device  *Device         // immutable
	ctx     context.Context // ends at Close
	cancel  context.CancelFunc
	tasks   sync.WaitGroup // every goroutine of the server

	// mu guards what follows. It is never held while waiting.
	mu        sync.Mutex
	closed    bool
	faults    Faults
	changed   chan struct{} // closed, and replaced, at every change of faults
	hostKeys  []ssh.Signer
	links     map[*link]struct{}
	listeners map[*listener]struct{}
	guard     guard
	outage    outage
	stats     Stats
}

// NewServer returns a server; it starts nothing. Close it in any case.
func NewServer(options Options) (*Server, error) {
	if options.Device == nil {
		options.Device = NewDevice(DeviceOptions{})
	}
	setDefault(&options.Version, "SSH-2.0-ROSSSH")
	setDefault(&options.HostKeyType, "rsa")
	setDefault(&options.MaxSessions, 20)
	setDefault(&options.RebootTime, 30*time.Second)
	setDefault(&options.RebootDelay, time.Second)
	setDefault(&options.Address, "192.168.88.1:22")
	setDefault(&options.Source, "192.168.88.2:50000")
	if len(options.HostKeys) == 0 {
		key, err := defaultHostKey(options.HostKeyType)
		if err != nil {
			return nil, err
		}
		options.HostKeys = []ssh.Signer{key}
	}
	s := &Server{
		options:   options,
		device:    options.Device,
		changed:   make(chan struct{}),
		hostKeys:  options.HostKeys,
		links:     make(map[*link]struct{}),
		listeners: make(map[*listener]struct{}),
		guard:     newGuard(options.BruteForce),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background()) // the server is its own root: Close ends it
	if options.Users != nil {
		s.device.setUsers(options.Users)
	}
	s.device.onReboot(s.rebootSoon)
	return s, nil
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// Device returns the device behind the server.
func (s *Server) Device() *Device { return s.device }

// HostKey returns the first host key's public half.
func (s *Server) HostKey() ssh.PublicKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hostKeys[0].PublicKey()
}

// SetHostKeys replaces the host keys, for connections made from now on.
func (s *Server) SetHostKeys(keys ...ssh.Signer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hostKeys = keys
}

// Close ends everything at once: listeners, connections, outages. It returns when every goroutine has ended.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.cancel()
	s.outage.stop()
	var errs []error
	for l := range s.listeners {
		errs = append(errs, l.close())
	}
	links := s.links
	s.links = make(map[*link]struct{})
	s.mu.Unlock()

	for l := range links {
		l.abort()
	}
	s.tasks.Wait()
	return errors.Join(errs...)
}

// start runs f in a goroutine that Close joins, unless the server is closed.
func (s *Server) start(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.tasks.Go(f)
	return true
}

// admit begins a connection over wire: it is under the faults, and served. onLeave, if any, runs when the far end is
// known to have left. Once the server is closed the wire is closed.
func (s *Server) admit(wire net.Conn, onLeave func()) { s.begin(wire, onLeave, s.serve) }

// admitSilent begins a connection that stays silent until the far end leaves.
func (s *Server) admitSilent(wire net.Conn, onLeave func()) {
	s.begin(wire, onLeave, func(l *link) {
		l.kill()
		<-l.gone
	})
}

func (s *Server) begin(wire net.Conn, onLeave func(), serve func(*link)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		wire.Close()
		return
	}
	l := newLink(wire, onLeave)
	l.tune(s.faults)
	s.links[l] = struct{}{}
	s.tasks.Go(func() {
		serve(l)
		s.release(l)
	})
}

// release lets the link go when what was written to it has gone out, or cannot.
func (s *Server) release(l *link) {
	l.Close()
	l.pumps.Wait()
	l.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.links, l)
}
