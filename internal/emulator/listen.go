package emulator

import (
	"errors"
	"net"
	"time"
)

// listener is one TCP listener. Its fields are guarded by the server's lock.
type listener struct {
	net.Listener
	ours    bool // opened by Listen: closed while the device refuses, and opened again on the same address
	address string
	open    bool
	retry   *time.Timer
}

func (l *listener) close() error {
	if l.retry != nil {
		l.retry.Stop()
	}
	if !l.open {
		return nil
	}
	l.open = false
	return l.Listener.Close()
}

// Listen opens a TCP listener and serves it in the background. While the device refuses connections the listener is
// closed, so that the kernel refuses them.
func (s *Server) Listen(address string) (net.Addr, error) {
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	l := &listener{Listener: tcp, ours: true, address: tcp.Addr().String(), open: true}
	if !s.start(func() { s.accept(tcp) }) {
		tcp.Close()
		return nil, net.ErrClosed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners[l] = struct{}{}
	s.tuneListenersLocked()
	return tcp.Addr(), nil
}

// Serve serves a listener until it fails or the server is closed, which closes the listener and makes Serve return nil.
func (s *Server) Serve(tcp net.Listener) error {
	l := &listener{Listener: tcp, open: true}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		tcp.Close()
		return nil
	}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	err := s.accept(tcp)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
	if s.closed || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (s *Server) accept(tcp net.Listener) error {
	for {
		wire, err := tcp.Accept()
		if err != nil {
			return err
		}
		s.welcome(wire)
	}
}

// welcome decides what becomes of a connection that the kernel has accepted.
func (s *Server) welcome(wire net.Conn) {
	switch s.fate(sourceHost(wire.RemoteAddr().String())) {
	case nil:
		s.clientArrived()
		s.admit(wire, s.clientLeft)
	case errDropped: // too late to drop the SYN: silence instead
		s.clientArrived()
		s.admitSilent(wire, s.clientLeft)
	default:
		if tcp, ok := wire.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		wire.Close()
	}
}

// tuneListenersLocked closes or opens the listeners of our own.
func (s *Server) tuneListenersLocked() {
	refuse := s.faults.Refuse || s.outage.refuses()
	for l := range s.listeners {
		switch {
		case !l.ours || s.closed:
		case refuse:
			l.close()
		case !l.open:
			s.reopenLocked(l)
		}
	}
}

// reopenLocked opens the listener again. On loopback its port may have become the near end of somebody's connection
// meanwhile, so it tries again while it is taken.
func (s *Server) reopenLocked(l *listener) {
	tcp, err := net.Listen("tcp", l.address)
	if err != nil {
		l.retry = time.AfterFunc(50*time.Millisecond, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.tuneListenersLocked()
		})
		return
	}
	l.Listener, l.open = tcp, true
	s.tasks.Go(func() { s.accept(tcp) })
}
