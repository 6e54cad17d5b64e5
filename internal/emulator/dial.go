package emulator

import (
	"context"
	"errors"
	"net"
	"syscall"
)

// Dial connects in memory, as net.Dialer.DialContext would over TCP; network and address only show in errors.
func (s *Server) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	fail := func(err error) error {
		return &net.OpError{Op: "dial", Net: network, Addr: pipeAddr{network, address}, Err: err}
	}
	if err := ctx.Err(); err != nil {
		return nil, fail(dialError(err))
	}
	fate := s.fate(sourceHost(s.options.Source))
	if d := s.Faults().Delay; fate == nil && d > 0 { // SYN and its answer
		if !sleep(ctx, 2*d) {
			return nil, fail(dialError(ctx.Err()))
		}
		fate = s.absence() // it may have gone while they were on their way
	}
	switch {
	case fate == errDropped:
		select {
		case <-ctx.Done():
			return nil, fail(dialError(ctx.Err()))
		case <-s.ctx.Done():
			return nil, fail(syscall.ECONNREFUSED)
		}
	case fate != nil:
		return nil, fail(fate)
	}
	client, device := newPipe(pipeAddr{network, s.options.Source}, pipeAddr{network, s.options.Address})
	client.onClose = s.clientLeft
	s.clientArrived()
	s.admit(device, nil)
	return client, nil
}

// dialError is what package net makes of a context that ends during a dial.
func dialError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errDialTimeout{}
	}
	return errDialCanceled{}
}

type errDialTimeout struct{}

func (errDialTimeout) Error() string        { return "i/o timeout" }
func (errDialTimeout) Timeout() bool        { return true }
func (errDialTimeout) Temporary() bool      { return true }
func (errDialTimeout) Is(target error) bool { return target == context.DeadlineExceeded }

type errDialCanceled struct{}

func (errDialCanceled) Error() string        { return "operation was canceled" }
func (errDialCanceled) Is(target error) bool { return target == context.Canceled }

var errDropped = errors.New("dropped")

// fate counts a dial and says what becomes of it: nil, errDropped, or the error that the client sees.
func (s *Server) fate(source string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.countDialLocked(source)
	switch err := s.absenceLocked(); {
	case err != nil:
		return err
	case s.passesGuardLocked(source):
		return nil
	case s.guard.rules.Refuse:
		return syscall.ECONNREFUSED
	}
	return errDropped
}

// absence is what a dial meets that finds no device: nil where there is one.
func (s *Server) absence() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.absenceLocked()
}

func (s *Server) absenceLocked() error {
	f := s.faults
	switch {
	case s.closed, f.Refuse, s.outage.refuses():
		return syscall.ECONNREFUSED
	case f.Unreachable:
		return syscall.EHOSTUNREACH
	case f.DropDials, f.BlackHole, f.HoldReceived, f.HoldSent, s.outage.drops():
		return errDropped
	}
	return nil
}

// sourceHost is an address without its port.
func sourceHost(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}
